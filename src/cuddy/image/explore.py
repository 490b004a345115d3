"""What each layer of an image adds, changes and removes, and the bytes that nobody sees any more.

Files count as docker counts a layer: once in each layer, however many names they have there. What
is remembered is bounded: directories down to a depth, and the largest files.
"""

from __future__ import annotations

import heapq

from cuddy.errors import NotFound
from cuddy.image import merged
from cuddy.image import stack as stacks
from cuddy.image.stack import Stack
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cuddy.image.merged import Change, Entry
    from cuddy.image.storage import Storage
    from cuddy.image.store import Image

MAX_DIRECTORIES = 100_000
"""Directories of a layer that are told apart; the bytes of others count for their parents only."""


class Item(NamedTuple):
    """A line of what a layer does: a path, or a directory with all below it.

    `letter`: A, C or D; of a directory that has changes of several kinds in it, "".
    """

    path: bytes
    letter: str
    size_bytes: int
    before_bytes: int = 0  # what it hides of the layers below
    files: int = 1
    is_directory: bool = False
    is_touched: bool = False  # there once more because of its mode or owner


class LayerReport(NamedTuple):
    """What one layer does. `items`: the largest first; `removed`: what it removes, the same."""

    added_bytes: int
    changed_bytes: int
    removed_bytes: int
    files: int
    hidden_bytes: int  # of layers below, by what it changes and removes
    touched_bytes: int  # in files of which only mode or owner are new
    items: list[Item]
    removed: list[Item]


class Report(NamedTuple):
    """What all layers do, lowest first. `hidden`: the largest files that are shown no more."""

    layers: list[LayerReport]
    hidden_bytes: int
    hidden_files: int
    hidden: list[Item]


def explore(
    storage: Storage, image: Image, within: Sequence[bytes], *, depth: int, limit: int
) -> Report:
    """Read all layers of an image at or below a path; `limit` items for each layer, -1 for all.

    Raises NotFound if no layer has anything at that path.
    """
    with Stack(storage, image.chain_ids) as stack:
        tallies = [Tally(len(within), depth, limit) for _ in image.chain_ids]
        hidden = Largest(limit)
        once = Once()
        is_empty = True
        for parent, change in stacks.walk(stack, within):
            is_empty = False
            path = stacks.join(parent, change.name)
            size = once.bytes_of(change.after) if change.after else 0
            gone = once.bytes_hidden(change.before) if change.before else 0
            tallies[change.layer].add(path, change, size, gone)
            if change.before and not change.before.is_directory:
                hidden.add(Item(path, change.letter, gone, change.before.size_bytes))
        stack.confirm()
    if is_empty and within:
        raise NotFound(f"no layer of the image has anything at /{_shown(within)}")
    return Report(
        [tally.report() for tally in tallies], hidden.total_bytes, hidden.count, hidden.items()
    )


def _shown(within: Iterable[bytes]) -> str:
    return b"/".join(within).decode("utf-8", "surrogateescape")


class Once:
    """Counts the bytes of a file with several names in a layer once."""

    def __init__(self) -> None:
        self._here: set[tuple[int, int]] = set()
        self._hidden: dict[tuple[int, int], int] = {}

    def bytes_of(self, entry: Entry) -> int:
        """What an entry adds to its layer: the first name of a file has it all."""
        if entry.links > 1 and not entry.is_directory:
            if (entry.layer, entry.inode) in self._here:
                return 0
            self._here.add((entry.layer, entry.inode))
        return entry.size_bytes

    def bytes_hidden(self, entry: Entry) -> int:
        """What nobody sees any more when an entry is hidden: nothing before a file's last name."""
        if entry.links > 1 and not entry.is_directory:
            count = self._hidden.get((entry.layer, entry.inode), 0) + 1
            self._hidden[entry.layer, entry.inode] = count
            if count != entry.links:
                return 0
        return entry.size_bytes


