"""Words of a Dockerfile: quotes, escapes and variables (Dockerfile reference, "Environment
replacement"). As BuildKit reads them, down to what it makes of odd input.

    expand('"$HOME"/a\\ b', {"HOME": "/root"})          ->   /root/a b
    expand("${FILE%.tar.*}", {"FILE": "x.tar.gz"})     ->   x
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.files import quote as in_quotes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    class Known(Protocol):
        """What variables are worth; a dict is one."""

        def get(self, name: str, /) -> str | None: ...


ESCAPE = "\\"
MAX_DEPTH = 100
MAX_CHARACTERS = 8 << 20
"""So much may come of the variables in one text: no config of an image can have more. A line that
doubles a variable needs but forty others to fill a computer's memory.
"""
QUOTES = "'\""
SPECIAL_NAMES = "@*#?-$!"
TOO_MUCH = f"its variables are worth more than {MAX_CHARACTERS} characters"
MISSING_BRACE = "syntax error: missing '}'"
_DIGITS = frozenset("0123456789")


def variables(environment: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` entries as a mapping; the first of a name counts, as in a process."""
    found: dict[str, str] = {}
    for entry in environment:
        name, _, value = entry.partition("=")
        found.setdefault(name, value)
    return found


def expand(text: str, values: Known, escape: str = ESCAPE, missing: set[str] | None = None) -> str:
    """The text as one word, quotes and escapes taken off, variables replaced.

    `missing` takes in the names of variables that have no value. Raises InvalidArgument.
    """
    if "$" not in text and "'" not in text and '"' not in text and escape not in text:
        return text
    reading = _Reading(text, values, escape)
    result = reading.read()
    if missing is not None:
        missing |= reading.missing
    return result


def expand_all(text: str, values: Known, escape: str = ESCAPE) -> list[str]:
    """The words of a text; an unquoted variable may become several. Raises InvalidArgument."""
    reading = _Reading(text, values, escape)
    reading.read()
    reading.end_word()
    return reading.words


def expand_text(text: str, values: Known, missing: set[str] | None = None) -> str:
    """A heredoc's text with its variables replaced; quotes are like any other character.

    The escape is the backslash, whatever the Dockerfile's is. Raises InvalidArgument.
    """
    if "$" not in text and ESCAPE not in text:
        return text
    reading = _Reading(text, values, ESCAPE)
    reading.quotes = ""
    result = reading.read()
    if missing is not None:
        missing |= reading.missing
    return result


def expand_known(text: str, values: Known, escape: str = ESCAPE) -> str:
    """The text with those variables replaced that have a value, quotes and the rest as they are:
    how a step is shown. What cannot be read stays as it is.
    """
    if "$" not in text:
        return text
    reading = _Reading(text, values, escape)
    reading.keeps_quotes = reading.keeps_escapes = reading.keeps_unset = True
    try:
        return reading.read()
    except InvalidArgument:
        return text


def divide(text: str, *, keeps_quotes: bool = True, keeps_escapes: bool = True) -> list[str]:
    """The words of a text whose variables stay as they are; none if it cannot be read."""
    reading = _Reading(text, {}, ESCAPE)
    reading.keeps_quotes, reading.keeps_escapes = keeps_quotes, keeps_escapes
    reading.keeps_unset = True
    try:
        reading.read()
    except InvalidArgument:
        return []
    reading.end_word()
    return reading.words


def split(text: str, escape: str = ESCAPE) -> list[str]:
    """The words of a text, divided at blanks outside of quotes; quotes and escapes stay."""
    if "'" not in text and '"' not in text and escape not in text:
        return text.split()
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
        elif character == escape and quote != "'":
            if position == len(text):
                break  # an escape of nothing
            word += character
            character = text[position]
            position += 1
        word += character
    return [*found, word] if is_word else found


