"""How many columns a text takes at a terminal: wide characters take two, marks and controls none.

Tables are aligned by this width, as docker's are, which matters for names and commands that are
not plain ASCII. Reference: Unicode Standard Annex 11, "East Asian Width".
"""

from __future__ import annotations

_NO_WIDTH = ("Cc", "Cf", "Me", "Mn", "Zl", "Zp")


def width(text: str) -> int:
    """Columns of a text, which ought to be one line."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(map(_width, text))


def cut(text: str, most: int) -> str:
    """docker's ellipsis: at most so many columns, of which a mark or control takes one here."""
    if len(text) <= most and text.isascii():
        return text
    columns = [2 if _is_wide(character) else 1 for character in text]
    if sum(columns) <= most:
        return text
    end, room = 0, most - 1
    while columns[end] <= room:
        room -= columns[end]
        end += 1
    return f"{text[:end]}…"


def pad(text: str, columns: int) -> str:
    """The text with blanks behind it, up to so many columns."""
    return text + " " * (columns - width(text))


def _width(character: str) -> int:
    if " " <= character <= "~":
        return 1
    import unicodedata

    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if _is_wide(character) else 1


def _is_wide(character: str) -> bool:
    if character.isascii():
        return False
    import unicodedata

    return unicodedata.east_asian_width(character) in "WF"
