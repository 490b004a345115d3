"""Values of D-Bus as bytes and back: what a signature such as `sa(sv)` stands for. Pure.

D-Bus specification, "Marshaling". A variant is a pair of its signature and its value; an array of
dictionary entries is a list of pairs. Bytes come from another process: whatever is wrong with them
is a ValueError.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

NUMBERS = {
    "y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d",
}  # fmt: skip
ALIGNMENTS = {
    "y": 1, "g": 1, "v": 1, "n": 2, "q": 2, "b": 4, "i": 4, "u": 4, "s": 4, "o": 4, "a": 4,
    "x": 8, "t": 8, "d": 8, "(": 8, "{": 8,
}  # fmt: skip
ARRAY_BYTES = 1 << 26
DEPTH = 32
"""How deep arrays, structs and variants may lie in each other."""


def split(signature: str) -> list[str]:
    """The single complete types of a signature. Raises ValueError."""
    types = []
    position = 0
    while position < len(signature):
        end = end_of(signature, position)
        types.append(signature[position:end])
        position = end
    return types


def end_of(signature: str, start: int, depth: int = 0) -> int:
    """Where the complete type that starts there ends. Raises ValueError."""
    kind = signature[start : start + 1]
    if depth > DEPTH or kind not in ALIGNMENTS:
        raise ValueError(f"not a signature of D-Bus: {signature[:80]!r}")
    if kind == "a":
        return end_of(signature, start + 1, depth + 1)
    if kind not in ("(", "{"):
        return start + 1
    closing = ")" if kind == "(" else "}"
    position = start + 1
    while signature[position : position + 1] != closing:
        position = end_of(signature, position, depth + 1)
    if position == start + 1:
        raise ValueError(f"an empty struct in a signature: {signature[:80]!r}")
    return position + 1


def encode(signature: str, values: Sequence[Any]) -> bytes:
    """Values as bytes, least significant first. Raises ValueError."""
    types, data = split(signature), bytearray()
    if len(types) != len(values):
        raise ValueError(f"{len(values)} values for the signature {signature!r}")
    try:
        for kind, value in zip(types, values):
            put(data, kind, value)
    except (struct.error, TypeError, AttributeError) as error:
        raise ValueError(f"cannot send {values!r} as {signature!r}: {error}") from None
    return bytes(data)


def pad(data: bytearray, alignment: int) -> None:
    """Zeros up to the next place for a value."""
    data += bytes(-len(data) % alignment)


def put(data: bytearray, kind: str, value: Any) -> None:
    """Append one value of a complete type."""
    pad(data, ALIGNMENTS[kind[0]])
    if kind in NUMBERS:
        data += struct.pack(f"<{NUMBERS[kind]}", value)
    elif kind in ("s", "o", "g"):
        text = value.encode()
        if b"\0" in text:
            raise ValueError("a NUL character in a string for D-Bus")
        data += struct.pack("<B" if kind == "g" else "<I", len(text)) + text + b"\0"
    elif kind == "v":
        put(data, "g", value[0])
        put(data, value[0], value[1])
    elif kind[0] == "a":
        put_array(data, kind[1:], value)
    else:
        types = split(kind[1:-1])
        if len(types) != len(value):
            raise ValueError(f"{len(value)} members for {kind!r}")
        for each, member in zip(types, value):
            put(data, each, member)


def put_array(data: bytearray, kind: str, values: Sequence[Any]) -> None:
    """The length counts neither itself nor the padding before the first element."""
    data += bytes(4)
    where = len(data)
    pad(data, ALIGNMENTS[kind[0]])
    first = len(data)
    for value in values:
        put(data, kind, value)
    struct.pack_into("<I", data, where - 4, len(data) - first)


def decode(signature: str, data: bytes, order: str = "<") -> list[Any]:
    """The values in bytes; `order` as struct has it. Raises ValueError."""
    reader = Reader(data, order)
    try:
        return [reader.take(kind, 0) for kind in split(signature)]
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"broken values of D-Bus: {error}") from None


class Reader:
    """Bytes that are read from the front."""

    def __init__(self, data: bytes, order: str = "<") -> None:
        self.data = data
        self.order = order
        self.position = 0

    def align(self, alignment: int) -> None:
        """On to the next place for a value."""
        self.position += -self.position % alignment

    def number(self, code: str) -> Any:
        """One number. Raises struct.error."""
        (value,) = struct.unpack_from(f"{self.order}{code}", self.data, self.position)
        self.position += struct.calcsize(f"{self.order}{code}")
        return value

    def text(self, length: int) -> str:
        """A string and the NUL after it. Raises ValueError, UnicodeDecodeError."""
        end = self.position + length
        if self.data[end : end + 1] != b"\0":
            raise ValueError("a string of D-Bus without an end")
        text = self.data[self.position : end].decode()
        self.position = end + 1
        return text

    def take(self, kind: str, depth: int) -> Any:
        """One value of a complete type. Raises ValueError, struct.error, UnicodeDecodeError."""
        if depth > 2 * DEPTH:
            raise ValueError("values of D-Bus lie too deep")
        self.align(ALIGNMENTS[kind[0]])
        if kind == "b":
            return bool(self.number("I"))
        if kind in NUMBERS:
            return self.number(NUMBERS[kind])
        if kind in ("s", "o", "g"):
            return self.text(self.number("B" if kind == "g" else "I"))
        if kind == "v":
            inner = self.text(self.number("B"))
            if len(split(inner)) != 1:
                raise ValueError(f"a variant of D-Bus holds {inner[:80]!r}")
            return inner, self.take(inner, depth + 1)
        if kind[0] == "a":
            return self.take_array(kind[1:], depth)
        return tuple(self.take(each, depth + 1) for each in split(kind[1:-1]))

    def take_array(self, kind: str, depth: int) -> list[Any]:
        """All elements."""
        length = self.number("I")
        self.align(ALIGNMENTS[kind[0]])
        end = self.position + length
        if length > ARRAY_BYTES or end > len(self.data):
            raise ValueError("an array of D-Bus is longer than its message")
        values = []
        while self.position < end:
            values.append(self.take(kind, depth + 1))
        if self.position != end:
            raise ValueError("an array of D-Bus ends within an element")
        return values
