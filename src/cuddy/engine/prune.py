"""Prune: remove what nothing uses. Images without a name or a container, and nameless content.

Content without a name is what interrupted pulls have left, whole blobs, layers and half downloads,
and what was damaged away from its image.
"""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import events, in_use, prune_filters, rmi
from cuddy.errors import InvalidArgument
from cuddy.image import blobs, garbage, store
from cuddy.image import rmi as image_rmi
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.in_use import InUse
    from cuddy.image.garbage import Removal
    from cuddy.image.rmi import Records
    from cuddy.image.store import Image

_TRUE = ("1", "t", "true")
_FALSE = ("0", "f", "false")


class Filters(NamedTuple):
    """Which images may go."""

    unused: bool = False  # those with a name as well
    which: prune_filters.Filters = prune_filters.Filters()


class Pruned(NamedTuple):
    """What was done. `why_kept`: why content without a name was left alone, or ""."""

    records: Records
    freed_bytes: int
    why_kept: str


def parse_filters(pairs: list[tuple[str, str]], until_ns: int | None, *, unused: bool) -> Filters:
    """The filters of the command line; `until` was read by who knows the local time.

    Raises InvalidArgument.
    """
    which = prune_filters.parse(pairs, until_ns, more=("dangling",))
    for name, value in pairs:
        if name == "dangling":
            if value.lower() not in _TRUE + _FALSE:
                raise InvalidArgument(f"invalid filter 'dangling={value}'", hint="true or false")
            unused = value.lower() in _FALSE
    return Filters(unused, which)


def prune_images(home: Home, filters: Filters) -> Pruned:
    """Remove the images that no container keeps and the filters let go, then all garbage."""
    records: Records = []
    with garbage.Removal(home.storage) as removal:
        kept = in_use.find(home)
        for image in store.list_images(home.storage):
            if not kept.users(image.id) and _may_go(image, filters):
                labels = (image.config.get("config") or {}).get("Labels") or {}
                gone = image_rmi.remove_within(
                    removal, image.id, force=True, used_by=kept.users, held_layers=kept.layers
                )
                rmi.note(home, image.id, labels, gone)
                records += gone
        why_kept = _collect(home, removal, kept)
    events.emit_prune(home, "image", removal.freed_bytes)
    return Pruned(records, removal.freed_bytes, why_kept)


def _may_go(image: Image, filters: Filters) -> bool:
    labels = (image.config.get("config") or {}).get("Labels") or {}
    if image.names and not filters.unused:
        return False
    return filters.which.let_go(labels, _created_ns(image))


def _created_ns(image: Image) -> int:
    """When it was made, as it says itself; an image that does not say is as old as can be."""
    try:
        return files.parse_time(image.config.get("created") or "")
    except (ValueError, IndexError):
        return -time.time_ns()


def _collect(home: Home, removal: Removal, kept: InUse) -> str:
    """Take what has no name, unless somebody may need it; why it was left."""
    if not removal.is_alone:
        return "other commands are at work with images"
    if kept.unreadable:
        return f"the record of container {kept.unreadable[0][:12]} cannot be read"
    found, broken = garbage.nameless(home.storage, kept.layers)
    if broken:
        return f"the image store lacks or cannot read {broken[0]}"
    removal.take(found)
    for path in blobs.partials(home.storage):
        removal.take_path(path)
    return ""
