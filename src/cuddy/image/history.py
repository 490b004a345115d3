"""How an image came to be: the steps its config tells of, each with the layer that it left.

`history` of a config lists steps lowest first; those that are not marked `empty_layer` belong to
the layers, in order (image-spec, config.md). Nothing makes a stranger's config keep to that: steps
beyond the last layer have none. Where steps are missing, they are those of a base image that was
made without: the lowest layers get steps that say nothing.
"""

from __future__ import annotations

from cuddy.image import index, snapshots
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.image.spec import History, ImageConfig
    from cuddy.image.storage import Storage
    from cuddy.image.store import Image


class Step(NamedTuple):
    """One step; `layer` is the number of its layer, the lowest is 0, or -1 if it left none."""

    layer: int = -1
    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""


def steps(config: ImageConfig) -> list[Step]:
    """The steps, lowest first; every layer belongs to exactly one of them."""
    count = len(config["rootfs"]["diff_ids"])
    told = config.get("history") or []
    layer = max(0, count - sum(entry.get("empty_layer") is not True for entry in told))
    found = [Step(number) for number in range(layer)]
    for entry in told:
        is_empty = entry.get("empty_layer") is True or layer == count
        texts = (entry.get(key) for key in ("created", "created_by", "author", "comment"))
        strings = (text if isinstance(text, str) else "" for text in texts)
        found.append(Step(-1 if is_empty else layer, *strings))
        layer += not is_empty
    return found


def complete(config: ImageConfig) -> list[History]:
    """The history itself, with a step for each of the layers even if it tells of none."""
    told = list(config.get("history") or ())
    with_layer = sum(not step.get("empty_layer") for step in told)
    untold: list[History] = [{} for _ in config["rootfs"]["diff_ids"][with_layer:]]
    return untold + told


def layer_sizes(storage: Storage, image: Image) -> Sequence[int]:
    """The unpacked bytes of each layer, lowest first: as noted when it came in, or measured."""
    known = index.layer_sizes(image.manifest, len(image.chain_ids))
    if known is not None:
        return known
    return [snapshots.measure(storage, chain_id) for chain_id in image.chain_ids]
