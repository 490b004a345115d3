"""The words of a Go template: text, and inside `{{ }}` fields, variables, constants, functions.

A dash beside the braces trims the blanks of the neighbouring text. Reference: text/template/parse.
"""

from __future__ import annotations

from cuddy.errors import UsageError
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGITS = "0123456789"
_BLANKS = " \t\r\n"
_PUNCTUATION = "|(),="


class BadTemplate(UsageError):
    """A template that cannot be read; docker answers 64."""

    exit_code = 64

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"template parsing error: template: :{line}: {message}")


class Token(NamedTuple):
    """`kind`: text {{ }} field dot variable word number string := or a punctuation mark."""

    kind: str
    text: str
    offset: int
    glued: bool = False  # nothing between it and the token before


def tokens(source: str) -> Iterator[Token]:
    """Cut a template: text, and for each action '{{', what is in it, '}}'. Raises BadTemplate."""
    at = 0
    while at < len(source):
        start = source.find("{{", at)
        text = source[at:] if start < 0 else source[at:start]
        if start >= 0 and _trims(source, start + 2):
            text = text.rstrip(_BLANKS)
        if text:
            yield Token("text", text, at)
        if start < 0:
            return
        action = list(_action(source, start))
        yield from action
        at = action[-1].offset + len(action[-1].text)


def _trims(source: str, at: int) -> bool:
    """Whether a dash and a blank stand here."""
    return source[at : at + 1] == "-" and source[at + 1 : at + 2] in tuple(_BLANKS)


def _action(source: str, start: int) -> Iterator[Token]:
    """The tokens of one action; the last one carries the blanks that a closing dash trims."""
    at = start + 2
    if _trims(source, at):
        at += 2
    yield Token("{{", "{{", start)
    if source.startswith("/*", at):
        end = source.find("*/", at)
        if end < 0:
            raise BadTemplate("unclosed comment", line_of(source, start))
        at = end + 2
    glued = True
    while True:
        begin = at
        while source[at : at + 1] in tuple(_BLANKS):
            at += 1
        glued = glued and at == begin
        if close := _closing(source, at, spaced=at > begin):
            yield Token("}}", close, at)
            return
        if at >= len(source):
            raise BadTemplate("unclosed action", line_of(source, start))
        token = _word(source, at, glued)
        yield token
        at, glued = at + len(token.text), True


def _closing(source: str, at: int, *, spaced: bool) -> str:
    """The end of an action at this place with the text it trims, or ''."""
    if source.startswith("}}", at):
        return "}}"
    if spaced and source.startswith("-}}", at):
        end = at + 3
        while source[end : end + 1] in tuple(_BLANKS):
            end += 1
        return source[at:end]
    return ""


def _word(source: str, at: int, glued: bool) -> Token:
    first = source[at]
    follows = source[at + 1 : at + 2]
    if first in "\"`'":
        return Token("string" if first != "'" else "number", _quoted(source, at), at, glued)
    if source.startswith(":=", at):
        return Token(":=", ":=", at, glued)
    if first in _PUNCTUATION:
        return Token(first, first, at, glued)
    if first in _DIGITS or (first in "+-." and follows and follows in _DIGITS):
        return Token("number", _run(source, at, _DIGITS + "abcdefxABCDEFX_.+-oO"), at, glued)
    if first in ".$" or first.isalpha() or first == "_":
        end = at + 1
        while end < len(source) and (source[end].isalnum() or source[end] == "_"):
            end += 1
        kind = {".": "field", "$": "variable"}.get(first, "word")
        text = source[at:end]
        return Token("dot" if text == "." else kind, text, at, glued)
    raise BadTemplate(f"bad character U+{ord(first):04X} {first!r}", line_of(source, at))


def _run(source: str, at: int, allowed: str) -> str:
    end = at + 1
    while end < len(source) and source[end] in allowed:
        end += 1
    return source[at:end]


def _quoted(source: str, at: int) -> str:
    """A string or character constant, quotes included."""
    mark, end = source[at], at + 1
    while end < len(source) and source[end] != mark:
        end += 2 if source[end] == "\\" and mark != "`" else 1
    if end >= len(source) or ("\n" in source[at:end] and mark != "`"):
        names = {'"': "quoted string", "`": "raw quoted string", "'": "character constant"}
        raise BadTemplate(f"unterminated {names[mark]}", line_of(source, at))
    return source[at : end + 1]


def line_of(source: str, offset: int) -> int:
    """The line, counted from one, of an offset."""
    return source.count("\n", 0, offset) + 1
