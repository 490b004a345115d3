"""What is in the layers of an image, as `cuddy image explore --format json` has it."""

from __future__ import annotations

from cuddy.engine import explore, images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call

DEPTH, LIMIT = 2, 12


def layers(call: Call) -> None:
    """Each layer with its size, what made it, and the largest that is in it."""
    image = images.find(call.home, call.ref)
    with call.until_client_leaves(wholly=True):  # a large image is read for seconds
        _, found = explore.explore(call.home, image, depth=DEPTH, limit=LIMIT)
    call.answer(found)
