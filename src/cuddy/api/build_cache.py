"""The build cache as /system/df shows it. Pure but for what is read."""

from __future__ import annotations

from cuddy import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.builder.du import Piece


def records(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """Each piece with what Docker's API has of one."""
    return [_record(piece) for piece in pieces]


def _record(piece: Piece) -> dict[str, Any]:
    return {
        "ID": piece.id,
        "Parent": piece.parents[0] if piece.parents else "",
        "Parents": list(piece.parents) or None,
        "Type": piece.type,
        "Description": piece.description,
        "InUse": piece.is_busy,
        "Shared": piece.is_shared,
        "Size": piece.size_bytes,
        "CreatedAt": piece.created or "0001-01-01T00:00:00Z",
        "LastUsedAt": files.format_time(piece.last_used_ns) if piece.last_used_ns else None,
        "UsageCount": piece.uses,
    }
