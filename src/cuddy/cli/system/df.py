"""`cuddy system df`: what is on disk, and what of it could be had back."""

from __future__ import annotations

import sys
import time

from cuddy import files
from cuddy.builder import du
from cuddy.cli import inspection, table
from cuddy.cli.container import ps
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.cli.volume import ls
from cuddy.engine import status
from cuddy.image import reference
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.builder.du import Piece
    from cuddy.engine.df import ImageSpace, Row, Space
    from cuddy.engine.home import Home

SUMMARY = table.Listing(
    headers={
        "Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE",
        "Reclaimable": "RECLAIMABLE", "Bytes": "BYTES",
    },
    columns=("Type", "TotalCount", "Active", "Size", "Reclaimable"),
)  # fmt: skip
IMAGES = table.Listing(
    headers={
        "Repository": "REPOSITORY", "Tag": "TAG", "ID": "IMAGE ID", "CreatedSince": "CREATED",
        "Size": "SIZE", "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE",
        "Containers": "CONTAINERS",
    },
    columns=("Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize",
             "Containers"),
)  # fmt: skip
CONTAINERS = ps.LISTING._replace(
    columns=("ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names")
)
VOLUMES = table.Listing(
    headers={"Name": "VOLUME NAME", "Links": "LINKS", "Size": "SIZE"},
    columns=("Name", "Links", "Size"),
)
BUILD_CACHE = table.Listing(
    headers={
        "ID": "CACHE ID", "CacheType": "CACHE TYPE", "Size": "SIZE", "CreatedSince": "CREATED",
        "LastUsedSince": "LAST USED", "UsageCount": "USAGE", "Shared": "SHARED",
    },
    columns=("ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "UsageCount", "Shared"),
)  # fmt: skip
NOT_KNOWN = "N/A"


def df_(home: Home, args: Args) -> int:
    found, pieces = du.df(home)
    if args.verbose:
        sys.stdout.write(_details(found, pieces, args.format))
    else:
        sys.stdout.write(table.render(SUMMARY, map(_row, found.rows), form=args.format))
    return 0


def _row(row: Row) -> dict[str, Any]:
    reclaimable = _human(row.reclaimable_bytes)
    if row.size_bytes:
        reclaimable += f" ({row.reclaimable_bytes * 100 // row.size_bytes}%)"
    return {
        "Type": row.kind,
        "TotalCount": str(row.total),
        "Active": str(row.active),
        "Size": _human(row.size_bytes),
        "Reclaimable": reclaimable,
        "Bytes": str(row.size_bytes),
    }


def _human(size_bytes: int) -> str:
    return human_size(size_bytes, 4)


def _details(found: Space, pieces: list[Piece], form: str) -> str:
    now_ns = time.time_ns()
    is_table = form in ("", "table")
    image_rows = [_image_row(each, now_ns, full=not is_table) for each in found.images]
    container_rows = [
        ps.describe(each.container, now_ns, full=not is_table) | {"Size": _human(each.size_bytes)}
        for each in found.containers
    ]
    volume_rows = [
        ls.row(each.volume) | {"Links": str(each.links), "Size": _human(each.size_bytes)}
        for each in found.volumes
    ]
    piece_rows = [_piece_row(each, now_ns, full=not is_table) for each in pieces]
    if not is_table:
        for row in (*container_rows, *volume_rows):
            del row["Label"]
        document = {"Images": image_rows, "Containers": container_rows, "Volumes": volume_rows,
                    "BuildCache": piece_rows}  # fmt: skip
        return inspection.render_one(document, form)
    cache, rest = found.rows[-2:]
    parts = [
        "Images space usage:\n",
        table.render(IMAGES, image_rows, form=""),
        f"Content that no image needs: {_human(found.nameless_bytes)}\n",
        "Containers space usage:\n",
        table.render(CONTAINERS, container_rows, form=""),
        "Local Volumes space usage:\n",
        table.render(VOLUMES, volume_rows, form=""),
        f"Build cache usage: {_human(cache.size_bytes)}\n",
        table.render(BUILD_CACHE, piece_rows, form=""),
        f"Other files: {_human(rest.size_bytes)}\n",
    ]
    return "\n".join(parts)


def _image_row(space: ImageSpace, now_ns: int, *, full: bool) -> dict[str, Any]:
    names = (*space.image.names, *space.image.repo_digests)
    name, tag = reference.spelled(names[0]) if names else ("<none>", "")
    return {
        "ID": space.image.id if full else space.image.id.partition(":")[2][:12],
        "Repository": name,
        "Tag": tag.removeprefix(":") if tag.startswith(":") else "<none>",
        "CreatedSince": _ago(space.image.config.get("created") or "", now_ns),
        "CreatedAt": space.image.config.get("created") or NOT_KNOWN,
        "Size": _human(space.unique_bytes + space.shared_bytes),
        "SharedSize": _human(space.shared_bytes),
        "UniqueSize": _human(space.unique_bytes),
        "Containers": str(space.containers),
    }


def _piece_row(piece: Piece, now_ns: int, *, full: bool) -> dict[str, Any]:
    used = files.format_time(piece.last_used_ns) if piece.last_used_ns else ""
    return {
        "ID": piece.id if full else piece.id[:12],
        "CacheType": piece.type,
        "Description": piece.description,
        "Size": _human(piece.size_bytes),
        "CreatedAt": piece.created or NOT_KNOWN,
        "CreatedSince": _ago(piece.created, now_ns),
        "LastUsedAt": used or NOT_KNOWN,
        "LastUsedSince": _ago(used, now_ns) if used else "",
        "UsageCount": str(piece.uses),
        "Shared": str(piece.is_shared).lower(),
        "InUse": str(piece.is_busy).lower(),
    }


def _ago(stamp: str, now_ns: int) -> str:
    """How old an image says it is, if that is a time at all."""
    try:
        return status.ago(stamp, now_ns)
    except (ValueError, IndexError):
        return NOT_KNOWN


COMMAND = Command(
    summary="Show cuddy disk usage",
    flags=(
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("verbose", "v", BOOL, "Show detailed information on space usage"),
    ),
    most=0,
    action=df_,
)
