r"""Patterns of `--filter reference`: Go's path.Match.

*        any run of characters but slashes          [a-z]    one of these
?        any one character but a slash              [^a-z]   one of the others
\c       the character c itself
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Part = Callable[[str], bool] | None  # what one character must be; None for a star


class Pattern:
    """A pattern that was read. Raises InvalidArgument for what is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._at = 0
        self._parts: list[Part] = []
        while self._at < len(text):
            self._parts.append(self._part())

    def fits(self, text: str) -> bool:
        """Whether the pattern fits the whole text."""
        part = at = after = 0
        star = -1  # the last star, and the character after those that it has taken
        while at < len(text):
            wanted = self._parts[part] if part < len(self._parts) else _nothing
            if wanted is None:
                star, after, part = part, at, part + 1
            elif wanted(text[at]):
                part, at = part + 1, at + 1
            elif star >= 0 and text[after] != "/":
                after += 1
                part, at = star + 1, after
            else:
                return False
        return all(each is None for each in self._parts[part:])

    def _part(self) -> Part:
        character = self._take()
        if character == "*":
            return None
        if character == "?":
            return lambda found: found != "/"
        if character == "[":
            return self._class()
        literal = self._take() if character == "\\" else character
        return lambda found: found == literal

    def _class(self) -> Part:
        negated = self.text.startswith("^", self._at)
        self._at += negated
        ranges: list[tuple[str, str]] = []
        while not (ranges and self.text.startswith("]", self._at)):
            low = high = self._member()
            if self.text.startswith("-", self._at):
                self._at += 1
                high = self._member()
            ranges.append((low, high))
        self._at += 1
        return lambda found: any(low <= found <= high for low, high in ranges) != negated

    def _member(self) -> str:
        character = self._take()
        if character in "-]":
            raise self._invalid()
        return self._take() if character == "\\" else character

    def _take(self) -> str:
        if self._at >= len(self.text):
            raise self._invalid()
        self._at += 1
        return self.text[self._at - 1]

    def _invalid(self) -> InvalidArgument:
        return InvalidArgument(f"syntax error in pattern {self.text!r}")


def _nothing(_: str) -> bool:
    return False
