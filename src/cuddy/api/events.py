"""Events: what happens, as it happens."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import event_filters, event_log, moments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call


def events_(call: Call) -> None:
    """One object a line, until a moment or for ever."""
    found = event_log.follow(
        call.home,
        event_filters.parse(call.filters()),
        since_ns=_moment(call, "since"),
        until_ns=_moment(call, "until"),
    )
    with call.stream() as stream, call.until_client_leaves():
        for event in found:
            stream.write(files.format_json(event_log.document(event)).encode() + b"\n")


def _moment(call: Call, name: str) -> int | None:
    text = call.text(name)
    return moments.moment(text, time.time_ns()) if text else None