class Largest:
    """The largest of many items, and the sum of all."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.total_bytes = 0
        self.count = 0
        self._heap: list[tuple[int, int, Item]] = []

    def add(self, item: Item) -> None:
        """Take one more; of two that are as large the first stays."""
        self.total_bytes += item.size_bytes
        self.count += 1
        row = (item.size_bytes, -self.count, item)
        if self.limit < 0 or len(self._heap) < self.limit:
            heapq.heappush(self._heap, row)
        elif self._heap:
            heapq.heappushpop(self._heap, row)

    def items(self) -> list[Item]:
        """Largest first."""
        return [item for _, _, item in sorted(self._heap, key=lambda row: row[:2], reverse=True)]


class Tally:
    """What one layer does, as it is read."""

    def __init__(self, top: int, depth: int, limit: int) -> None:
        self.top = top  # parts of the path at or below which is read
        self.depth = top + depth
        self.limit = limit
        self.bytes = {"A": 0, "C": 0, "D": 0}
        self.files = self.hidden_bytes = self.touched_bytes = 0
        self._largest = Largest(limit)
        self._directories: dict[bytes, Item] = {}
        self._removed: dict[bytes, Item] = {}

    def add(self, path: bytes, change: Change, size: int, gone: int) -> None:
        """Take one change at a path: so many bytes of this layer, so many that are hidden by it."""
        letter = change.letter
        self.bytes[letter] += gone if letter == "D" else size
        self.hidden_bytes += gone
        is_directory = bool(change.after and change.after.is_directory)
        if letter == "D":
            self._remove(path, change, gone)
            return
        if is_directory:
            self._enter(path, letter)
            return
        self.files += 1
        before = change.before.size_bytes if change.before else 0
        item = Item(path, letter, size, before, is_touched=merged.is_touched(change))
        self.touched_bytes += size if item.is_touched else 0
        self._largest.add(item)
        if before_is_directory(change):
            self._remove(path, change, gone)
        self._sum_up(item)

    def _enter(self, path: bytes, letter: str) -> None:
        if path.count(b"/") < self.depth and len(self._directories) < MAX_DIRECTORIES:
            found = self._directories.get(path) or Item(path, letter, 0, files=0, is_directory=True)
            self._directories[path] = found

    def _sum_up(self, item: Item) -> None:
        """Add a file to the directories above it."""
        parts = item.path.split(b"/")[:-1]
        for end in range(max(1, self.top), min(len(parts), self.depth) + 1):
            path = b"/".join(parts[:end])
            if path not in self._directories:
                # A directory that is in the layer only because of what is in it.
                self._enter(path, "")
            if found := self._directories.get(path):
                letter = found.letter if found.letter == item.letter else ""
                self._directories[path] = found._replace(
                    letter=letter,
                    size_bytes=found.size_bytes + item.size_bytes,
                    before_bytes=found.before_bytes + item.before_bytes,
                    files=found.files + 1,
                )

    def _remove(self, path: bytes, change: Change, gone: int) -> None:
        """Remember what was removed under the topmost directory that went with it."""
        is_directory = before_is_directory(change)
        top = self._top(path)
        if top is None:
            files = 0 if is_directory else 1
            self._removed[path] = Item(path, "D", gone, gone, files, is_directory)
            return
        found = self._removed[top]
        total = found.size_bytes + gone
        files = found.files + (not is_directory)
        self._removed[top] = found._replace(size_bytes=total, before_bytes=total, files=files)

    def _top(self, path: bytes) -> bytes | None:
        if path in self._removed:
            return path
        slash = path.find(b"/")
        while slash >= 0:
            if path[:slash] in self._removed:
                return path[:slash]
            slash = path.find(b"/", slash + 1)
        return None

    def report(self) -> LayerReport:
        """What is known when all has been read."""
        both = [*self._directories.values(), *self._largest.items()]
        return LayerReport(
            self.bytes["A"],
            self.bytes["C"],
            self.bytes["D"],
            self.files,
            self.hidden_bytes,
            self.touched_bytes,
            _largest_first(both, self.limit),
            _largest_first(list(self._removed.values()), self.limit),
        )


def before_is_directory(change: Change) -> bool:
    """Whether the layers below had a directory there."""
    return bool(change.before and change.before.is_directory)


def _largest_first(items: list[Item], limit: int) -> list[Item]:
    """A directory stands before what is in it."""
    items.sort(key=lambda item: (-item.size_bytes, item.path))
    return items if limit < 0 else items[:limit]
