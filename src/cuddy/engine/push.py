"""Push: an image goes to its registry, and events tell of it."""

from __future__ import annotations

from cuddy.engine import events
from cuddy.image import push as image_push
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.image.push import Report
    from cuddy.image.settings import Settings


def push(
    home: Home,
    name: str,
    *,
    all_tags: bool = False,
    platform: str = "",
    settings: Settings | None = None,
    progress: Report | None = None,
) -> list[str]:
    """Upload an image, or all that bear the repository's name. Raises what `image.push` does."""
    digests = image_push.push(
        home.storage,
        name,
        all_tags=all_tags,
        platform=platform,
        settings=settings,
        progress=progress,
    )
    wanted = reference.parse(name)
    actor = wanted.familiar_name if all_tags else wanted.familiar
    events.emit(home, "image", "push", actor, {"name": wanted.familiar_name})
    return digests
