"""How two images differ: in the files that they show, and in what their configs say.

Layers that both have are not compared, nor are directories that only such layers have a share in.
Of two files with the same type, mode, owner and size the content decides: times say nothing where
builds set them all to one moment.
"""

from __future__ import annotations

import os
import stat

from cuddy.image import merged
from cuddy.image.merged import Entry, Place
from cuddy.image.stack import ROOT, Stack, join
from cuddy.kernel import transfer
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cuddy.image.spec import ImageConfig
    from cuddy.image.storage import Storage
    from cuddy.image.store import Image

    Seen = tuple[Entry, Place | None]

SINGLE_FIELDS = ("architecture", "os", "variant", "author")
LISTED_FIELDS = ("Env", "Labels", "ExposedPorts", "Volumes")
"""Fields of several settings, which are compared one by one."""


class Difference(NamedTuple):
    """A path at which two images differ, with what each shows there."""

    path: bytes
    before: Entry | None
    after: Entry | None

    @property
    def letter(self) -> str:
        """A: only the second has it, D: only the first, C: it is another."""
        return merged.letter(self.before, self.after)


class Setting(NamedTuple):
    """A setting in which two configs differ; a value is None where it is not set."""

    name: str
    before: Any
    after: Any

    @property
    def letter(self) -> str:
        """The same letters as those of paths."""
        return merged.letter(self.before, self.after)


def diff(storage: Storage, one: Image, other: Image) -> Iterator[Difference]:
    """The paths at which the images differ, a directory before what is in it."""
    with Stack(storage, one.chain_ids) as left, Stack(storage, other.chain_ids) as right:
        yield from Comparison(left, right).run()
        left.confirm()
        right.confirm()


class Comparison:
    """Two stacks, walked side by side."""

    def __init__(self, left: Stack, right: Stack) -> None:
        self.left = left
        self.right = right
        pairs = zip(left.chain_ids, right.chain_ids)
        self.shared = next(
            (number for number, (one, other) in enumerate(pairs) if one != other),
            min(len(left.chain_ids), len(right.chain_ids)),
        )

    def run(self) -> Iterator[Difference]:
        """Every difference, names in the order of their bytes."""
        pending = [self.directory(ROOT, self.left.root, self.right.root)]
        while pending:
            found = next(pending[-1], None)
            if found is None:
                pending.pop()
                continue
            path, before, after = found
            entries = (before and before[0], after and after[0])
            if self.differs(path, *entries):
                yield Difference(path, *entries)
            places = (before and before[1], after and after[1])
            if any(places) and not self.is_shared(*places):
                pending.append(self.directory(path, *places))

    def directory(
        self, path: bytes, one: Place | None, other: Place | None
    ) -> Iterator[tuple[bytes, Seen | None, Seen | None]]:
        """The names that one or both show in a directory."""
        left = view(self.left, path, one) if one else {}
        right = view(self.right, path, other) if other else {}
        for name in sorted(left.keys() | right.keys()):
            yield join(path, name), left.get(name), right.get(name)

    def is_shared(self, one: Place | None, other: Place | None) -> bool:
        """Whether a directory, with all in it, comes from layers that both have."""
        return one is not None and one == other and one.layers[-1] < self.shared

    def differs(self, path: bytes, one: Entry | None, other: Entry | None) -> bool:
        """Whether what the two show at a path is not the same."""
        if one is None or other is None:
            return True
        if one.layer == other.layer < self.shared:
            return False
        if one[1:4] != other[1:4]:
            return True
        if one.is_directory:
            return False
        if (one.size, one.rdev) != (other.size, other.rdev):
            return True
        if stat.S_ISLNK(one.mode):
            return self.left.link(one.layer, path) != self.right.link(other.layer, path)
        return stat.S_ISREG(one.mode) and not self.has_same_content(path, one, other)

    def has_same_content(self, path: bytes, one: Entry, other: Entry) -> bool:
        """Whether two files of one size hold the same bytes."""
        left = self.left.open(one.layer, path)
        try:
            right = self.right.open(other.layer, path)
            try:
                return transfer.is_same(left, right, one.size)
            finally:
                os.close(right)
        finally:
            os.close(left)


def view(stack: Stack, path: bytes, place: Place) -> dict[bytes, Seen]:
    """What a stack shows in a directory: each name with what it is, and where that is continued."""
    parts = stack.parts(path, place)
    hiders = merged.hiding(place, parts)
    found: dict[bytes, Seen] = {}
    for name, entries in merged.by_name(parts).items():
        entry = merged.shown(entries, hiders)
        if entry is None:
            continue
        inner = merged.below(entries, hiders) if entry.is_directory else None
        found[name] = entry, inner and merged.visible(inner)
    return found


def settings(one: ImageConfig, other: ImageConfig) -> list[Setting]:
    """The settings in which two configs differ, by name."""
    left, right = _flat(one), _flat(other)
    return [
        Setting(name, left.get(name), right.get(name))
        for name in sorted(left.keys() | right.keys())
        if left.get(name) != right.get(name)
    ]


def _flat(config: ImageConfig) -> dict[str, Any]:
    """Every setting under a name of its own, those left out that say nothing."""
    document: dict[str, Any] = dict(config)
    found = {name: document[name] for name in SINGLE_FIELDS if document.get(name)}
    for key, value in (document.get("config") or {}).items():
        if key not in LISTED_FIELDS or not isinstance(value, (dict, list)):
            found |= {f"Config.{key}": value} if value else {}
        elif isinstance(value, dict):
            found |= {f"Config.{key} {name}": each or "" for name, each in value.items()}
        else:
            pairs = (each.partition("=") for each in map(str, value))
            found |= {f"Config.{key} {name}": each for name, _, each in pairs}
    return found
