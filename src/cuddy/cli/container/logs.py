"""`cuddy logs`: what a container has written."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.cli import moments
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import logs
from cuddy.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.home import Home
    from cuddy.engine.logs import LogEntry

_BATCH_BYTES = 1 << 16


def logs_(home: Home, args: Args) -> int:
    now_ns = time.time_ns()
    entries = logs.read(
        home,
        args.names[0],
        follow=args.follow,
        tail=_count(args.tail),
        since=files.format_time(moments.moment(args.since, now_ns)) if args.since else "",
        until=files.format_time(moments.moment(args.until, now_ns)) if args.until else "",
    )
    _write(entries, timestamps=args.timestamps, at_once=args.follow)
    return 0


def _count(text: str) -> int | None:
    """--tail: a number of lines, or all."""
    if text in ("", "all"):
        return None
    if not text.lstrip("-").isdecimal():
        raise UsageError(f"invalid number of lines: {text!r}", hint="--tail takes a number or all")
    return int(text) if int(text) >= 0 else None


def _write(entries: Iterable[LogEntry], *, timestamps: bool, at_once: bool) -> None:
    """Each entry to its own stream, many in one write as long as the stream stays the same."""
    limit = 0 if at_once else _BATCH_BYTES
    batch: list[bytes] = []
    size, stream, begins_line = 0, 1, True
    for entry in entries:
        if entry.stream != stream and batch:
            files.write_all(stream, b"".join(batch))
            batch, size = [], 0
        stream = entry.stream
        if timestamps and begins_line:
            batch.append(f"{entry.time} ".encode())
        begins_line = entry.data.endswith(b"\n")
        batch.append(entry.data)
        size += len(entry.data)
        if size >= limit:
            files.write_all(stream, b"".join(batch))
            batch, size = [], 0
    if batch:
        files.write_all(stream, b"".join(batch))


COMMAND = Command(
    summary="Fetch the logs of a container",
    arguments="CONTAINER",
    flags=(
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
