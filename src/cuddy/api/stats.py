"""Stats: what a container uses, every second."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import containers
from cuddy.engine.stats_series import Series
from cuddy.errors import NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call

PERIOD_S = 1.0


def stats_(call: Call) -> None:
    """A reading every second, or one; that one tells of a second too, unless asked not to."""
    record = containers.find(call.home, call.ref)
    series = Series(call.home, record)
    streams = call.flag("stream", True)
    with call.stream() as stream, call.until_client_leaves():
        due_s = time.monotonic()
        line = _line(series)
        while streams or (record["State"]["Running"] and not call.flag("one-shot")):
            if streams:
                stream.write(line)
            due_s = max(due_s + PERIOD_S, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
            try:
                line = _line(series)
            except NoSuchContainer:
                return
            if not streams:
                break
        stream.write(line)


def _line(series: Series) -> bytes:
    return files.format_json(series.read()).encode() + b"\n"
