"""Sizes as people read them: powers of 1000 for what is on disk, as docker/go-units prints them."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
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
