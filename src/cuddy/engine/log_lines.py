"""Entries of a log as people read them: with the time and its attributes before each line."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.logfile import LogEntry

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")


class Lines:
    """What stands before lines; once before one that comes in pieces."""

    def __init__(self, *, timestamps: bool, details: bool) -> None:
        self.timestamps = timestamps
        self.details = details
        self._begins = {1: True, 2: True}

    def decorate(self, entry: LogEntry) -> bytes:
        """The bytes of an entry."""
        if not self.timestamps and not self.details:
            return entry.data
        before = f"{entry.time} " if self.timestamps else ""
        if self.details:
            before += f"{details(entry.attributes or {})} "
        start = before.encode() if self._begins[entry.stream] else b""
        self._begins[entry.stream] = entry.data.endswith(b"\n")
        lines = entry.data.replace(b"\n", b"\n" + before.encode(), entry.data.count(b"\n", 0, -1))
        return start + lines


def details(attributes: dict[str, str]) -> str:
    """Attributes as docker shows them: key=value,..., sorted, escaped as in a query string."""
    return ",".join(f"{_escape(key)}={_escape(attributes[key])}" for key in sorted(attributes))


def _escape(text: str) -> str:
    """Go's url.QueryEscape."""
    return "".join(
        c if c in _PLAIN else "+" if c == " " else "".join(f"%{byte:02X}" for byte in c.encode())
        for c in text
    )
