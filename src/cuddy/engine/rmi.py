"""Rmi: remove images that no container keeps from it."""

from __future__ import annotations

from cuddy.engine import in_use
from cuddy.image import garbage
from cuddy.image import rmi as image_rmi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def rmi(home: Home, name: str, *, force: bool = False) -> list[tuple[str, str]]:
    """Remove an image's name, or the image; what was done, as ("Untagged" or "Deleted", what).

    Raises NoSuchImage, Conflict.
    """
    with garbage.Removal(home.storage) as removal:
        kept = in_use.find(home)  # under the lock: no container comes to be meanwhile
        return image_rmi.remove_within(
            removal, name, force=force, used_by=kept.users, held_layers=kept.layers
        )
