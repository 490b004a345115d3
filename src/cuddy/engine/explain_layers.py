"""What `explain` says of files: the layers of a container's root, and whose its largest files are.

Read from the layers' directories themselves: nothing is mounted, and nobody is kept waiting.
"""

from __future__ import annotations

import os
import stat
from heapq import heappush, heappushpop

from cuddy.engine import images
from cuddy.engine.explain_facts import Facts, Row
from cuddy.errors import NotFound
from cuddy.image import history, host, merged
from cuddy.image.stack import ROOT, Stack, join
from cuddy.shapes import NamedTuple
from cuddy.sizes import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.image.merged import Place

LARGEST = 10
OWN = "written by the container"
SHELL = "/bin/sh -c #(nop) "


class File(NamedTuple):
    """A file that shows, and the number of the layer that it is in."""

    size_bytes: int
    path: bytes
    layer: int


def layers(home: Home, facts: Facts) -> list[Row]:
    """The stack, uppermost first, then the largest files with the layer of each."""
    record = facts.record
    upper = f"{home.container_dir(record['Id'])}/upper"
    if record["Image"] == host.IMAGE.id:
        return [
            Row(f"/{path}", f"/{path}", "an overlay of its own", "what it writes stays in there")
            for path in host.overlaid()
        ]
    count = len(record["ChainIds"])
    stories = tell(home, record["Image"], count)
    try:
        with Stack(home.storage, record["ChainIds"], [upper]) as stack:
            found, sizes = survey(stack)
    except (NotFound, OSError):
        return [Row("layers", "", str(count), "they have just gone")]
    rows = [Row("top", upper, human_size(sizes[count]), OWN)]
    for number in reversed(range(count)):
        name = record["ChainIds"][number].partition(":")[2][:12]
        where = f"{home.storage.layers_dir}/{name}…"
        rows.append(Row(f"layer {number + 1}", where, human_size(sizes[number]), stories[number]))
    for file in found:
        whose = "top" if file.layer == count else f"layer {file.layer + 1}"
        path = f"/{os.fsdecode(file.path)}"
        rows.append(Row(path, f"in {whose}", human_size(file.size_bytes), ""))
    return rows


def tell(home: Home, image_id: str, count: int) -> list[str]:
    """What made each layer, lowest first, as far as the image is still there and says so."""
    stories = [""] * count
    try:
        image = images.find(home, image_id)
    except NotFound:
        return stories
    for step in history.steps(image.config):
        if 0 <= step.layer < count:
            stories[step.layer] = step.created_by.removeprefix(SHELL) or step.comment
    return stories


def survey(stack: Stack) -> tuple[list[File], list[int]]:
    """The largest files that show, largest first, and what shows of each layer in bytes."""
    top = len(stack.chain_ids)
    sizes = [0] * (top + 1)
    largest: list[File] = []
    pending: list[tuple[bytes, Place]] = [(ROOT, stack.root)]
    while pending:
        path, place = pending.pop()
        parts = stack.parts(path, place)
        hiders = merged.hiding(place, parts)
        for name, entries in merged.by_name(parts).items():
            entry = merged.shown(entries, hiders)
            if entry is None:
                continue
            if entry.is_directory:
                if inner := merged.below(entries, hiders):
                    pending.append((join(path, name), inner))
            elif stat.S_ISREG(entry.mode):
                sizes[entry.layer] += entry.size
                file = File(entry.size, join(path, name), entry.layer)
                add = heappush if len(largest) < LARGEST else heappushpop
                add(largest, file)
    return sorted(largest, reverse=True), sizes
