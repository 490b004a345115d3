"""The error boundary: where a failure becomes one line on standard error and an exit status.

    cuddy: message (hint)

Nothing else in the command line catches a CuddyError. A command about several things goes through
`each` or `all_at_once`, so that one failure does not keep the others from their turn.
"""

from __future__ import annotations

import os
import sys

from cuddy.errors import CuddyError, UsageError
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

INTERRUPTED = 130  # 128 + SIGINT
PIPE_CLOSED = 141  # 128 + SIGPIPE
AT_ONCE = 32


def attempt(act: Callable[[], int | None], *, least: int = 0, about: str = "") -> int:
    """Do it; the exit status it returns, or after an error one that is not below `least`.

    `about`: what it is done to, named before a message that does not name it. KeyboardInterrupt and
    BrokenPipeError pass: they end the whole command.
    """
    try:
        return act() or 0
    except CuddyError as error:
        code = error.exit_code if isinstance(error, UsageError) else max(error.exit_code, least)
        return complain(_naming(about, str(error)), code, excerpt=error.excerpt)
    except BrokenPipeError:
        raise
    except Exception as error:
        if os.environ.get("CUDDY_DEBUG") == "1":
            sys.excepthook(type(error), error, error.__traceback__)
        from cuddy import unforeseen

        return complain(_naming(about, unforeseen.explain(error)), max(1, least))


def _naming(about: str, message: str) -> str:
    return message if about in message else f"{about}: {message}"


def each(names: Sequence[str], act: Callable[[str], None]) -> int:
    """Do it for every name; the status is 1 if any failed."""

    def attempt_one(name: str) -> int:
        return attempt(lambda: act(name), about=name if len(names) > 1 else "")

    codes = [attempt_one(name) for name in names]
    return int(any(codes))


def collect(names: Sequence[str], find: Callable[[str], T]) -> tuple[list[T], list[str]]:
    """What is found of the names; and what to complain of, once that has been shown."""
    found, complaints = [], []
    for name in names:
        try:
            found.append(find(name))
        except CuddyError as error:
            complaints.append(str(error))
    return found, complaints


def all_at_once(names: Sequence[str], act: Callable[[str], None]) -> int:
    """Do it for every name, a process for each so that the waiting is shared; print the names.

    Names are printed in the order they were given, as soon as those before them are done.
    """
    failed = False
    running: list[int] = []
    for position, name in enumerate(names):
        for other in names[len(running) : position + AT_ONCE]:
            running.append(_fork(other, act))
        _, status = os.waitpid(running[position], 0)
        failed |= status != 0
        if not status:
            print(name, flush=True)
    return int(failed)


def _fork(name: str, act: Callable[[str], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = INTERRUPTED
    try:
        code = attempt(lambda: act(name), about=name)
    finally:
        os._exit(code)


def warn(messages: Sequence[str]) -> None:
    """Say what is not as asked for, but does not keep the command from its work."""
    for message in messages:
        os.write(2, f"cuddy: warning: {printable(message)}\n".encode("utf-8", "surrogateescape"))


def complain(message: str, code: int, *, excerpt: str = "") -> int:
    """Say in one line what went wrong, after what was printed before it; returns the code.

    `excerpt`: lines of a file that it is about, shown above.
    """
    try:
        sys.stdout.flush()
    except OSError:
        pass
    shown = [printable(line, keep="\t") for line in excerpt.splitlines()]
    lines = "\n".join([*shown, f"cuddy: {printable(message)}\n"])
    try:
        os.write(2, lines.encode("utf-8", "surrogateescape"))
    except OSError:
        pass
    return code
