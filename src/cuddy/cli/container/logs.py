"""`cuddy logs`: what a container has written."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.cli import boundary
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import log_lines, logs, moments
from cuddy.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.home import Home
    from cuddy.engine.logfile import LogEntry

_BATCH_BYTES = 1 << 16
_MAX_DIGITS = 18


def logs_(home: Home, args: Args) -> int:
    if args.clear:
        _check_alone(args)
        from cuddy.engine import clear_logs

        clear_logs.clear(home, args.names[0])
        return 0
    now_ns = time.time_ns()
    reading = logs.read(
        home,
        args.names[0],
        follow=args.follow,
        tail=_count(args.tail),
        since=files.format_time(moments.moment(args.since, now_ns)) if args.since else "",
        until=files.format_time(moments.moment(args.until, now_ns)) if args.until else "",
    )
    _Writer(timestamps=args.timestamps, details=args.details, at_once=args.follow).write(reading)
    if reading.damaged:
        places = "1 place" if reading.damaged == 1 else f"{reading.damaged} places"
        boundary.warn([f"the log is damaged in {places}: what stood there is left out"])
    return 0


def _check_alone(args: Args) -> None:
    """--clear shows nothing. Raises UsageError."""
    if others := sorted(args.given - {"clear"}):
        raise UsageError(f"conflicting options: --clear and --{others[0]}")


def _count(text: str) -> int | None:
    """--tail: a number of lines, or all."""
    if text in ("", "all"):
        return None
    digits = text.removeprefix("-")
    if not digits.isdecimal() or len(digits) > _MAX_DIGITS:
        raise UsageError(f"invalid number of lines: {text!r}", hint="--tail takes a number or all")
    return int(text) if int(text) >= 0 else None


class _Writer:
    """Writes each entry to its own stream, many at once while the stream stays the same."""

    def __init__(self, *, timestamps: bool, details: bool, at_once: bool) -> None:
        self.lines = log_lines.Lines(timestamps=timestamps, details=details)
        self.limit = 0 if at_once else _BATCH_BYTES

    def write(self, entries: Iterable[LogEntry]) -> None:
        batch: list[bytes] = []
        size, stream = 0, 1
        for entry in entries:
            if batch and (entry.stream != stream or size >= self.limit):
                files.write_all(stream, b"".join(batch))
                batch, size = [], 0
            stream = entry.stream
            data = self.lines.decorate(entry)
            batch.append(data)
            size += len(data)
            if size >= self.limit:
                files.write_all(stream, b"".join(batch))
                batch, size = [], 0
        if batch:
            files.write_all(stream, b"".join(batch))


COMMAND = Command(
    summary="Fetch the logs of a container",
    arguments="CONTAINER",
    flags=(
        Flag("clear", "", BOOL, "Empty the log instead of showing it"),
        Flag("details", "", BOOL, "Show extra details provided to logs"),
        Flag("follow", "f", BOOL, "Follow log output"),
        Flag("since", "", STRING, 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or '
             'relative (e.g. "42m" for 42 minutes)'),
        Flag("tail", "n", STRING, "Number of lines to show from the end of the logs", "all"),
        Flag("timestamps", "t", BOOL, "Show timestamps"),
        Flag("until", "", STRING, 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or '
             'relative (e.g. "42m" for 42 minutes)'),
    ),
    least=1,
    most=1,
    action=logs_,
)  # fmt: skip
