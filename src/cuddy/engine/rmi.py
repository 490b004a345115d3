"""Rmi: remove images that no container keeps from it."""

from __future__ import annotations

from cuddy.engine import events, images, in_use
from cuddy.errors import CorruptContent
from cuddy.image import garbage, index, store
from cuddy.image import rmi as image_rmi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cuddy.engine.home import Home


def rmi(
    home: Home, name: str, *, force: bool = False, platforms: Sequence[str] = ()
) -> list[tuple[str, str]]:
    """Remove an image's name, or the image; what was done, as ("Untagged" or "Deleted", what).

    `platforms`: the image must be for one of these, if any are named. Raises NoSuchImage, Conflict.
    """
    if platforms:
        images.check_platform(store.resolve(home.storage, name), name, *platforms)
    with garbage.Removal(home.storage) as removal:
        kept = in_use.find(home)  # under the lock: no container comes to be meanwhile
        found = store.find(home.storage, index.load(home.storage), name)
        image_id = index.image_id(home.storage, found[0])
        labels = labels_of(home, image_id)
        records = image_rmi.remove_within(
            removal, name, force=force, used_by=kept.users, held_layers=kept.layers
        )
    note(home, image_id, labels, records)
    return records


def labels_of(home: Home, image_id: str) -> Mapping[str, str]:
    """An image's labels; none if it is too damaged to tell."""
    try:
        image = store.resolve(home.storage, image_id)
    except CorruptContent:
        return {}
    return (image.config.get("config") or {}).get("Labels") or {}


def note(
    home: Home, image_id: str, labels: Mapping[str, str], records: Sequence[tuple[str, str]]
) -> None:
    """Note each name that an image has lost, and its end. Layers are nobody's business."""
    for what, which in records:
        own = {"name": image_id}
        if what == "Untagged":
            events.emit(home, "image", "untag", image_id, own, labels)
        elif which == image_id:
            events.emit(home, "image", "delete", image_id, own)
