"""Pull: an image of a registry comes into the store, and events tell of it."""

from __future__ import annotations

from cuddy.engine import events
from cuddy.image import pull as image_pull
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.image.pull import Report
    from cuddy.image.settings import Settings
    from cuddy.image.store import Image


def pull(
    home: Home,
    name: str,
    *,
    platform: str = "",
    settings: Settings | None = None,
    progress: Report | None = None,
) -> Image:
    """Bring an image from its registry. Raises what `image.pull` does."""
    image = image_pull.pull(
        home.storage, name, platform=platform, settings=settings, progress=progress
    )
    wanted = reference.parse(name)
    events.emit_image(home, "pull", image, wanted.familiar_name, actor=wanted.familiar)
    return image


def pull_all(
    home: Home,
    name: str,
    *,
    platform: str = "",
    settings: Settings | None = None,
    progress: Report | None = None,
) -> list[Image]:
    """Bring every tag of a repository: one event for them all, as Docker has it."""
    images = image_pull.pull_all(
        home.storage, name, platform=platform, settings=settings, progress=progress
    )
    repository = reference.parse(name).familiar_name
    events.emit_image(home, "pull", images[0], repository, actor=repository)
    return images
