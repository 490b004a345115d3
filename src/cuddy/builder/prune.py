"""Prune: make the build cache smaller, by size and by age; what was used last goes last.

A step goes only with all that stand on it: they would be found by nobody without it. So whoever
uses a step uses what it stands on as well. What a running build needs stays where it is until that
ends (`garbage`), whatever is forgotten of it; a cache mount that somebody has is left alone.

The rules are BuildKit's. Without `all`, what an image shares stays.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import cache_mounts, du, inputs_kept
from cuddy.builder.du import Piece
from cuddy.engine import events, in_use
from cuddy.errors import InvalidArgument, SystemFailure, WrongArguments
from cuddy.image import cached_steps, garbage, index
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cuddy.engine.home import Home
    from cuddy.image.garbage import Content, Removal

FLAGS = ("inuse", "shared", "private", "mutable", "immutable")
TEXTS = ("id", "parents", "parent", "type", "description")
TIMES = ("until", "unused-for")
NAMES = tuple(sorted((*FLAGS, *TEXTS, *TIMES)))
_TRUE, _FALSE = ("", "1", "t", "true"), ("0", "f", "false")


class Filters(NamedTuple):
    """Which pieces are meant. `until_ns`: only what was not used since this moment."""

    conditions: tuple[tuple[str, str], ...] = ()
    until_ns: int | None = None

    def match(self, piece: Piece) -> bool:
        """Whether a piece is among them."""
        if self.until_ns is not None and piece.last_used_ns >= self.until_ns:
            return False
        return all(_matches(piece, name, value) for name, value in self.conditions)


class Limits(NamedTuple):
    """How much may stay, in bytes; 0: does not matter. With none of them nothing stays."""

    reserved: int = 0  # --keep-storage, --reserved-space: so much is always left to the cache
    most: int = 0  # --max-used-space
    min_free: int = 0  # --min-free-space: of the disk

    def keep(self, total: int, free: int) -> int:
        """How much of so much may stay, if so much of the disk is free."""
        caps = [self.most] if self.most else []
        if self.min_free:
            caps.append(max(total - max(self.min_free - free, 0), 0))
        return max(min(caps, default=0), self.reserved)


ANYTHING, NO_LIMITS = Filters(), Limits()


class Pruned(NamedTuple):
    """What went. `why_kept`: why what it took on disk is not all free yet, or ""."""

    pieces: list[Piece]
    freed_bytes: int
    why_kept: str


def parse_filters(pairs: Iterable[tuple[str, str]], until_ns: int | None) -> Filters:
    """The filters of the command line; `until` was read by who knows the local time.

    Raises WrongArguments, InvalidArgument.
    """
    conditions = []
    for name, value in pairs:
        if name.rstrip("!~") not in NAMES:
            raise WrongArguments(f"invalid filter '{name}'", hint=f"one of {', '.join(NAMES)}")
        if name in FLAGS and value.lower() not in _TRUE + _FALSE:
            raise InvalidArgument(f"invalid filter '{name}={value}'", hint="true or false")
        if name not in TIMES:
            conditions.append((name, value))
    return Filters(tuple(conditions), until_ns)


def _matches(piece: Piece, name: str, value: str) -> bool:
    """Whether a piece fulfils one condition: `=` of a beginning for ids, `!=` and `~=` of texts."""
    if name in FLAGS:
        is_mount = piece.type == du.MOUNT
        found = {
            "inuse": piece.is_busy, "shared": piece.is_shared, "private": not piece.is_shared,
            "mutable": is_mount, "immutable": not is_mount,
        }[name]  # fmt: skip
        return found == (value.lower() in _TRUE)
    field = name.rstrip("!~")
    texts = {
        "id": (piece.id,), "type": (piece.type,), "description": (piece.description,),
        "parent": piece.parents, "parents": piece.parents,
    }[field]  # fmt: skip
    if name.endswith("~"):
        return any(value in text for text in texts)
    is_id = field in ("id", "parent", "parents") and value
    is_equal = any(text.startswith(value) if is_id else text == value for text in texts)
    return is_equal != name.endswith("!")


def prune(
    home: Home, filters: Filters = ANYTHING, limits: Limits = NO_LIMITS, *, all: bool = False
) -> Pruned:
    """Remove what the filters let go, until no more is left than may stay. Raises SystemFailure."""
    try:
        with garbage.Removal(home.storage) as removal:
            chosen = choose(du.du(home), filters, limits, _free_bytes(home), all=all)
            gone = _forget(removal, chosen)
            _take_ruins(home, removal, is_all=all and not filters.conditions)
            # What was built anew has taken the place of steps whose layers nobody knows any more.
            is_whole = filters == ANYTHING and limits == NO_LIMITS
            steps = [piece.step for piece in gone if piece.step]
            why_kept = _free(
                home, removal, garbage.present(home.storage) if is_whole else garbage.keep(steps)
            )
    except OSError as error:
        raise SystemFailure.from_os("cannot prune the build cache", error) from error
    events.emit_prune(home, "builder", removal.freed_bytes)
    return Pruned(gone, removal.freed_bytes, why_kept)


def _free_bytes(home: Home) -> int:
    status = os.statvfs(home.root)
    return status.f_bavail * status.f_frsize


def choose(
    pieces: Sequence[Piece], filters: Filters, limits: Limits, free: int, *, all: bool
) -> list[Piece]:
    """What is to go, in the order in which it goes. Pure."""
    tree = _Tree(pieces)
    total = sum(piece.size_bytes for piece in pieces if not piece.is_shared)
    keep = limits.keep(total, free)
    gone: list[Piece] = []
    for piece in tree.oldest_first():
        if limits != NO_LIMITS and total <= keep:
            break
        if piece.is_busy or not filters.match(piece) or not _is_for_all(piece, all=all):
            continue
        if tree.has_children(piece):
            continue
        tree.remove(piece)
        gone.append(piece)
        if not piece.is_shared:
            total -= piece.size_bytes
    return gone


def _is_for_all(piece: Piece, *, all: bool) -> bool:
    """Whether it goes without `--all` as well."""
    return all or not (piece.is_shared or piece.type in (du.INTERNAL, du.CONTEXTS))


class _Tree:
    """Which pieces stand on which. A piece is in use with whatever stands on it."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = {piece.id: piece for piece in pieces}
        self.children: dict[str, set[str]] = {}
        for piece in pieces:
            for parent in piece.parents:
                if parent in self.pieces and parent != piece.id:
                    self.children.setdefault(parent, set()).add(piece.id)
        self.used: dict[str, tuple[int, int]] = {}

    def oldest_first(self) -> list[Piece]:
        """All, those that were not used for longest first, what stands on others before these."""
        return sorted(self.pieces.values(), key=lambda piece: (*self._rank(piece.id), piece.id))

    def _rank(self, piece_id: str) -> tuple[int, int]:
        """When a piece or what stands on it was last used, and how high that is piled on it."""
        pending = [piece_id]
        while pending:
            each = pending[-1]
            waiting = [c for c in self.children.get(each, ()) if c not in self.used]
            if each in self.used:
                pending.pop()
            elif waiting and not set(waiting).issubset(pending):
                pending += [child for child in waiting if child not in pending]
            else:
                above = [self.used.get(c, (0, 0)) for c in self.children.get(each, ())]
                self.used[each] = (
                    max((self.pieces[each].last_used_ns, *(used for used, _ in above))),
                    1 + max((height for _, height in above), default=-1),
                )
                pending.pop()
        return self.used[piece_id]

    def has_children(self, piece: Piece) -> bool:
        """Whether something still stands on it."""
        return bool(self.children.get(piece.id))

    def remove(self, piece: Piece) -> None:
        """It goes."""
        for parent in piece.parents:
            self.children.get(parent, set()).discard(piece.id)


