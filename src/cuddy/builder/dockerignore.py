"""What `.dockerignore` keeps out of a context: its lines, and what they mean for a path.

The last line that fits a path, or a directory above it, counts; those with `!` let it in again.
As docker goes through a context: a line that could change nothing for a directory, because the
lines above had not left it out (or, without `!`, had already), is not remembered for what is in it.

Whoever walks a context asks for one directory's names after the other, so what all lines mean there
is worked out once (`Scope`); most names then cost a look into a set.
"""

from __future__ import annotations

from cuddy.builder import patterns
from cuddy.builder.lines import SPACES
from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.patterns import Pattern, Segment

NAME = ".dockerignore"
MAX_BYTES = 16 << 20


class Line(NamedTuple):
    """A pattern, and whether it lets in again what it fits (`!`)."""

    is_exception: bool
    pattern: Pattern


class Remainder(NamedTuple):
    """What is left of a line in one directory."""

    number: int
    is_exception: bool
    is_inherited: bool  # it fits the directory, so all that is in it
    states: frozenset[int] | None  # of the pattern's segments; None: it wants the whole path
    leaves: tuple[Segment | None, ...]  # what fits a name at once


class Scope(NamedTuple):
    """What the lines mean for the names in one directory."""

    tests: tuple[Remainder, ...]
    is_excluded: bool  # a name that nothing below asks for
    names: frozenset[bytes]
    prefixes: tuple[bytes, ...]
    suffixes: tuple[bytes, ...]
    is_particular: bool  # every name has to be looked at
    may_hold: bool  # an exception may fit something deeper


class Rules:
    """All lines. Paths are relative to the context, without `.`, `..` and slashes at the ends."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = tuple(lines)
        start = frozenset((0,))
        self._scopes = {
            b"": self._scope(
                [
                    _remainder(i, line, False, start if line.pattern.segments else None)
                    for i, line in enumerate(self.lines)
                ]
            )
        }

    def excludes(self, path: bytes) -> bool:
        """Whether a path is left out. What lies below it may be let in again: see `may_hold`."""
        if not path:
            return False  # the context itself is always there
        directory, _, name = path.rpartition(b"/")
        scope = self._scopes.get(directory) or self._enter(directory)
        if (
            name in scope.names
            or scope.is_particular
            or (scope.suffixes and name.endswith(scope.suffixes))
            or (scope.prefixes and name.startswith(scope.prefixes))
        ):
            return self._evaluate(scope.tests, path, name)[0]
        return scope.is_excluded

    def may_hold(self, directory: bytes) -> bool:
        """Whether something below a directory that is left out may be let in again."""
        return (self._scopes.get(directory) or self._enter(directory)).may_hold

    def _enter(self, directory: bytes) -> Scope:
        """The scope of a directory, made from that of the one it lies in."""
        missing = []
        while directory not in self._scopes:
            missing.append(directory)
            directory = directory.rpartition(b"/")[0]
        scope = self._scopes[directory]
        for path in reversed(missing):
            scope = self._scopes[path] = self._below(scope, path)
        return scope

    def _below(self, scope: Scope, path: bytes) -> Scope:
        name = path.rpartition(b"/")[2]
        fitting = self._evaluate(scope.tests, path, name)[1]
        tests = []
        for test in scope.tests:
            line = self.lines[test.number]
            states = None if test.states is None else line.pattern.below(test.states, name)
            if test.number in fitting or states or states is None:
                tests.append(_remainder(test.number, line, test.number in fitting, states))
        return self._scope(tests)

    def _scope(self, tests: list[Remainder]) -> Scope:
        wanted = [leaf for test in tests if not test.is_inherited for leaf in test.leaves if leaf]
        parts = [leaf for leaf in wanted if not leaf.is_exact and not leaf.is_any]
        # What has a prefix and a suffix is found by the longer.
        by_suffix = [leaf for leaf in parts if len(leaf.suffix) >= len(leaf.prefix)]
        by_prefix = [leaf for leaf in parts if len(leaf.suffix) < len(leaf.prefix)]
        live = [test for test in tests if not test.is_inherited]
        return Scope(
            tuple(tests),
            self._evaluate(tests, None, b"")[0],
            frozenset(leaf.prefix for leaf in wanted if leaf.is_exact),
            tuple({leaf.prefix for leaf in by_prefix}),
            tuple({leaf.suffix for leaf in by_suffix}),
            any(test.states is None for test in live),
            any(test.is_exception and (test.states or test.states is None) for test in live),
        )

    def _evaluate(
        self, tests: Sequence[Remainder], path: bytes | None, name: bytes
    ) -> tuple[bool, set[int]]:
        """Whether a name is left out, and which lines fit it. No path: a name nobody asks for."""
        is_excluded = False
        fitting = set()
        for test in tests:
            if not test.is_inherited:
                if test.is_exception != is_excluded:
                    continue
                if path is None:
                    is_fit = any(leaf is None or leaf.is_any for leaf in test.leaves)
                elif test.states is None:
                    is_fit = self.lines[test.number].pattern.fits(path)
                else:
                    is_fit = any(leaf is None or leaf.fits(name) for leaf in test.leaves)
                if not is_fit:
                    continue
            fitting.add(test.number)
            is_excluded = not test.is_exception
        return is_excluded, fitting


def _remainder(
    number: int, line: Line, is_inherited: bool, states: frozenset[int] | None
) -> Remainder:
    leaves = line.pattern.leaves(states) if states else ()
    return Remainder(number, line.is_exception, is_inherited, states, leaves)


def parse(data: bytes, name: str = NAME) -> Rules:
    """Read the file. Raises InvalidArgument for a line that cannot be meant."""
    lines = []
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    for number, written in enumerate(text.split("\n"), 1):
        if written.startswith("#"):
            continue
        try:
            lines += compile([_line(written)])
        except InvalidArgument as error:
            raise InvalidArgument(f"{name}:{number}: {error.message}") from None
    return Rules(lines)


def _line(written: str) -> str:
    """A line as a pattern of the context: a leading slash means nothing there."""
    text = written.strip(SPACES)
    mark = text[:1] if text[:1] == "!" else ""
    text = text[len(mark) :].strip(SPACES)
    if text:
        text = patterns.clean(text)
        text = text[1:] if text[:1] == "/" and text != "/" else text
    return mark + text


def compile(texts: Sequence[str]) -> list[Line]:
    """Patterns as lines, empty ones left out. Raises InvalidArgument."""
    lines = []
    for written in texts:
        text = written.strip(SPACES)
        if not text:
            continue
        text = patterns.clean(text)
        is_exception = text[0] == "!"
        if text == "!":
            raise InvalidArgument('illegal exclusion pattern: "!"')
        lines.append(Line(is_exception, patterns.compile(text[is_exception:])))
    return lines
