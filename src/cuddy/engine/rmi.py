"""Rmi: remove images that no container keeps from it."""

from __future__ import annotations

from cuddy.engine import containers
from cuddy.image import rmi as image_rmi
from cuddy.image.rmi import User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def rmi(home: Home, name: str, *, force: bool = False) -> list[tuple[str, str]]:
    """Remove an image's name, or the image; what was done, as ("Untagged" or "Deleted", what).

    Raises NoSuchImage, Conflict.
    """

    def used_by(image_id: str) -> list[User]:
        return [
            User(record["Id"], record["State"]["Running"])
            for record in containers.list_containers(home, all=True)
            if record["Image"] == image_id
        ]

    return image_rmi.remove(home.storage, name, force=force, used_by=used_by)
