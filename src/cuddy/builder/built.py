"""What a build has made: an image of the store, unless it was only to be written somewhere."""

from __future__ import annotations

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.state import State
    from cuddy.image.spec import Descriptor, ImageConfig


class Built(NamedTuple):
    """One image; of several platforms, the one that a run on this host would take."""

    image_id: str = ""  # digest of the config, what `images` lists; "": nothing for the store
    manifest: Descriptor | None = None
    names: tuple[str, ...] = ()  # complete references it bears now


class Result(NamedTuple):
    """What was built for one platform, and the config of its image."""

    state: State
    config: ImageConfig
