"""What is wrong with a Dockerfile: an error that names line and column, an excerpt with a caret.

  1 | FROM alpine
  2 | ADD --chonw=1 a b
    |     ^^^^^^^
Dockerfile:2:5: unknown flag: --chonw (did you mean --chown?)
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from cuddy.builder.instructions import Place

LINES_ABOVE = 1
MAX_WIDTH = 120
MAX_MESSAGE = 300
MAX_SLIP = 40
MOST_MEANT, MOST_CHOICES = 100, 500
"""So often, and among so many names, the one that was meant is looked for."""


class Mistake(Exception):
    """Something is wrong with one instruction; who knows the file makes an error of it.

    `word`: what of the instruction it is about; "" the instruction's name.
    """

    def __init__(self, message: str, word: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.word = word
        self.hint = hint


def at(
    name: str,
    lines: Sequence[str],
    place: Place,
    message: str,
    *,
    column: int = 0,
    width: int = 1,
    hint: str = "",
) -> InvalidArgument:
    """An error about the first line of a place. `column`: from 1; 0: where the line's text begins.

    `width`: how many characters are meant.
    """
    if len(message) > MAX_MESSAGE:
        message = message[:MAX_MESSAGE] + "..."
    message = clean(message)
    if not 0 < place.line <= len(lines):
        return InvalidArgument(f"{name}: {message}", hint=hint)
    line = lines[place.line - 1]
    if not column:
        column = len(line) - len(line.lstrip()) + 1
        width = len((line.split(None, 1) or [""])[0])
    error = InvalidArgument(f"{name}:{place.line}:{column}: {message}", hint=hint)
    error.excerpt = "\n".join(_shown(lines, place.line, column, width))
    return error


def within(
    name: str,
    lines: Sequence[str],
    place: Place,
    message: str,
    *,
    word: str,
    escape: str,
    hint: str = "",
) -> InvalidArgument:
    """An error about a word of an instruction, found in its lines, and in continued ones too."""
    from cuddy.builder.lines import join

    if not word:
        return at(name, lines, place, message, hint=hint)
    parts, _, _ = join(lines, place.line - 1, escape)
    text = "".join(part for _, part in parts)
    # The name of the instruction itself is not what is meant.
    body = text.find(" ", len(text) - len(text.lstrip())) + 1
    start = text.find(word, body)
    start = text.find(word) if start < 0 else start
    if start < 0:
        return at(name, lines, place, message, hint=hint)
    for number, part in parts:
        if start < len(part):
            width = min(len(word), len(part) - start)
            here = place._replace(line=number)
            return at(name, lines, here, message, column=start + 1, width=width, hint=hint)
        start -= len(part)
    return at(name, lines, place, message, hint=hint)


def _shown(lines: Sequence[str], number: int, column: int, width: int) -> list[str]:
    """The line with those above it that help to find it, and the caret."""
    first = max(1, number - LINES_ABOVE)
    digits = len(str(number))
    found = []
    # What is far to the right is shown without what is left of it.
    left = 0 if column <= MAX_WIDTH - 20 else column - 20
    for each in range(first, number + 1):
        text = lines[each - 1][left : left + MAX_WIDTH]
        found.append(f"  {each:{digits}} | {clean(text)}".rstrip())
    line = lines[number - 1]
    # Tabs stay tabs, so that the caret stands below what it points at.
    before = "".join("\t" if each == "\t" else " " for each in line[left : column - 1])
    length = max(1, min(width, len(line) - column + 1, left + MAX_WIDTH - column + 1))
    return [*found, f"  {'':{digits}} | {before}{'^' * length}"]


def clean(text: str) -> str:
    """The text as a terminal may see it, each character as one."""
    return "".join(each if each == "\t" or each.isprintable() else "\ufffd" for each in text)


def meant(word: str, choices: Iterable[str]) -> str:
    """` (did you mean X?)` if the word is a slip of one of the choices, else ''."""
    from cuddy import suggest

    near = [each for each in choices if len(each) <= 2 * MAX_SLIP]
    closest = suggest.closest(word, near) if len(word) <= MAX_SLIP else ""
    return f" (did you mean {closest}?)" if closest else ""


class Nearby:
    """The names that were meant, as long as a file does not have too many wrong ones."""

    def __init__(self) -> None:
        self.left = MOST_MEANT

    def meant(self, name: str, choices: Collection[str], others: Collection[str] = ()) -> str:
        """One of the choices but for the others, as `meant` has it."""
        self.left -= 1
        if self.left < 0 or len(choices) > MOST_CHOICES:
            return ""
        return meant(name, [each for each in choices if each not in others])
