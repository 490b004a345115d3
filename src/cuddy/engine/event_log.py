"""The log of events as its readers see it: what is there, and then what comes.

A reader holds both parts of the log open. When the newer becomes the older one it goes on with both
until the next such change, since somebody may still be writing to what was the log a moment ago.
Nobody waits for readers: one that sleeps through two changes misses what was in between.
"""

from __future__ import annotations

import os
import select
import time

from cuddy import files
from cuddy.engine import event_filters, events
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import inotify, process
from cuddy.shapes import TypedDict
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cuddy.engine.event_filters import Filters
    from cuddy.engine.home import Home


CHUNK_BYTES = 1 << 14
MAY_BE_NEW = inotify.IN_CREATE | inotify.IN_MOVED_TO | inotify.IN_Q_OVERFLOW
"""What is told when a log has been made or renamed."""
START = b'{"Type":'
"""How every line begins, and nothing else: within a JSON string the quotes would be escaped."""


class Actor(TypedDict):
    """What something was done to."""

    ID: str
    Attributes: dict[str, str]


class Event(TypedDict):
    """One line of the log."""

    Type: str
    Action: str
    Actor: Actor
    scope: str
    time: int
    timeNano: int  # noqa: N815 - the name Docker gives it


def follow(
    home: Home, filters: Filters, *, since_ns: int | None = None, until_ns: int | None = None
) -> Iterator[Event]:
    """Events as they come, until a moment or for ever; those there are already, if either is given.

    From the call on, nothing is missed. Raises InvalidArgument, SystemFailure.
    """
    if since_ns is not None and until_ns is not None and since_ns > until_ns:
        moments = f"'since' ({since_ns // 10**9}) cannot be after 'until' ({until_ns // 10**9})"
        raise InvalidArgument(moments, hint="both are moments, or how long ago")
    reader = Reader(home, from_start=since_ns is not None or until_ns is not None)
    return _read_on(reader, filters, since_ns or 0, until_ns)


def _read_on(
    reader: Reader, filters: Filters, since_ns: int, until_ns: int | None
) -> Iterator[Event]:
    with reader:
        while True:
            left_s = None if until_ns is None else (until_ns - time.time_ns()) / 10**9
            for event in reader.read():
                is_in_time = since_ns <= event["timeNano"] <= (until_ns or event["timeNano"])
                if is_in_time and event_filters.matches(event, filters):
                    yield event
            if left_s is not None and left_s <= 0:
                return
            reader.wait(left_s)


def document(event: Event) -> dict[str, Any]:
    """One event as an object for clients, with the fields that older ones look at."""
    attributes, actor = event["Actor"]["Attributes"], event["Actor"]["ID"]
    older = {}
    if event["Type"] in ("container", "image"):
        own = {"status": event["Action"], "id": actor}
        if event["Type"] == "container":
            own["from"] = attributes.get("image", "")
        older = {key: value for key, value in own.items() if value}
    ordered = {key: attributes[key] for key in sorted(attributes)}
    return {**older, **event, "Actor": {"ID": actor, "Attributes": ordered}}


def line(event: Event) -> bytes:
    """The same as a line of JSON."""
    return files.format_json(document(event)).encode() + b"\n"


class Reader(Closing):
    """One reader of the log. `fileno` is readable when there may be something to `read`."""

    def __init__(self, home: Home, *, from_start: bool) -> None:
        self._newer, self._older = events.log_path(home), events.older_path(home)
        self._parts: list[_Part] = []  # what is open, the newest last
        try:
            self._watch = inotify.Watch()
        except OSError as error:
            hint = "sysctl fs.inotify.max_user_instances says how many may listen"
            raise SystemFailure.from_os("cannot listen to events", error, hint=hint) from error
        try:
            mask = inotify.IN_MODIFY | inotify.IN_CREATE | inotify.IN_MOVED_TO
            self._watch.add(home.root, mask)
            self._open_new()
        except OSError as error:
            self.close()
            raise SystemFailure.from_os("cannot watch the log of events", error) from error
        if not from_start:
            for part in self._parts:
                part.skip()

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._watch.fileno()

    def wait(self, timeout_s: float | None = None) -> None:
        """Until there may be something new, or time is up."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        poll.poll(process.poll_ms(timeout_s))

    def read(self) -> Iterator[Event]:
        """What is new."""
        if self._watch.drain() & MAY_BE_NEW:
            self._open_new()
        for part in self._parts:
            yield from part.read()
        while len(self._parts) > 2:
            self._parts.pop(0).close()

    def close(self) -> None:
        """Let go."""
        for part in self._parts:
            part.close()
        self._watch.close()

    def _open_new(self) -> None:
        """Open what has come since, older before newer.

        The newer may become the older between the two, and is then opened under that name.
        """
        newer = _Part.open(self._newer)
        older = _Part.open(self._older)
        for part in (older, newer):
            if part is None:
                continue
            if any(part.identity == known.identity for known in self._parts):
                part.close()
            else:
                self._parts.append(part)


class _Part:
    """A file of the log, as far as it has been read."""

    def __init__(self, fd: int) -> None:
        status = os.fstat(fd)
        self._fd = fd
        self._rest = b""  # a line whose end is still to come
        self.identity = (status.st_dev, status.st_ino)

    @classmethod
    def open(cls, path: str) -> _Part | None:
        """The part of that name; None if there is none. Raises OSError."""
        try:
            return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK))
        except FileNotFoundError:
            return None

    def skip(self) -> None:
        """Go to the end."""
        os.lseek(self._fd, 0, os.SEEK_END)

    def read(self) -> Iterator[Event]:
        """The events in what has been added."""
        while data := os.read(self._fd, CHUNK_BYTES):
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                if event := parse(line):
                    yield event
            if len(data) < CHUNK_BYTES:
                return  # the end: what comes later is told

    def close(self) -> None:
        os.close(self._fd)


def parse(line: bytes) -> Event | None:
    """The event of a line; None if it is none.

    A writer that was killed in the middle, or found the disk full, leaves half a line, and the next
    line follows at once: that one is read.
    """
    whole = line[max(line.rfind(START), 0) :]
    try:
        event: Event = files.parse_json(whole)
        attributes = event["Actor"]["Attributes"]
        is_one = (
            isinstance(event["timeNano"], int)
            and isinstance(event["time"], int)
            and all(isinstance(event[key], str) for key in ("Type", "Action", "scope"))
            and isinstance(event["Actor"]["ID"], str)
            and all(isinstance(value, str) for value in attributes.values())
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return event if is_one else None
