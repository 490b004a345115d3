"""What programs of a build write, as lines that a terminal can be shown.

Colours are taken out, every other control character is made visible, and of a line that was drawn
over with carriage returns what stood there last is kept, as somebody watching would have seen it.
"""

from __future__ import annotations

import os

from cuddy.escape import printable

_LONGEST = 1 << 16
_TAIL_BYTES = 1 << 15


def clean(line: bytes) -> str:
    """One line without its end."""
    if b"\r" in line:
        line = next((part for part in reversed(line.split(b"\r")) if part.strip()), b"")
    if b"\x1b" in line:
        line = without_colours(line)
    return printable(line.decode("utf-8", "surrogateescape"), keep="\t")


def without_colours(line: bytes) -> bytes:
    """The line without SGR sequences, `ESC [ digits and semicolons m` (ECMA-48), and EL."""
    first, *rest = line.split(b"\x1b[")
    found = [first]
    for part in rest:
        after = part.lstrip(b"0123456789;:")
        if after[:1] in (b"m", b"K"):  # K erases the rest of the line, of which there is none
            found.append(after[1:])
        else:
            found.append(b"\x1b[" + part)
    return b"".join(found)


def write_error(text: str) -> None:
    """To standard error, where all of this goes."""
    data = memoryview(text.encode("utf-8", "surrogateescape"))
    while data:
        data = data[os.write(2, data) :]


def warnings_text(warnings: list[str]) -> str:
    """What is said of all warnings together, at the end."""
    if not warnings:
        return ""
    count = "1 warning" if len(warnings) == 1 else f"{len(warnings)} warnings"
    shown = "".join(f" - {printable(text)}\n" for text in warnings)
    return f"\n {count} found:\n{shown}"


class Lines:
    """Cuts what comes in pieces into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that are whole now; one without end counts as whole when it is very long."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST:
            whole.append(self._rest)
            self._rest = b""
        return [clean(line) for line in whole]

    def end(self) -> list[str]:
        """What is left: a line that nobody ended."""
        rest, self._rest = self._rest, b""
        return [clean(rest)] if rest.strip() else []


class Tail:
    """The last that a step has written, kept in case that it fails."""

    def __init__(self) -> None:
        self._chunks: list[tuple[float, bytes]] = []
        self._size = 0

    def add(self, seconds: float, data: bytes) -> None:
        """Remember a piece, written so long after the step's begin."""
        self._chunks.append((seconds, data[-_TAIL_BYTES:]))
        self._size += len(self._chunks[-1][1])
        while self._size - len(self._chunks[0][1]) > _TAIL_BYTES:
            self._size -= len(self._chunks.pop(0)[1])

    def lines(self, most: int) -> list[str]:
        """The last lines, each with its time before it."""
        found = []
        lines = Lines()
        seconds = 0.0
        for seconds, data in self._chunks:
            found += [f"{seconds:.3f} {line}" for line in lines.feed(data)]
        return [*found, *(f"{seconds:.3f} {line}" for line in lines.end())][-most:]
