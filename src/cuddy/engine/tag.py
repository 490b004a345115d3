"""Tag: an image gets another name. `host`, no image of the store, neither gives nor takes one."""

from __future__ import annotations

from cuddy.engine import events
from cuddy.errors import CorruptContent, InvalidArgument, NoSuchImage
from cuddy.image import host, reference, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def tag(home: Home, source: str, target: str) -> None:
    """Make `target` a name of the image `source`. Raises NoSuchImage, InvalidReference."""
    if source == host.NAME:
        raise InvalidArgument(f"{host.NAME} is this machine itself and can have no other name")
    if target == host.NAME:
        raise InvalidArgument(
            f"{host.NAME} is the name of this machine itself",
            hint=f"write {host.NAME}:TAG for an image of that name",
        )
    store.tag(home.storage, source, target)
    try:
        image = store.resolve(home.storage, target)
    except (NoSuchImage, CorruptContent):
        return  # removed again already, or damaged: nobody needs to hear of it
    events.emit_image(home, "tag", image, reference.parse(target).familiar)
