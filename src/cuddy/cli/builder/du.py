"""`cuddy builder du`: what the build cache has, and what each piece takes on disk."""

from __future__ import annotations

import os
import sys
import time

from cuddy.builder import du as cache
from cuddy.builder import prune
from cuddy.cli import table, values
from cuddy.cli.flags import BOOL, FILTER, STRING, Args, Command, Flag
from cuddy.engine import moments, status
from cuddy.errors import InvalidArgument
from cuddy.escape import printable
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from cuddy.builder.du import Piece
    from cuddy.builder.prune import Filters
    from cuddy.engine.home import Home

LISTING = table.Listing(
    headers={
        "ID": "ID", "Reclaimable": "RECLAIMABLE", "Size": "SIZE", "LastUsedAt": "LAST ACCESSED",
        "Type": "TYPE", "Description": "DESCRIPTION", "Shared": "SHARED", "InUse": "IN USE",
        "UsageCount": "USAGE COUNT", "CreatedAt": "CREATED AT", "Parents": "PARENTS",
        "Mutable": "MUTABLE",
    },
    columns=("ID", "Reclaimable", "Size", "LastUsedAt"),
)  # fmt: skip
_SHORT = 25


def du(home: Home, args: Args) -> int:
    wanted = read_filters(args.filter)
    pieces = [piece for piece in cache.du(home) if wanted.match(piece)]
    if args.verbose:
        sys.stdout.write(verbose(pieces))
    else:
        sys.stdout.write(listed(pieces, args.format))
    if args.format in ("", "table"):
        sys.stdout.write(totals(pieces))
    return 0


def read_filters(words: tuple[str, ...]) -> Filters:
    """The filters; `until` is a moment or how long ago. Raises InvalidArgument."""
    pairs = values.filters(words)
    times = [value for name, value in pairs if name in prune.TIMES]
    if len(times) > 1:
        raise InvalidArgument("more than one until filter specified")
    until = moments.moment(times[0], time.time_ns()) if times else None
    return prune.parse_filters(pairs, until)


def listed(pieces: Sequence[Piece], form: str = "") -> str:
    """A line for each."""
    now_ns = time.time_ns()
    return table.render(LISTING, [_row(piece, now_ns) for piece in pieces], form=form)


def _row(piece: Piece, now_ns: int) -> dict[str, Any]:
    return {
        "ID": piece.id[:_SHORT], "Reclaimable": _truth(piece.is_reclaimable),
        "Size": human_size(piece.size_bytes, 4) + "*" * piece.is_shared,
        "LastUsedAt": status.ago_ns(piece.last_used_ns, now_ns) if piece.last_used_ns else "",
        "Type": piece.type, "Description": piece.description, "Shared": _truth(piece.is_shared),
        "InUse": _truth(piece.is_busy), "UsageCount": str(piece.uses), "CreatedAt": piece.created,
        "Parents": ", ".join(piece.parents), "Mutable": _truth(piece.type == "exec.cachemount"),
    }  # fmt: skip


def _truth(value: bool) -> str:
    return "true" if value else "false"


def verbose(pieces: Iterable[Piece]) -> str:
    """A paragraph for each."""
    now_ns = time.time_ns()
    names = {
        "ID": "ID", "Parents": "Parents", "CreatedAt": "Created at", "Mutable": "Mutable",
        "Reclaimable": "Reclaimable", "Shared": "Shared", "Size": "Size",
        "Description": "Description", "UsageCount": "Usage count", "LastUsedAt": "Last used",
        "Type": "Type",
    }  # fmt: skip
    parts = []
    for piece in pieces:
        row = _row(piece, now_ns) | {"ID": piece.id}
        lines = [f"{name}:\t{row[key]}" for key, name in names.items() if row[key]]
        text = table.align(lines)
        parts.append(printable(text, keep="\n\t") if os.isatty(1) else text)
    return "".join(f"{part}\n" for part in parts)


def totals(pieces: Sequence[Piece]) -> str:
    """Shared, private, what could be had back, and all."""
    shared = sum(piece.size_bytes for piece in pieces if piece.is_shared)
    total = sum(piece.size_bytes for piece in pieces)
    back = sum(piece.size_bytes for piece in pieces if piece.is_reclaimable)
    rows = [("Shared", shared), ("Private", total - shared)] if shared else []
    rows += [("Reclaimable", back), ("Total", total)]
    return table.align([f"{name}:\t{human_size(size, 4)}" for name, size in rows])


COMMAND = Command(
    summary="Disk usage",
    flags=(
        Flag("filter", "", FILTER, "Provide filter values"),
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("verbose", "", BOOL, "Provide a more verbose output"),
    ),
    most=0,
    action=du,
)
