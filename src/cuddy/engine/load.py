"""Load: the images of an archive come into the store, and events tell of each."""

from __future__ import annotations

from cuddy.engine import events
from cuddy.image import load as image_load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.home import Home
    from cuddy.image.load import Report
    from cuddy.image.settings import Settings


def load(
    home: Home,
    source: int | Iterator[bytes],
    *,
    platform_name: str = "",
    settings: Settings | None = None,
    report: Report | None = None,
) -> list[str]:
    """Bring in the images of an archive, a descriptor or what somebody sends; their ids.

    Raises what `image.load` does.
    """
    ids = image_load.load(
        home.storage, source, platform_name=platform_name, settings=settings, report=report
    )
    for image_id in ids:
        events.emit(home, "image", "load", image_id, {"name": image_id})
    return ids
