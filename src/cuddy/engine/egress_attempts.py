"""Attempts to reach something, as lines of JSON in a file that is bounded: how they are written,
by the resolver process, and read again.

    {"time":"...","verdict":"refused","name":"","address":"192.0.2.1","port":25,"protocol":"tcp",...}

What comes faster than somebody could read it is counted instead.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.engine.logfile import Limits, LogEntry, LogFile
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.home import Home

LIMITS = Limits(max_size=1 << 20, max_files=3)
PER_SECOND = 100
BURST = 1000
ALLOWED, REFUSED, LEFT_OUT = "allowed", "refused", "left out"
FILE = "egress.json"


def path(home: Home, container_id: str) -> str:
    """Where the log of a container is."""
    return f"{home.container_dir(container_id)}/{FILE}"


class Attempt(NamedTuple):
    """One line: what was tried, and what became of it."""

    time: str  # RFC 3339, UTC
    verdict: str  # ALLOWED, REFUSED; LEFT_OUT: so many others were not written down
    name: str = ""  # that led to the address, or was asked for
    address: str = ""  # "" of a question
    port: int = 0
    protocol: str = ""  # tcp, udp, icmp, ...; dns for a question
    number: int = 1


class Writer:
    """Appends attempts, not faster than a bound allows. Raises OSError when it is made."""

    def __init__(self, path: str) -> None:
        self._file = LogFile(path, LIMITS)
        self._credit: float = BURST
        self._looked = time.monotonic()
        self._left_out = 0

    def write(
        self, verdict: str, *, name: str = "", address: str = "", port: int = 0, protocol: str = ""
    ) -> None:
        """Note an attempt, or only that there was one."""
        now = time.monotonic()
        self._credit = min(BURST, self._credit + (now - self._looked) * PER_SECOND)
        self._looked = now
        if self._credit < 1:
            self._left_out += 1
            return
        self._credit -= 1
        self.tell_left_out()
        self._append(Attempt(files.now(), verdict, name, address, port, protocol))

    def leave_out(self, count: int) -> None:
        """So many attempts were seen, and nothing more of them."""
        self._left_out += count

    def tell_left_out(self) -> None:
        """Write down how many were left out, if any were."""
        if self._left_out:
            count, self._left_out = self._left_out, 0
            self._append(Attempt(files.now(), LEFT_OUT, number=count))

    def _append(self, attempt: Attempt) -> None:
        self._file.append(files.format_json(attempt._asdict()).encode() + b"\n")

    def close(self) -> None:
        """Nothing more comes."""
        self.tell_left_out()
        self._file.close()


def whole(data: bytes) -> int:
    """Where the last complete line ends."""
    return data.rfind(b"\n") + 1


def decode(block: bytes) -> Iterator[LogEntry | None]:
    """The attempts in whole lines, each with its time; None for what is none."""
    for line in block.splitlines():
        attempt = parse(line)
        yield LogEntry(1, attempt.time, line) if attempt else None


def tail(fd: int, count: int, is_last: bool) -> tuple[int, int]:
    """Where the last `count` lines of a file begin, and how many of them are missing."""
    data = os.pread(fd, os.fstat(fd).st_size, 0)
    position = len(data) - data.endswith(b"\n")
    while count and position > 0:
        position = data.rfind(b"\n", 0, position)
        count -= 1
    return position + 1 if position > 0 else 0, count


def parse(line: bytes) -> Attempt | None:
    """One line of the log; None for what is none, or of another shape."""
    try:
        document = files.parse_json(line)
        found = Attempt(**{key: document[key] for key in Attempt._fields if key in document})
    except (ValueError, TypeError, KeyError):
        return None
    defaults = Attempt("", "")
    fits = all(type(value) is type(default) for value, default in zip(found, defaults))
    return found if fits else None