def _forget(removal: Removal, chosen: list[Piece]) -> list[Piece]:
    """Forget these pieces; what really went: somebody may have taken one just now."""
    gone = []
    for piece in chosen:
        if piece.type in (du.MOUNT, du.INTERNAL):
            with cache_mounts.Claim(piece.paths[0]) as claim:
                if not claim.is_free:
                    continue
                removal.take_path(piece.paths[0])
        else:
            for path in piece.paths:
                removal.take_path(path)
        gone.append(piece)
    return gone


def _free(home: Home, removal: Removal, content: Content) -> str:
    """Take what nobody needs of content; why some of it was left, or ""."""
    kept = in_use.find(home)
    if kept.unreadable:  # nobody knows what they stand on
        return f"the record of container {kept.unreadable[0][:12]} cannot be read"
    needed, broken = garbage.survey(home.storage, index.read(home.storage)["manifests"])
    if broken:
        return f"the image store lacks or cannot read {broken[0]}"
    needed.layers.update(kept.layers)
    removal.take(content.without(needed.union(garbage.cached(home.storage))))
    return "" if removal.is_alone else "other commands are at work with images"


def _take_ruins(home: Home, removal: Removal, *, is_all: bool) -> None:
    """Forget what is no step, what was noted of steps that are gone, and of images likewise."""
    for path in cached_steps.ruins(home.storage):
        removal.take_path(path)
    keys = {step.key for step in cached_steps.list_steps(home.storage)}
    for key, paths in inputs_kept.paths(home).items():
        if key not in keys:
            for path in paths:
                removal.take_path(path)
    if is_all:
        for name in files.list_directory(f"{home.build_dir}/images"):
            removal.take_path(f"{home.build_dir}/images/{name}")
