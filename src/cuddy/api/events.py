"""Events: what happens, as it happens."""

from __future__ import annotations

import time

from cuddy.engine import event_filters, event_log, moments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call


def events_(call: Call) -> None:
    """One object a line, until a moment or for ever.

    Most clients want what happens from now on: one process sends it to all of them.
    """
    filters = event_filters.parse(call.filters())
    since_ns, until_ns = _moment(call, "since"), _moment(call, "until")
    if since_ns is None and until_ns is None and call.hand_over(filters):
        return
    call.before_change()
    found = event_log.follow(call.home, filters, since_ns=since_ns, until_ns=until_ns)
    with call.stream() as stream, call.until_client_leaves():
        for event in found:
            stream.write(event_log.line(event))


def _moment(call: Call, name: str) -> int | None:
    text = call.text(name)
    return moments.moment(text, time.time_ns()) if text else None
