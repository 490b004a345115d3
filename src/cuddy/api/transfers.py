"""What a pull, a push or a load tells about itself, as the lines of Docker's API. Pure.

{"status":"Downloading","progressDetail":{"current":1,"total":2},"progress":"[==>  ] 1B/2B",
 "id":"4f4fb700ef54"}
"""

from __future__ import annotations

from cuddy.image import progress
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.image.progress import Progress

BAR = 50
"""Characters of a bar that is full."""
MOVING = (progress.DOWNLOADING, progress.EXTRACTING, progress.PUSHING, progress.LOADING)
LOADED = ("Loaded image", "The image ")
DIGEST = ": digest: "


def pulled(step: Progress) -> dict[str, Any]:
    """A line of a pull or push: about a layer, about the image, or about all."""
    if not step.id:
        return {"status": step.state}
    if step.state.startswith("Pulling from"):
        return {"status": step.state, "id": step.id}
    if step.state not in MOVING:
        return {"status": step.state, "progressDetail": {}, "id": step.id}
    detail = {"current": step.current, **({"total": step.total} if step.total else {})}
    return {
        "status": step.state, "progressDetail": detail, "progress": bar(step.current, step.total),
        "id": step.id,
    }  # fmt: skip


def pushed(step: Progress) -> list[dict[str, Any]]:
    """The lines of a push: after the one about the whole stands the same for programs."""
    line = pulled(step)
    tag, found, rest = step.state.partition(DIGEST)
    digest, _, size = rest.partition(" size: ")
    if step.id or not found or not size.isdecimal():
        return [line]
    aux = {"Tag": tag, "Digest": digest, "Size": int(size)}
    return [line, {"progressDetail": {}, "aux": aux}]


def loaded(step: Progress) -> dict[str, Any]:
    """A line of a load."""
    if not step.id and step.state.startswith(LOADED):
        return {"stream": f"{step.state}\n"}
    return pulled(step)


def bar(current: int, total: int) -> str:
    """How far it is, for people: `[=====>     ]  1.2MB/3.4MB`."""
    if total <= 0 or current > total:
        return f"{human_size(current, 4):>8}"
    done = int(current / total * 100) // 2
    return f"[{'=' * done}>{' ' * (BAR - done)}] {human_size(current, 4):>8}/{human_size(total, 4)}"
