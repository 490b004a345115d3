r"""Patterns of paths, as `.dockerignore` has them: Go's filepath.Match, and `**`.

*        any run of characters but slashes       [a-z]    one of these, be it a slash
?        any one character but a slash           [^a-z]   one of the others
**       any run of directories, none too        \c       the character c itself

Most patterns are read as one segment a directory: what such a pattern asks of the names in one
directory is then known before the first name comes. The few in which `**` is not a segment of its
own, or a class could fit a slash, are for whole paths. `re` would cost more than most builds.
"""

from __future__ import annotations

from cuddy.engine.patterns import ANY_CHARACTER, Class, Reading
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Item: TypeAlias = "Literal | Class | str"

STAR, DIRECTORIES, ALL = "*", "**/", "**"
"""Items that fit a run of characters: without a slash; none or up to a slash; any."""


class Literal(NamedTuple):
    """Characters that stand for themselves."""

    text: str


class Segment(NamedTuple):
    """What one name must be: begin and end so, or fit the glob. `is_exact`: it is the prefix."""

    is_exact: bool = False
    prefix: bytes = b""
    suffix: bytes = b""
    glob: tuple[Item, ...] | None = None

    @property
    def is_any(self) -> bool:
        """Whether every name fits."""
        return not (self.is_exact or self.prefix or self.suffix or self.glob)

    def fits(self, name: bytes) -> bool:
        """Whether a name fits."""
        if self.is_exact:
            return name == self.prefix
        if not (name.startswith(self.prefix) and name.endswith(self.suffix)):
            return False
        if self.glob is None:
            return len(name) >= len(self.prefix) + len(self.suffix)
        return fits(self.glob, name)


class Pattern(NamedTuple):
    """A pattern of paths. `segments`: None among them for `**`; if there are none, see `whole`."""

    text: str
    segments: tuple[Segment | None, ...]
    whole: tuple[Item, ...] = ()

    def fits(self, path: bytes) -> bool:
        """Whether it fits a path, which begins and ends without a slash."""
        if not self.segments:
            return fits(self.whole, path)
        states = frozenset((0,))
        *parents, name = path.split(b"/")
        for parent in parents:
            states = self.below(states, parent)
        return any(leaf is None or leaf.fits(name) for leaf in self.leaves(states))

    def below(self, states: frozenset[int], name: bytes) -> frozenset[int]:
        """Which segments may come next in a directory, from those that might where it lies."""
        after = set()
        for state in self._open(states):
            segment = self.segments[state]
            if segment is None:
                after.add(state)
            elif state + 1 < len(self.segments) and segment.fits(name):
                after.add(state + 1)
        return frozenset(after)

    def leaves(self, states: frozenset[int]) -> tuple[Segment | None, ...]:
        """The last segment, once if it may come next: what fits it fits the pattern."""
        return self.segments[-1:] if len(self.segments) - 1 in self._open(states) else ()

    def _open(self, states: frozenset[int]) -> set[int]:
        """The states, and those reached from them by letting `**` be no directory at all."""
        found = set()
        for state in states:
            found.add(state)
            while self.segments[state] is None and state + 1 < len(self.segments):
                state += 1
                found.add(state)
        return found


def compile(text: str) -> Pattern:
    """Read a pattern that was cleaned (`clean`). Raises InvalidArgument for what is none."""
    items = _Reading(text).items()
    segments = _segments(items)
    return Pattern(text, segments, () if segments else tuple(items))


def clean(text: str) -> str:
    """The shortest path that means the same, as Go's filepath.Clean makes it."""
    kept: list[str] = []
    root = text[:1] == "/"
    for part in text.split("/"):
        if part == ".." and (root or kept) and kept[-1:] != [".."]:
            kept[-1:] = []
        elif part not in ("", "."):
            kept.append(part)
    return "/" * root + "/".join(kept) or "."


def fits(items: tuple[Item, ...], name: bytes) -> bool:
    """Whether items fit all of a name; the work is bounded by the product of both lengths."""
    text = name.decode("utf-8", "surrogateescape")
    ends = {0}  # where what has been read so far may end
    for item in items:
        if isinstance(item, Literal):
            ends = {at + len(item.text) for at in ends if text.startswith(item.text, at)}
        elif isinstance(item, Class):
            ends = {at + 1 for at in ends if at < len(text) and item.fits(text[at])}
        else:
            ends = _run(item, text, ends)
        if not ends:
            return False
    return len(text) in ends


def _run(item: str, text: str, ends: set[int]) -> set[int]:
    """Where a run of characters may end that begins at one of `ends`."""
    first = min(ends)
    if item == ALL:
        return set(range(first, len(text) + 1))
    if item == DIRECTORIES:
        return ends | {at + 1 for at in range(first, len(text)) if text[at] == "/"}
    found: set[int] = set()
    done = -1
    for at in sorted(ends):
        if at > done:
            slash = text.find("/", at)
            done = slash if slash >= 0 else len(text)
            found.update(range(at, done + 1))
    return found


def _segments(items: list[Item]) -> tuple[Segment | None, ...]:
    """The items by directories; none if that cannot be."""
    found: list[Segment | None] = []
    segment: list[Item] = []
    for i, item in enumerate(items):
        if isinstance(item, Literal):
            first, *others = item.text.split("/")
            segment += [Literal(first)] if first else []
            for text in others:
                found.append(_segment(segment))
                segment = [Literal(text)] if text else []
        elif item in (DIRECTORIES, ALL):
            if segment or (item == ALL and i + 1 < len(items)):
                return ()
            found.append(None)
        elif isinstance(item, Class) and item.fits("/"):
            return ()
        else:
            segment.append(item)
    if items[-1] != ALL:
        found.append(_segment(segment))
    return tuple(found)


def _segment(items: list[Item]) -> Segment:
    first, last = (items[0], items[-1]) if items else (Literal(""), Literal(""))
    prefix = _bytes(first) if isinstance(first, Literal) else b""
    suffix = _bytes(last) if isinstance(last, Literal) else b""
    if len(items) <= 1 and isinstance(first, Literal):
        return Segment(True, prefix)
    between = [item for item in items if not isinstance(item, Literal)]
    is_around = between == [STAR]
    return Segment(False, prefix, suffix, None if is_around else tuple(items))


def _bytes(literal: Literal) -> bytes:
    return literal.text.encode("utf-8", "surrogateescape")


class _Reading(Reading):
    """A pattern of docker's, item by item."""

    def items(self) -> list[Item]:
        """All items, neighbouring literals joined."""
        found: list[Item] = []
        while self.at < len(self.text):
            item = self._item(not found)
            before = found[-1] if found else None
            if isinstance(item, Literal) and isinstance(before, Literal):
                found[-1] = Literal(before.text + item.text)
            else:
                found.append(item)
        return found

    def _item(self, is_first: bool) -> Item:
        character = self.take()
        if character == "*":
            return self._stars(is_first)
        if character == "?":
            return ANY_CHARACTER
        if character == "[":
            return self.take_class()
        return Literal(self.take() if character == "\\" else character)

    def _stars(self, is_first: bool) -> str:
        if not self.text.startswith("*", self.at):
            return STAR
        self.at += 1
        has_slash = self.text.startswith("/", self.at)
        self.at += has_slash
        if self.at == len(self.text):
            return ALL
        # Docker takes a leading one without a slash for "ends so", if no more wildcards follow.
        rest = self.text[self.at :]
        is_plain = not any(special in rest for special in "*?[]\\")
        return ALL if is_first and not has_slash and is_plain else DIRECTORIES
