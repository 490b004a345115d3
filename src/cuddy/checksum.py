"""A small checksum: enough to tell one directory's things from another's, and no import.

Not for anything an attacker could gain from: for those there is `image/digest.py`.
"""

from __future__ import annotations

OFFSET_BASIS = 0x811C9DC5
PRIME = 0x01000193


def fnv(data: bytes) -> int:
    """FNV-1a, 32 bits (draft-eastlake-fnv)."""
    value = OFFSET_BASIS
    for byte in data:
        value = (value ^ byte) * PRIME & 0xFFFFFFFF
    return value


def fingerprint(text: str) -> str:
    """64 hexadecimal digits made from a text, always the same: an id for what needs no record."""
    return "".join(f"{fnv(f'{text} {part}'.encode()):08x}" for part in range(8))
