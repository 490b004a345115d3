"""`cuddy network log`: what a container under egress control tried to reach."""

from __future__ import annotations

import sys
import time

from cuddy import files
from cuddy.cli import table
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import egress_log, moments
from cuddy.errors import UsageError
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cuddy.engine.egress_attempts import Attempt
    from cuddy.engine.home import Home

LISTING = table.Listing(
    headers={
        "Time": "TIME", "Verdict": "VERDICT", "Protocol": "PROTOCOL", "Address": "ADDRESS",
        "Port": "PORT", "Name": "NAME", "Number": "NUMBER",
    },
    columns=("Time", "Verdict", "Protocol", "Address", "Port", "Name"),
)  # fmt: skip
WIDTHS = (33, 11, 11, 18, 10)
"""Of columns that are written before the next row is known."""
_MAX_DIGITS = 18


def log(home: Home, args: Args) -> int:
    now_ns = time.time_ns()
    since = files.format_time(moments.moment(args.since, now_ns)) if args.since else ""
    found = egress_log.read(
        home, args.names[0], follow=args.follow, tail=_count(args.tail), since=since
    )
    if args.follow:
        _follow(found, args.format)
    else:
        sys.stdout.write(table.render(LISTING, map(row, found), form=args.format))
    return 0


def _count(text: str) -> int | None:
    """--tail: a number of lines, or all."""
    if text in ("", "all"):
        return None
    if not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise UsageError(f"invalid number of lines: {text!r}", hint="--tail takes a number or all")
    return int(text)


def row(attempt: Attempt) -> dict[str, Any]:
    """An attempt as the table has it. How many were left out stands where the name would."""
    is_summary = attempt.number != 1
    return {
        "Time": attempt.time,
        "Verdict": attempt.verdict,
        "Protocol": attempt.protocol,
        "Address": attempt.address,
        "Port": str(attempt.port) if attempt.port else "",
        "Name": f"({attempt.number} attempts)" if is_summary else attempt.name,
        "Number": str(attempt.number),
    }


def _follow(found: Iterator[Attempt], form: str) -> None:
    """Each attempt as it comes."""
    if form in ("", "table"):
        _write_line([LISTING.headers[field] for field in LISTING.columns])
    for attempt in found:
        cells = row(attempt)
        if form in ("", "table"):
            _write_line([cells[field] for field in LISTING.columns])
            continue
        text = table.render(LISTING, [cells], form=form)
        sys.stdout.write(text.partition("\n")[2] if form.startswith("table ") else text)
        sys.stdout.flush()


def _write_line(cells: list[str]) -> None:
    padded = (cell.ljust(width) for cell, width in zip(cells, (*WIDTHS, 0)))
    sys.stdout.write(printable("".join(padded).rstrip()) + "\n")
    sys.stdout.flush()


COMMAND = Command(
    summary="Show what a container under egress control tried to reach",
    arguments="CONTAINER",
    flags=(
        Flag("follow", "f", BOOL, "Go on with what it tries from now on, until it ends"),
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("since", "", STRING, 'Show attempts since timestamp (e.g. "2013-01-02T13:23:37Z") or '
             'relative (e.g. "42m" for 42 minutes)'),
        Flag("tail", "n", STRING, "Number of attempts to show from the end of the log", "all"),
    ),
    least=1,
    most=1,
    action=log,
)  # fmt: skip
