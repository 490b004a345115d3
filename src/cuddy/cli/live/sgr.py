"""What containers write, as a terminal can be shown it: colours stay, nothing else is obeyed.

Of all control sequences only SGR (ECMA-48, 8.3.117) is understood, and it becomes words for
`rich`; every other control character is made visible. A colour ends with its line.
"""

from __future__ import annotations

import re

from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Span = tuple[str, str]

MOST = 4096
"""Bytes of one line that are shown."""
TAB = 8
_SGR = re.compile(rb"\x1b\[([0-9;:]*)m|\x1b\[[0-9]*K")
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_OFF = {
    22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",),
}  # fmt: skip


def spans(line: bytes) -> list[Span]:
    """A line without its end as pieces of printable text, each with its style in rich's words.

    Of a line that was drawn over with carriage returns, what stood there last.
    """
    if b"\r" in line:
        line = next((part for part in reversed(line.split(b"\r")) if part.strip()), b"")
    cut = len(line) > MOST
    pen, found, at = Pen(), [], 0
    for match in _SGR.finditer(line, 0, MOST):
        found.append((line[at : match.start()], pen.words()))
        if match[1] is not None:
            pen.obey(match[1])
        at = match.end()
    found.append((line[at:MOST], pen.words()))
    shown, column = [], 0
    for data, style in found:
        text = clean(data, column)
        column += len(text)
        if text:
            shown.append((text, style))
    return [*shown, ("…", "dim")] if cut else shown


def clean(data: bytes, column: int = 0) -> str:
    """Bytes as text that a terminal shows and does not obey; tabs are blanks up to their stops."""
    text = printable(data.decode("utf-8", "surrogateescape"), keep="\t")
    first, *others = text.split("\t")
    for other in others:
        first += " " * (TAB - (column + len(first)) % TAB) + other
    return first


class Pen:
    """The colours and attributes that text has from here on."""

    def __init__(self) -> None:
        self._front = self._back = ""
        self._attributes: dict[str, None] = {}

    def words(self) -> str:
        """A style as `rich` reads it."""
        back = f"on {self._back}" if self._back else ""
        return " ".join(word for word in (*self._attributes, self._front, back) if word)

    def obey(self, parameters: bytes) -> None:
        """Take the parameters of an SGR sequence; those that mean nothing here are passed over."""
        numbers = iter([int(word[:4] or b"0") for word in re.split(rb"[;:]", parameters)])
        for number in numbers:
            if number == 0:
                self._front = self._back = ""
                self._attributes.clear()
            elif number in _ON:
                self._attributes[_ON[number]] = None
            elif number in _OFF:
                for word in _OFF[number]:
                    self._attributes.pop(word, None)
            elif number in (38, 39):
                self._front = color(numbers) if number == 38 else ""
            elif number in (48, 49):
                self._back = color(numbers) if number == 48 else ""
            else:
                self._paint(number)

    def _paint(self, number: int) -> None:
        """One of the sixteen colours."""
        tens, unit = divmod(number, 10)
        if unit < 8 and tens in (3, 9):
            self._front = f"color({unit + 8 * (tens == 9)})"
        elif unit < 8 and tens in (4, 10):
            self._back = f"color({unit + 8 * (tens == 10)})"


def color(numbers: Iterator[int]) -> str:
    """What follows 38 or 48: `5;N` of 256 colours, or `2;R;G;B`; "" for what is none."""
    kind = next(numbers, 0)
    if kind == 5:
        number = next(numbers, 256)
        return f"color({number})" if number < 256 else ""
    if kind == 2:
        parts = [next(numbers, 256) for _ in range(3)]
        return "#{:02x}{:02x}{:02x}".format(*parts) if max(parts) < 256 else ""
    return ""
