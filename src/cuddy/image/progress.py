"""What a pull, a push or a load tells about itself, in the words of Docker's API."""

from __future__ import annotations

import time

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.image.workers import Send

WAITING = "Pulling fs layer"
DOWNLOADING = "Downloading"
VERIFIED = "Download complete"
EXTRACTING = "Extracting"
COMPLETE = "Pull complete"
EXISTS = "Already exists"
PREPARING = "Preparing"
PUSHING = "Pushing"
PUSHED = "Pushed"
LAYER_EXISTS = "Layer already exists"
MOUNTED = "Mounted from"
SKIPPED = "Skipped foreign layer"
LOADING = "Loading layer"
LOADED = "Loaded layer"
TELL_EVERY_S = 0.1


class Progress(NamedTuple):
    """One step of one layer (`id`), or with an empty id a line about the whole."""

    id: str
    state: str
    current: int = 0  # bytes of the compressed blob
    total: int = 0


def throttled(send: Send, state: str, total: int) -> Callable[[int], None]:
    """Tell how far it is, but not all the time."""
    last = 0.0

    def tell(current: int) -> None:
        nonlocal last
        if current >= total or time.monotonic() - last >= TELL_EVERY_S:
            last = time.monotonic()
            send(state=state, current=current, total=total)

    return tell
