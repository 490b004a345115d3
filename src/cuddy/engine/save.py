"""Save: images are written to an archive, and events tell of each."""

from __future__ import annotations

from cuddy.engine import events
from cuddy.image import save as image_save

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.engine.home import Home


def save(home: Home, names: Sequence[str], fd: int, *, platform_name: str = "") -> None:
    """Write the images that the names mean to a descriptor. Raises what `image.save` does."""
    for image_id in image_save.save(home.storage, names, fd, platform_name=platform_name):
        events.emit(home, "image", "save", image_id, {"name": image_id})
