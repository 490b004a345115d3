"""Words of a Dockerfile: quotes, escapes and variables (Dockerfile reference, "Environment
replacement"). As BuildKit reads them, down to what it makes of odd input.

    expand('"$HOME"/a\\ b', {"HOME": "/root"})   ->   /root/a b
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ESCAPE = "\\"
MAX_DEPTH = 100
QUOTES = "'\""
SPECIAL_NAMES = "@*#?-$!0"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NAME = _LETTERS | frozenset("0123456789")


def variables(environment: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` entries as a mapping; the first of a name counts, as in a process."""
    found: dict[str, str] = {}
    for entry in environment:
        name, _, value = entry.partition("=")
        found.setdefault(name, value)
    return found


def expand(text: str, values: Mapping[str, str]) -> str:
    """The text as one word, quotes and escapes taken off, variables replaced.

    Raises InvalidArgument.
    """
    return _Reading(text, values).read()[0]


def expand_all(text: str, values: Mapping[str, str]) -> list[str]:
    """The words of a text; an unquoted variable may become several. Raises InvalidArgument."""
    reading = _Reading(text, values)
    reading.read()
    reading.end_word()
    return reading.words


def split(text: str) -> list[str]:
    """The words of a text, divided at blanks outside of quotes; quotes and escapes stay."""
    found: list[str] = []
    word, quote, position, is_word = "", "", 0, False
    while position < len(text):
        character = text[position]
        position += 1
        if not quote and character.isspace():
            if is_word:
                found.append(word)
            word, is_word = "", False
            continue
        is_word = True
        if character == quote:
            quote = ""
        elif not quote and character in QUOTES:
            quote = character
        elif character == ESCAPE:
            if position == len(text):
                break  # an escape of nothing
            word += character
            character = text[position]
            position += 1
        word += character
    return [*found, word] if is_word else found


class _Reading:
    """One pass over a text. What it makes is collected as one word and as several."""

    def __init__(self, text: str, values: Mapping[str, str]) -> None:
        self.text = text
        self.values = values
        self.position = 0
        self.depth = 0
        self.words: list[str] = []
        self.word = ""
        self.is_word = False

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def next(self) -> str:
        character = self.peek()
        self.position += 1
        return character

    def fail(self, reason: str) -> InvalidArgument:
        return InvalidArgument(f"failed to process {self.text!r}: {reason}")

    def add(self, text: str) -> None:
        """Something of a word, blanks included."""
        self.word += text
        self.is_word = True

    def add_divided(self, text: str) -> None:
        """Something unquoted: blanks in it end words."""
        for character in text:
            if character in " \t\n\r":
                self.end_word()
            else:
                self.add(character)

    def end_word(self) -> None:
        if self.is_word:
            self.words.append(self.word)
        self.word, self.is_word = "", False

    def read(self, stop: str = "") -> tuple[str, bool]:
        """Everything up to `stop`, and whether that was found."""
        result = ""
        while character := self.peek():
            if stop and character == stop:
                self.position += 1
                return result, True
            if character in QUOTES:
                part = self.quoted()
                self.add(part)
            elif character == "$":
                part = self.variable()
                self.add_divided(part)
            else:
                self.position += 1
                part = character
                if character == ESCAPE:
                    part = self.next()
                    self.add(part)
                else:
                    self.add_divided(part)
            result += part
        return result, not stop

    def quoted(self) -> str:
        """What is between quotes; in double ones variables count, and escapes of three kinds."""
        quote, result = self.next(), ""
        while character := self.peek():
            if quote == '"' and character == "$":
                result += self.variable()
                continue
            self.position += 1
            if character == quote:
                return result
            if quote == '"' and character == ESCAPE:
                if not self.peek():
                    break
                if self.peek() in ('"', "$", ESCAPE):
                    character = self.next()
            result += character
        kind = "single" if quote == "'" else "double"
        raise self.fail(f"unexpected end of statement while looking for matching {kind}-quote")

    def name(self) -> str:
        """A variable's name: letters and digits, or one of the shell's own."""
        start = self.position
        first = self.peek()
        if first and (first in SPECIAL_NAMES or first.isdigit()):
            self.position += 1
            return first
        while self.peek() and self.peek() in _NAME:
            self.position += 1
        return self.text[start : self.position]

    def variable(self) -> str:
        """`$NAME`, `${NAME}`, and what stands in for a value that is missing or there."""
        self.position += 1
        if self.peek() != "{":
            name = self.name()
            return self.values.get(name, "") if name else "$"
        self.position += 1
        name = self.name()
        if not name:
            raise self.fail("bad substitution")
        sign = self.next()
        if sign == "}":
            return self.values.get(name, "")
        is_there = name in self.values
        if sign == ":":
            is_there = bool(self.values.get(name))
            sign = self.next()
        if not sign or sign not in "-+?":
            reason = f"unsupported modifier ({sign}) in substitution" if sign else "missing '}'"
            raise self.fail(reason)
        return self.instead(name, sign, is_there)

    def instead(self, name: str, sign: str, is_there: bool) -> str:
        # The word in it divides nothing by itself: its value does, as a variable's would.
        kept = self.words, self.word, self.is_word
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail("substitutions are nested too deeply")
        word, closed = self.read("}")
        self.depth -= 1
        self.words, self.word, self.is_word = kept
        if not closed:
            raise self.fail("missing '}' in substitution")
        if sign == "?" and not is_there:
            raise self.fail(f"{name}: {word or 'is not set'}")
        if sign == "+":
            return word if is_there else ""
        return self.values.get(name, "") if is_there else word
