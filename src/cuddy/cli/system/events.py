"""`cuddy events`: what happens to containers, images and networks, as it happens."""

from __future__ import annotations

import os
import sys
import time

from cuddy.cli import document, times, values
from cuddy.cli.flags import FILTER, STRING, Args, Command, Flag
from cuddy.cli.table import JSON_FORMAT_HELP
from cuddy.engine import event_filters, event_log, moments
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.engine.event_log import Event
    from cuddy.engine.home import Home

EMPTY: Event = {
    "Type": "", "Action": "", "Actor": {"ID": "", "Attributes": {}}, "scope": "", "time": 0,
    "timeNano": 0,
}  # fmt: skip


def events_(home: Home, args: Args) -> int:
    show = renderer(args.format)
    now_ns = time.time_ns()
    found = event_log.follow(
        home,
        event_filters.parse(values.filters(args.filter)),
        since_ns=moments.moment(args.since, now_ns) if args.since else None,
        until_ns=moments.moment(args.until, now_ns) if args.until else None,
    )
    at_terminal = os.isatty(1)
    # Of a line of ours no label may make two; in a template the user may want newlines.
    kept = "\n\t" if args.format else ""
    for event in found:
        text = show(event)
        sys.stdout.write((printable(text, keep=kept) if at_terminal else text) + "\n")
        sys.stdout.flush()
    return 0


def renderer(form: str) -> Callable[[Event], str]:
    """How an event becomes a line. Raises BadTemplate, Unfit."""
    if not form:
        return line
    if form == "json":
        return as_json
    from cuddy.cli.template import Template, Unfit
    from cuddy.cli.template_functions import FUNCTIONS
    from cuddy.cli.template_tokens import BadTemplate

    template = Template(form, FUNCTIONS | {"json": (_json, 1, 1)})
    try:
        template.render(message(EMPTY))
    except Unfit as error:
        error.exit_code = BadTemplate.exit_code  # before there is an event, as docker does
        raise
    return lambda event: template.render(message(event))


def line(event: Event) -> str:
    """One event as docker's client shows it: the local time, what was done, and to whom."""
    seconds, nanoseconds = divmod(event["timeNano"], 10**9)
    clock = times.local_rfc3339(seconds)
    when = f"{clock[:19]}.{nanoseconds:09}{clock[19:]}"
    attributes = event["Actor"]["Attributes"]
    shown = ", ".join(f"{key}={attributes[key]}" for key in sorted(attributes))
    words = f"{when} {event['Type']} {event['Action']} {event['Actor']['ID']}"
    return f"{words} ({shown})" if shown else words


def as_json(event: Event) -> str:
    """One event as an object."""
    return document.compact(event_log.document(event))


class _Attributes(dict[str, str]):
    """A map of Go's, which has a zero for what it has not."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> str | None:
        return None


class _Message(dict[str, "Any"]):
    """An event with the names that its fields have in templates."""


def message(event: Event) -> _Message:
    """An event for a template."""
    kind, actor = event["Type"], event["Actor"]
    is_older = kind in ("container", "image")
    return _Message(
        Status=event["Action"] if is_older else "",
        ID=actor["ID"] if is_older else "",
        From=actor["Attributes"].get("image", "") if kind == "container" else "",
        Type=kind,
        Action=event["Action"],
        Actor={"ID": actor["ID"], "Attributes": _Attributes(actor["Attributes"])},
        Scope=event["scope"],
        Time=event["time"],
        TimeNano=event["timeNano"],
        event=event,
    )


def _json(value: Any) -> str:
    return as_json(value["event"]) if isinstance(value, _Message) else document.compact(value)


COMMAND = Command(
    summary="Get real time events from the server",
    flags=(
        Flag("filter", "f", FILTER, "Filter output based on conditions provided"),
        Flag("format", "", STRING, JSON_FORMAT_HELP),
        Flag("since", "", STRING, "Show all events created since timestamp"),
        Flag("until", "", STRING, "Stream events until this timestamp"),
    ),
    most=0,
    action=events_,
)
