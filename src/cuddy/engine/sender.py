"""Who sends a container its signals: noted before they go, so that its end can be explained.

A line of JSON for each signal in `<run dir>/sender`, a file that most containers never have. The
monitor takes it at the end of each life.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

MOST_BYTES = 1 << 14
"""Of very many signals the first are forgotten: what matters is the last, or nothing."""


class Sent(TypedDict, total=False):
    """One signal."""

    By: str  # what sent it: "cuddy stop"
    Signal: int
    AfterSeconds: float  # how long it had been waited for the container to end by itself


def note(home: Home, container_id: str, signal: int, by: str, *, waited_s: float = 0) -> None:
    """Write down that a signal is about to be sent. What cannot be written is not known later."""
    sent: Sent = {"By": by, "Signal": signal}
    if waited_s:
        sent["AfterSeconds"] = waited_s
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        fd = os.open(_path(home, container_id), flags, 0o600)
        try:
            if os.fstat(fd).st_size > MOST_BYTES:
                os.ftruncate(fd, 0)
            os.write(fd, files.format_json(sent).encode() + b"\n")
        finally:
            os.close(fd)
    except OSError:
        pass  # it has ended meanwhile


def take(home: Home, container_id: str) -> list[Sent]:
    """The signals of this life, in their order; the next life begins with none."""
    path = _path(home, container_id)
    try:
        lines = files.read_bytes(path).split(b"\n")
        os.unlink(path)
        found = [files.parse_json(line) for line in lines if line]
        return [each for each in found if is_sent(each)]
    except (OSError, ValueError):
        return []


def is_sent(value: object) -> bool:
    """Whether a document is one that `note` wrote."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("By"), str)
        and isinstance(value.get("Signal"), int)
    )


def _path(home: Home, container_id: str) -> str:
    return f"{home.run_dir(container_id)}/sender"
