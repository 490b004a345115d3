"""/system/df: what everything takes on disk."""

from __future__ import annotations

from cuddy.api import build_cache, container_items, image_items
from cuddy.builder import du
from cuddy.engine import images, volumes
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.api.http import Call
    from cuddy.engine.df import ContainerSpace, ImageSpace, VolumeSpace

TYPES = ("image", "container", "volume", "build-cache")


def df_(call: Call) -> None:
    """GET /system/df. `type`: only so much of it."""
    types = call.texts("type") or TYPES
    for each in types:
        if each not in TYPES:
            raise InvalidArgument(f"unknown object type: {each}", hint=f"one of {', '.join(TYPES)}")
    found, pieces = du.df(call.home)
    size_bytes = {row.kind: row.size_bytes for row in found.rows}
    call.answer({
        "LayersSize": size_bytes["Images"] if "image" in types else 0,
        "Images": _images(call, found.images) if "image" in types else None,
        "Containers": _containers(call, found.containers) if "container" in types else None,
        "Volumes": [_volume(each) for each in found.volumes] if "volume" in types else None,
        "BuildCache": build_cache.records(pieces) if "build-cache" in types else None,
        "BuilderSize": size_bytes["Build Cache"] if "build-cache" in types else 0,
    })  # fmt: skip


def _images(call: Call, spaces: Sequence[ImageSpace]) -> list[dict[str, Any]]:
    space_of = {each.image.id: each for each in spaces}
    found = []
    for listed in images.select(call.home, images.Filters()):
        if space := space_of.get(listed.image.id):  # else it has come meanwhile
            item = image_items.item(
                listed, call.version, shared=space.shared_bytes, users=space.containers
            )
            # Size is what the image takes here, so that it adds up with what is shared.
            found.append(item | {"Size": space.unique_bytes + space.shared_bytes})
    return found


def _containers(call: Call, spaces: Sequence[ContainerSpace]) -> list[dict[str, Any]]:
    return container_items.items(call.home, [each.container for each in spaces])


def _volume(space: VolumeSpace) -> dict[str, Any]:
    usage = {"Size": space.size_bytes, "RefCount": space.links}
    return {**volumes.shown(space.volume), "UsageData": usage}
