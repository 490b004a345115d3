r"""Patterns of `--filter reference`: Go's path.Match.

*        any run of characters but slashes          [a-z]    one of these
?        any one character but a slash              [^a-z]   one of the others
\c       the character c itself
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Part = Callable[[str], bool] | None  # what one character must be; None for a star


class Class(NamedTuple):
    """One character out of ranges, or out of none of them."""

    negated: bool
    ranges: tuple[tuple[str, str], ...]

    def fits(self, character: str) -> bool:
        """Whether the character is one of these."""
        return any(low <= character <= high for low, high in self.ranges) != self.negated


ANY_CHARACTER = Class(True, (("/", "/"),))
"""What ? fits."""


class Reading:
    """A pattern, character by character. Raises InvalidArgument where it ends too early."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def take(self) -> str:
        """The next character."""
        if self.at >= len(self.text):
            raise self._invalid()
        self.at += 1
        return self.text[self.at - 1]

    def take_class(self) -> Class:
        """The rest of a class whose bracket was taken."""
        negated = self.text.startswith("^", self.at)
        self.at += negated
        ranges: list[tuple[str, str]] = []
        while not (ranges and self.text.startswith("]", self.at)):
            low = high = self._member()
            if self.text.startswith("-", self.at):
                self.at += 1
                high = self._member()
            ranges.append((low, high))
        self.at += 1
        return Class(negated, tuple(ranges))

    def _member(self) -> str:
        character = self.take()
        if character in "-]":
            raise self._invalid()
        return self.take() if character == "\\" else character

    def _invalid(self) -> InvalidArgument:
        return InvalidArgument(f"syntax error in pattern {self.text!r}")


class Pattern:
    """A pattern that was read. Raises InvalidArgument for what is none."""

    def __init__(self, text: str) -> None:
        self._parts: list[Part] = []
        reading = Reading(text)
        while reading.at < len(text):
            self._parts.append(_part(reading))

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


def _part(reading: Reading) -> Part:
    character = reading.take()
    if character == "*":
        return None
    if character == "?":
        return ANY_CHARACTER.fits
    if character == "[":
        return reading.take_class().fits
    literal = reading.take() if character == "\\" else character
    return lambda found: found == literal


def _nothing(_: str) -> bool:
    return False
