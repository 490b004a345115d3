"""The lines of a Dockerfile become statements: comments go, continued lines are joined, heredocs
are taken off (Dockerfile reference, "Format"). What a statement says is read by `grammar`.

As BuildKit does it, down to blanks: those at the start of a continued line stay.
"""

from __future__ import annotations

from cuddy.builder import heredoc
from cuddy.builder.instructions import Heredoc, Place
from cuddy.builder.lines import SPACES, join
from cuddy.builder.mistakes import Mistake
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Statement(NamedTuple):
    """An instruction as it stands in the file."""

    place: Place  # its lines, heredocs among them
    text: str  # in one line
    comments: tuple[str, ...] = ()  # those above it
    heredocs: tuple[Heredoc, ...] = ()
    has_gap: bool = False  # an empty line among continued ones


class Unreadable(Exception):
    """A statement that cannot be taken in, and what is wrong with it."""

    def __init__(self, place: Place, mistake: Mistake) -> None:
        super().__init__(mistake.message)
        self.place = place
        self.mistake = mistake


def read(lines: Sequence[str], escape: str, first: int = 0) -> list[Statement]:
    """The statements of a file, from a line on. `lines`: without "\\n". Raises Unreadable."""
    found: list[Statement] = []
    comments: list[str] = []
    index, end = first, len(lines)
    while index < end:
        start = index
        text = lines[index].strip(SPACES)
        if not text:
            index += 1
            continue
        if text[0] == "#":
            index += 1
            comment = text[1:].strip(SPACES)
            if comment:
                comments.append(comment)
            else:
                comments = []
            continue
        gap = False
        if text[-1] == escape:
            parts, index, gap = join(lines, index, escape)
            text = "".join(part for _, part in parts).strip(SPACES)
            if not text:
                continue
        else:
            index += 1
        heredocs: tuple[Heredoc, ...] = ()
        if "<<" in text:
            heredocs, index = _take_heredocs(lines, start, index, text, escape)
        above = tuple(comments) if comments else ()
        found.append(Statement(Place(start + 1, index), text, above, heredocs, gap))
        comments = []
    return found


def _take_heredocs(
    lines: Sequence[str], start: int, index: int, text: str, escape: str
) -> tuple[tuple[Heredoc, ...], int]:
    """The texts that follow an instruction, and the index of the line after them."""
    found = []
    after = index
    for word in heredoc.words(text, escape):
        content = []
        while index < len(lines):
            line = lines[index]
            index += 1
            if word.strips_tabs:
                line = line.lstrip("\t")
            if line.rstrip("\r\n") == word.name:
                break
            content.append(line)
        else:
            raise Unreadable(
                Place(start + 1, after),
                Mistake(
                    f"unterminated heredoc: no line is {word.name!r} alone",
                    word.text,
                    hint="quote << if no heredoc is meant",
                ),
            )
        content.append("")
        found.append(Heredoc(word.name, "\n".join(content), word.expands))
    return tuple(found), index
