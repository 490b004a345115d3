"""Import: a tar becomes an image, and events tell of it."""

from __future__ import annotations

from cuddy.engine import events
from cuddy.image import import_ as image_import
from cuddy.image import reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.home import Home
    from cuddy.image.import_ import Options
    from cuddy.image.store import Image


def import_(home: Home, chunks: Iterator[bytes], options: Options, *, limit: int = 0) -> Image:
    """Make an image of a tar. Raises what `image.import_` does."""
    image = image_import.import_(home.storage, chunks, options, limit=limit)
    if options.name:
        events.emit_image(home, "tag", image, reference.parse(options.name).familiar)
    events.emit_image(home, "import", image)
    return image
