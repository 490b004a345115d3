"""kill: a signal to a container's init, or to all its processes."""

from __future__ import annotations

import _signal

from cuddy.cli.flags import BOOL, Flag
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.engine import signals
from cuddy.errors import InvalidArgument
from cuddy.runtime import kill as killing

FLAGS = (Flag("all", "a", BOOL, "To every process of the container"),)


def kill(call: Call) -> int:
    name = call.args.names[1] if len(call.args.names) > 1 else "TERM"
    number = number_of(name)
    if number == _signal.SIGKILL and not call.args.all:
        killing.end(call.root, call.id)
    else:
        killing.kill(call.root, call.id, number, all=call.args.all)
    return 0


def number_of(name: str) -> int:
    """A signal's number; 0 asks whether there is somebody. Raises InvalidArgument."""
    if name == "0":
        return 0
    try:
        return signals.parse(name)
    except InvalidArgument:
        raise InvalidArgument(f'unknown signal "{name}"') from None


VERB = Verb("Send a signal to a container", kill, "<container-id> [signal]", FLAGS, 1, 2)
