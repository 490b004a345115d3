"""Stats: what a container uses, every second."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import container, containers, stats
from cuddy.errors import NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call
    from cuddy.engine.container import Container
    from cuddy.engine.stats import Sample

PERIOD_S = 1.0


class Watched:
    """A container, and the last reading."""

    def __init__(self, call: Call, record: Container) -> None:
        self._home = call.home
        self._record = record
        self._last: Sample | None = None
        self._when = container.NEVER

    def look(self) -> bytes:
        """One more reading as a line. Raises NoSuchContainer."""
        self._record = containers.read(self._home, self._record["Id"])
        found = stats.sample(self._home, self._record, stats.machine())
        when = files.now() if found.usage else container.NEVER
        document = stats.document(self._record, self._last, found, read=when, preread=self._when)
        self._last, self._when = (found, when) if found.usage else (None, container.NEVER)
        return files.format_json(document).encode() + b"\n"


def stats_(call: Call) -> None:
    """A reading every second, or one; that one tells of a second too, unless asked not to."""
    record = containers.find(call.home, call.ref)
    watched = Watched(call, record)
    streams = call.flag("stream", True)
    with call.stream() as stream, call.until_client_leaves():
        due_s = time.monotonic()
        line = watched.look()
        while streams or (record["State"]["Running"] and not call.flag("one-shot")):
            if streams:
                stream.write(line)
            due_s = max(due_s + PERIOD_S, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
            try:
                line = watched.look()
            except NoSuchContainer:
                return
            if not streams:
                break
        stream.write(line)
