"""Events: what happens, as it happens."""

from __future__ import annotations

import socket
import time

from cuddy import files
from cuddy.api.connection import JSON, Connection, Peer
from cuddy.api.stream import Stream
from cuddy.engine import event_filters, event_log, moments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call
    from cuddy.engine.event_filters import Filters
    from cuddy.engine.event_log import Event


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
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Stream(Connection(ours, Peer()), JSON, bodiless=False, chunked=True)
        for event in event_log.rehearse():
            event_filters.matches(event, filters)
            stream.write(_line(event))


def _moment(call: Call, name: str) -> int | None:
    text = call.text(name)
    return moments.moment(text, time.time_ns()) if text else None
