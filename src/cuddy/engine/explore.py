"""Explore: what makes an image as large as it is, as a document for programs."""

from __future__ import annotations

from cuddy.image import explore as layers
from cuddy.image import history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.image.explore import Item, Report
    from cuddy.image.store import Image


def explore(
    home: Home,
    image: Image,
    within: Sequence[bytes] = (),
    *,
    depth: int,
    limit: int,
    only: int = 0,
) -> tuple[Report, dict[str, Any]]:
    """All layers of an image at or below a path, as they were read and as a document; `limit` items
    of each, -1 for all. `only`: this layer alone, the lowest is 1; 0: all.

    Raises NotFound if no layer has anything at that path.
    """
    report = layers.explore(home.storage, image, within, depth=depth, limit=limit)
    return report, describe(image, report, history.layer_sizes(home.storage, image), only)


def describe(image: Image, report: Report, sizes: Sequence[int], only: int) -> dict[str, Any]:
    """The whole report, the largest layer first. Sizes are bytes. Pure."""
    steps = {step.layer: step.created_by for step in history.steps(image.config)}
    found = [
        {
            "Layer": number + 1,
            "DiffID": image.config["rootfs"]["diff_ids"][number],
            "CreatedBy": steps.get(number, ""),
            "Size": sizes[number],
            "Added": layer.added_bytes,
            "Changed": layer.changed_bytes,
            "Removed": layer.removed_bytes,
            "Files": layer.files,
            "Hides": layer.hidden_bytes,
            "OnlyMetadata": layer.touched_bytes,
            "Largest": [describe_item(item) for item in layer.items],
            "LargestRemoved": [describe_item(item) for item in layer.removed],
        }
        for number, layer in enumerate(report.layers)
        if only in (0, number + 1)
    ]
    found.sort(key=lambda layer: (-weight(layer), layer["Layer"]))
    return {
        "ID": image.id,
        "Size": image.size_bytes,
        "Wasted": report.hidden_bytes,
        "WastedFiles": report.hidden_files,
        "LargestWasted": [describe_item(item) for item in report.hidden],
        "Layers": found,
    }


def weight(layer: dict[str, Any]) -> int:
    """What a layer has at or below the path that was asked for, in bytes."""
    return int(layer["Added"] + layer["Changed"])


def describe_item(item: Item) -> dict[str, Any]:
    """A line of what a layer does."""
    return {
        "Path": "/" + item.path.decode("utf-8", "replace") + ("/" if item.is_directory else ""),
        "Change": item.letter,
        "Size": item.size_bytes,
        "SizeBefore": item.before_bytes,
        "Files": item.files,
        "OnlyMetadata": item.is_touched,
    }
