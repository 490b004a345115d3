"""Stats: what a container uses, every second."""

from __future__ import annotations

from itertools import islice

from cuddy import files
from cuddy.engine import containers
from cuddy.engine.stats_series import Series

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call

PERIOD_S = 1.0


def stats_(call: Call) -> None:
    """A reading every second, or one; that one tells of a second too, unless asked not to."""
    record = containers.find(call.home, call.ref)
    readings = Series(call.home, record).readings(PERIOD_S)
    if not call.flag("stream", True):
        is_second = record["State"]["Running"] and not call.flag("one-shot")
        readings = islice(readings, int(is_second), int(is_second) + 1)
    with call.stream() as stream, call.until_client_leaves():
        for reading in readings:
            stream.write(files.format_json(reading).encode() + b"\n")
