"""What a stack of layers shows of one directory: overlayfs's rules, as functions of listings.

Layers are numbered from the lowest, 0. A name that a layer has replaces what is below it, a
whiteout removes it, two directories are merged. A layer that hides all below a directory, because
it is opaque there or because it replaced or removed an ancestor, is in `hiding`. Reference:
Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories"; layer.md, "Whiteouts".
"""

from __future__ import annotations

import stat

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Entry(NamedTuple):
    """What one layer has under one name: the fields of stat(2)."""

    layer: int
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime_ns: int = 0
    rdev: int = 0
    inode: int = 0
    links: int = 1

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_whiteout(self) -> bool:
        return stat.S_ISCHR(self.mode) and self.rdev == 0

    @property
    def size_bytes(self) -> int:
        """What it takes in its layer; a directory counts for nothing."""
        return 0 if self.is_directory else self.size


class Part(NamedTuple):
    """One layer's share of a directory."""

    layer: int
    is_opaque: bool
    entries: dict[bytes, Entry]


def letter(before: object, after: object) -> str:
    """docker diff's letter for what was and what is: A(dded), C(hanged), D(eleted)."""
    if before is None:
        return "A"
    return "D" if after is None else "C"


class Change(NamedTuple):
    """What one layer does to a name: `before` is what showed below it, `after` what shows then."""

    layer: int
    name: bytes
    before: Entry | None
    after: Entry | None

    @property
    def letter(self) -> str:
        """docker diff's letter."""
        return letter(self.before, self.after)


class Place(NamedTuple):
    """Where a directory is in a stack: the layers that have it, lowest first, and those that hide
    all of it below them.
    """

    layers: tuple[int, ...]
    hiding: frozenset[int]


def by_name(parts: Iterable[Part]) -> dict[bytes, list[Entry]]:
    """Every name in a directory, with what the layers have under it, lowest first."""
    found: dict[bytes, list[Entry]] = {}
    for part in parts:
        for name, entry in part.entries.items():
            found.setdefault(name, []).append(entry)
    return found


def hiding(place: Place, parts: Iterable[Part]) -> frozenset[int]:
    """The layers that hide what is below them in a directory, opaque ones included."""
    return place.hiding.union(part.layer for part in parts if part.is_opaque)


def changes(name: bytes, entries: Sequence[Entry], hiders: frozenset[int]) -> Iterator[Change]:
    """What each layer does to a name, lowest first; a layer that changes nothing is left out."""
    own = {entry.layer: entry for entry in entries}
    shown: Entry | None = None
    for layer in sorted(own.keys() | hiders):
        before, entry = shown, own.get(layer)
        if entry is not None:
            shown = None if entry.is_whiteout else entry
        elif layer in hiders:
            shown = None
        if before is None and shown is None:
            continue
        if before and shown and layer not in hiders and is_same_directory(before, shown):
            continue
        yield Change(layer, name, before, shown)


def is_same_directory(one: Entry, other: Entry) -> bool:
    """Whether both are directories of one owner and mode."""
    return one.is_directory and one[1:4] == other[1:4]


def is_touched(change: Change) -> bool:
    """Whether a file was copied up for its mode or owner alone: size and time are still the same.

    What changes a file's content changes its time, unless it takes pains not to.
    """
    one, other = change.before, change.after
    if one is None or other is None or not stat.S_ISREG(one.mode):
        return False
    is_same_file = (one.size, one.mtime_ns) == (other.size, other.mtime_ns)
    return is_same_file and stat.S_ISREG(other.mode) and one[1:4] != other[1:4]


def shown(entries: Sequence[Entry], hiders: frozenset[int]) -> Entry | None:
    """What the whole stack shows under a name."""
    top = entries[-1]
    hidden = any(layer > top.layer for layer in hiders)
    return None if hidden or top.is_whiteout else top


def below(entries: Sequence[Entry], hiders: frozenset[int]) -> Place | None:
    """The place of the directory that some of the layers have under a name; None if none has."""
    layers = tuple(entry.layer for entry in entries if entry.is_directory)
    if not layers:
        return None
    return Place(layers, hiders.union(e.layer for e in entries if not e.is_directory))


def visible(place: Place) -> Place | None:
    """The same place without the layers whose share of it is hidden; None if all of it is."""
    top = max(place.hiding, default=-1)
    layers = tuple(layer for layer in place.layers if layer >= top)
    return Place(layers, frozenset()) if layers else None
