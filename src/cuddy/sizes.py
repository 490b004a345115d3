"""Sizes as people read and write them, by the rules of docker/go-units: powers of 1000 for what is
on disk, of 1024 for memory.
"""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_SUFFIXES = "bkmgtp"
_MAX_INT = (1 << 63) - 1
_BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def human_size(size_bytes: float, digits: int = 3) -> str:
    """Bytes in the unit that fits, with so many significant digits: `1.23MB`."""
    step = 0
    while size_bytes >= 1000 and step < len(_UNITS) - 1:
        size_bytes /= 1000
        step += 1
    return f"{_general(size_bytes, digits)}{_UNITS[step]}"


def _general(number: float, digits: int) -> str:
    """Go's %.Ng."""
    return f"{number:.{digits}g}"


def human_memory(size_bytes: float) -> str:
    """Bytes in powers of 1024, with four significant digits: `7.656GiB`."""
    step = 0
    while size_bytes >= 1024 and step < len(_BINARY_UNITS) - 1:
        size_bytes /= 1024
        step += 1
    return f"{_general(size_bytes, 4)}{_BINARY_UNITS[step]}"


def parse(word: str) -> int:
    """Bytes: a number with one of the suffixes b k m g t p, also as kb or kib, powers of 1024.

    Raises ValueError in Docker's words.
    """
    end = max((i for i, c in enumerate(word) if c in "0123456789. "), default=-1)
    if end < 0:
        raise ValueError(f"invalid size: '{word}'")
    number, suffix = word[: end + 1].removesuffix(" "), word[end + 1 :].lower()
    try:
        # Digits and a point only: Python's float also takes nan, inf, spaces and underscores.
        if not number.replace(".", "", 1).isdecimal() or not number.isascii():
            raise ValueError
        amount = float(number)
    except ValueError:
        if number.startswith("-"):
            raise ValueError(f"invalid size: '{word}'") from None
        raise ValueError(f'strconv.ParseFloat: parsing "{number}": invalid syntax') from None
    if amount > _MAX_INT:  # also infinity, which no int is
        raise ValueError(f"size out of range: '{word}'")
    unit, rest = suffix[:1], suffix[1:]
    if suffix and (unit not in _SUFFIXES or rest not in ("", "b", "ib") or (unit == "b" and rest)):
        raise ValueError(f"invalid suffix: '{suffix}'")
    bytes_ = int(amount * 1024 ** _SUFFIXES.index(unit)) if unit else int(amount)
    if bytes_ > _MAX_INT:
        raise ValueError(f"size out of range: '{word}'")
    return bytes_
