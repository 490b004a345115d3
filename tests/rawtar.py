"""Tar archives byte by byte: whatever tarfile would refuse to write."""

from __future__ import annotations

BLOCK = 512
END = bytes(2 * BLOCK)
GNU = b"ustar  \0"
USTAR = b"ustar\x0000"


def number(value: int | bytes, width: int) -> bytes:
    """A field: octal digits, or bytes as they are."""
    return value if isinstance(value, bytes) else b"%0*o\0" % (width - 1, value)


def binary(value: int, width: int) -> bytes:
    """GNU's form for numbers that octal digits cannot hold."""
    filled = value.to_bytes(width, "big", signed=True)
    return bytes([0x80 | filled[0]]) + filled[1:]


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def header(
    name: bytes,
    kind: bytes = b"0",
    *,
    size: int | bytes = 0,
    mode: int | bytes = 0o644,
    uid: int | bytes = 0,
    gid: int | bytes = 0,
    mtime: int | bytes = 0,
    link: bytes = b"",
    magic: bytes = USTAR,
    major: int | bytes = 0,
    minor: int | bytes = 0,
    rest: bytes = b"",
    checksum: bytes | None = None,
) -> bytes:
    """One header block; `rest`: what stands at offset 345, ustar's prefix or GNU's other things."""
    block = b"".join((
        name.ljust(100, b"\0"), number(mode, 8), number(uid, 8), number(gid, 8), number(size, 12),
        number(mtime, 12), b" " * 8, kind, link.ljust(100, b"\0"), magic, bytes(64),
        number(major, 8), number(minor, 8), rest.ljust(167, b"\0"),
    ))  # fmt: skip
    assert len(block) == BLOCK, (name, len(block))
    total = b"%06o\0 " % sum(block) if checksum is None else checksum
    return block[:148] + total + block[156:]


def entry(name: bytes, data: bytes = b"", kind: bytes = b"0", **fields: object) -> bytes:
    """A header with the data that it announces."""
    size = fields.pop("size", len(data))
    return header(name, kind, size=size, **fields) + pad(data)  # type: ignore[arg-type]


def record(key: bytes, value: bytes) -> bytes:
    """A PAX record, which counts its own length."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while length != len(rest) + len(b"%d" % length):
        length = len(rest) + len(b"%d" % length)
    return b"%d" % length + rest


def pax(kind: bytes = b"x", **values: bytes) -> bytes:
    """A PAX header; keys with dots are written with double underscores."""
    return pax_of({key.replace("__", ".").encode(): value for key, value in values.items()}, kind)


def pax_of(values: dict[bytes, bytes], kind: bytes = b"x") -> bytes:
    data = b"".join(record(key, value) for key, value in values.items())
    return entry(b"PaxHeaders/x", data, kind)
