"""Events: what happens, as it happens."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import event_filters, event_log, moments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call
    from cuddy.engine.event_filters import Filters
    from cuddy.engine.event_log import Event


SAMPLE = (
    b'{"Type":"container","Action":"die","Actor":{"ID":"1","Attributes":{"image":"i","name":"n"}},'
    b'"scope":"local","time":1,"timeNano":1}'
)


def events_(call: Call) -> None:
    """One object a line, until a moment or for ever."""
    filters = event_filters.parse(call.filters())
    found = event_log.follow(
        call.home, filters,
        since_ns=_moment(call, "since"),
        until_ns=_moment(call, "until"),
    )  # fmt: skip
    with call.stream() as stream, call.until_client_leaves():
        _warm_up(filters)
        for event in found:
            stream.write(_line(event))


def _line(event: Event) -> bytes:
    return files.format_json(event_log.document(event)).encode() + b"\n"


def _warm_up(filters: Filters) -> None:
    """Memory is shared with the server until it is touched: touch it before the first event."""
    event = event_log.parse(SAMPLE)
    if event:
        event_filters.matches(event, filters)
        _line(event)


def _moment(call: Call, name: str) -> int | None:
    text = call.text(name)
    return moments.moment(text, time.time_ns()) if text else None