class _Reading:
    """One pass over a text. What it makes is collected as one word and as several."""

    def __init__(self, text: str, values: Known, escape: str) -> None:
        self.text = text
        self.values = values
        self.escape = escape
        self.quotes = QUOTES
        self.keeps_quotes = False
        self.keeps_escapes = False
        self.keeps_unset = False  # a variable without a value stays as it is written
        self.missing: set[str] = set()
        self.position = 0
        self.depth = 0
        self.left = MAX_CHARACTERS
        self.words: list[str] = []
        self.word: list[str] = []

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def next(self) -> str:
        character = self.peek()
        self.position += 1
        return character

    def fail(self, reason: str) -> InvalidArgument:
        text = self.text if len(self.text) <= 200 else self.text[:200] + "..."
        return InvalidArgument(f"failed to process {in_quotes(text)}: {reason}")

    def add_divided(self, text: str) -> None:
        """Something unquoted: blanks in it end words."""
        for character in text:
            if character.isspace():
                self.end_word()
            else:
                self.word.append(character)

    def end_word(self) -> None:
        # Nothing in quotes makes no word either.
        if word := "".join(self.word):
            self.words.append(word)
        self.word = []

    def read(self, stop: str = "") -> str:
        """Everything up to `stop`, or up to the end. Raises InvalidArgument if `stop` is not there,
        which only `within` asks for.
        """
        result: list[str] = []
        while character := self.peek():
            if stop and character == stop:
                self.position += 1
                return "".join(result)
            if character in self.quotes:
                part = self.quoted()
                self.word.append(part)
            elif character == "$":
                part = self.variable()
                self.add_divided(part)
            elif character == "<":
                part = self.angle()
                self.word.append(part)
            else:
                self.position += 1
                part = character
                if character == self.escape:
                    part = self.next()
                    part = f"{character}{part}" if self.keeps_escapes else part
                    self.word.append(part)
                else:
                    self.add_divided(part)
            result.append(part)
        if stop:
            raise self.fail("syntax error: missing '/' in ${}" if stop == "/" else MISSING_BRACE)
        return "".join(result)

    def angle(self) -> str:
        """`<`, or `<<` with the blanks after it, which do not end a heredoc's word."""
        self.position += 1
        if self.peek() != "<":
            return "<"
        start = self.position - 1
        self.position += 1
        while self.peek() and self.peek() in " \t\r":
            self.position += 1
        return self.text[start : self.position]

    def quoted(self) -> str:
        """What is between quotes; in double ones variables count, and escapes of three kinds."""
        quote = self.next()
        result = [quote] if self.keeps_quotes else []
        while character := self.peek():
            if quote == '"' and character == "$":
                result.append(self.variable())
                continue
            self.position += 1
            if character == quote:
                if self.keeps_quotes:
                    result.append(quote)
                return "".join(result)
            if quote == '"' and character == self.escape:
                if self.keeps_escapes:
                    result.append(character)
                if not self.peek():
                    break
                if self.peek() in ('"', "$", self.escape):
                    character = self.next()
            result.append(character)
        kind = "single" if quote == "'" else "double"
        raise self.fail(f"unexpected end of statement while looking for matching {kind}-quote")

    def name(self) -> str:
        """A variable's name: letters and digits, a number, or one of the shell's own."""
        start = self.position
        first = self.peek()
        if first and first in SPECIAL_NAMES:
            self.position += 1
            return first
        is_number = first in _DIGITS
        while character := self.peek():
            if character not in _DIGITS and (is_number or not _may_name(character)):
                break
            self.position += 1
        return self.text[start : self.position]

    def value(self, name: str) -> str | None:
        """What the variable is worth, None if nothing."""
        found = self.values.get(name)
        if found is None:
            self.missing.add(name)
            return None
        self.left -= len(found)
        if self.left < 0:
            raise self.fail(TOO_MUCH)
        return found

    def variable(self) -> str:
        """`$NAME`, `${NAME}`, and what is made of a value by a sign after the name."""
        start = self.position
        self.position += 1
        if self.peek() != "{":
            name = self.name()
            if not name:
                return "$"
            found = self.value(name)
        else:
            self.position += 1
            if not self.peek():
                raise self.fail(MISSING_BRACE)
            if self.peek() in "{}:":
                raise self.fail("syntax error: bad substitution")
            name = self.name()
            sign = self.next()
            if sign != "}":
                return self.changed(name, sign, start)
            found = self.value(name)
        if found is None:
            return self.text[start : self.position] if self.keeps_unset else ""
        return found

    def changed(self, name: str, sign: str, start: int) -> str:
        """`${NAME<sign>...}`; `start` is where it begins."""
        null_is_unset = sign == ":"
        signs = sign
        if null_is_unset:
            sign = self.next()
            signs += sign
        if sign == "/" and not null_is_unset:
            return self.replaced(name, start)
        if not sign or sign not in ("-+?" if null_is_unset else "-+?#%"):
            raise self.fail(f"unsupported modifier ({signs}) in substitution")
        word = self.within("}", keeps_escapes=sign in "#%")
        value = self.value(name)
        if value is None and self.keeps_unset:
            return self.text[start : self.position]
        if sign in "#%":
            from cuddy.image import word_patterns

            return self.by_pattern(word, lambda: word_patterns.trim(value or "", sign, word))
        is_there = bool(value) if null_is_unset else value is not None
        if sign == "?" and not is_there:
            kind = "unset" if value is None else "empty"
            raise self.fail(f"{name}: {word or f'is not allowed to be {kind}'}")
        if sign == "+":
            return word if is_there else ""
        return value or "" if is_there else word

    def replaced(self, name: str, start: int) -> str:
        """`${NAME/PATTERN/TEXT}`: the first or (`//`) each of what matches."""
        from cuddy.image import word_patterns

        everywhere = self.peek() == "/"
        self.position += everywhere
        pattern = self.within("/", keeps_escapes=True)
        text = self.within("}", keeps_escapes=True)
        value = self.value(name)
        if value is None and self.keeps_unset:
            return self.text[start : self.position]
        return self.by_pattern(
            pattern, lambda: word_patterns.replace(value or "", pattern, text, everywhere)
        )

    def by_pattern(self, pattern: str, carry_out: Callable[[], str]) -> str:
        try:
            return carry_out()
        except ValueError as error:
            raise self.fail(f"invalid pattern ({pattern}) in substitution: {error}") from None

    def within(self, stop: str, keeps_escapes: bool = False) -> str:
        """What stands in `${}` up to `stop`."""
        # It divides nothing by itself: its value does, as a variable's would.
        kept = self.words, self.word, self.keeps_escapes
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail("substitutions are nested too deeply")
        self.words, self.word, self.keeps_escapes = [], [], keeps_escapes
        found = self.read(stop)
        self.depth -= 1
        self.words, self.word, self.keeps_escapes = kept
        return found


def _may_name(character: str) -> bool:
    return character == "_" or character.isalnum()
