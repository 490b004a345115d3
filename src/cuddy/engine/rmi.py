"""Rmi: remove images that no container keeps from it."""

from __future__ import annotations

from cuddy.engine import images, in_use
from cuddy.image import garbage, store
from cuddy.image import rmi as image_rmi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

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
        return image_rmi.remove_within(
            removal, name, force=force, used_by=kept.users, held_layers=kept.layers
        )
