"""Going into the background: how a process that outlives its command leaves the command behind."""

from __future__ import annotations

import _signal
import os

from cuddy.kernel import process, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.errors import CuddyError

MOST_TEXT = 2500
"""Characters of an error's message, and of its hint, that whoever waits is told. Both must fit into
one packet (`nursery.receive`), in which one outside the BMP takes twelve bytes of JSON."""
IGNORED_SIGNALS = (
    _signal.SIGHUP,
    _signal.SIGINT,
    _signal.SIGQUIT,
    _signal.SIGTERM,
    _signal.SIGPIPE,
)


def spawn(act: Callable[[], object]) -> None:
    """Have a process that is nobody's child do something, and end. Raises OSError."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        if os.fork() == 0:
            act()
    finally:
        os._exit(0)


def leave(title: str, kept: set[int]) -> None:
    """Leave the caller's session, terminal, directory and all but these descriptors behind.

    `title`: what ps(1) shows. A descriptor of -1 is none.
    """
    trace_fd = syscall.tracer.fd if syscall.tracer else -1
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    null = os.open("/dev/null", os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    close_all_but(sorted({*kept, trace_fd} - {-1}))
    for number in IGNORED_SIGNALS:
        _signal.signal(number, _signal.SIG_IGN)
    process.set_title(title)


def failure(error: CuddyError) -> dict[str, object]:
    """An error for the command that waits, which raises it: `nursery.read_report`."""
    return {"error": [type(error).__name__, error.message[:MOST_TEXT], error.hint[:MOST_TEXT]]}


def close_all_but(kept: list[int]) -> None:
    """Close every descriptor above the standard three except those (sorted)."""
    first = 3
    for fd in kept:
        if first < fd:
            os.closerange(first, fd)
        first = fd + 1
    process.close_from(first)
