"""Digests: content named by its own hash (image-spec, descriptor.md, "Digests").

`digest` names a blob as it travels (compressed), `diff_id` a layer's tar, `chain_id` a layer on
top of its parents. Hashing of streams needs `hashlib`, which is imported by those who stream.
"""

from __future__ import annotations

import sys

from cuddy.errors import CorruptContent
from cuddy.shapes import NewType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from hashlib import _Hash as Hash

# CPython's own module: hashlib would load OpenSSL to hash a hundred bytes.
if sys.version_info >= (3, 12):
    from _sha2 import sha256
else:
    from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]

Digest = NewType("Digest", str)

HEX_DIGITS = "0123456789abcdef"
HEX_LENGTHS = {"sha256": 64, "sha512": 128}
"""The registered algorithms; a blob's file name is made of nothing else."""


def is_digest(text: object) -> bool:
    """Whether the text is a digest by an algorithm that cuddy verifies."""
    if not isinstance(text, str):
        return False
    algorithm, _, encoded = text.partition(":")
    return len(encoded) == HEX_LENGTHS.get(algorithm, -1) and is_hex(encoded)


def is_hex(text: str) -> bool:
    """Whether the text is lower-case hexadecimal and nothing else."""
    return bool(text) and not text.strip(HEX_DIGITS)


def check(text: object, what: str) -> Digest:
    """The text as a digest. Raises CorruptContent naming `what` held it."""
    if not is_digest(text):
        raise CorruptContent(f"{what}: {str(text)[:80]!r} is not a digest that cuddy can verify")
    return Digest(str(text))


def of(data: bytes, algorithm: str = "sha256") -> Digest:
    """The digest of a short text."""
    if algorithm == "sha256":
        return Digest("sha256:" + sha256(data).hexdigest())
    found = hasher(algorithm)
    found.update(data)
    return Digest(f"{algorithm}:{found.hexdigest()}")


def hasher(algorithm: str = "sha256") -> Hash:
    """A running hash, fast on long streams."""
    import hashlib

    return hashlib.new(algorithm)


def chain_ids(diff_ids: Iterable[str]) -> tuple[str, ...]:
    """The name of each layer together with all below it, lowest first (config.md, "ChainID")."""
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)


def short(digest: str) -> str:
    """The twelve digits people read."""
    return digest.partition(":")[2][:12]
