"""Moments as people write them: a date, a time, Unix seconds, or how long ago.

    2013-01-02   2013-01-02T13:23:37   2013-01-02T13:23:37.5Z   1136073600.25   42m   1h30m

A date or time without a zone is the caller's local one.
"""

from __future__ import annotations

import time

from cuddy import files
from cuddy.errors import InvalidArgument

_UNITS_NS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6,
    "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9,
}  # fmt: skip
_MOST_NS = (1 << 63) - 1
ZERO_S = -62135596800
"""0001-01-01: what Go has in place of a time that is not known."""
LATEST_S = 253402300799
"""The end of the year 9999, the last that RFC 3339 can write."""


def duration(word: str) -> int:
    """Nanoseconds of a Go duration: `1h30m`, `1.5s`, `-42ms`. Raises ValueError."""
    rest = word.removeprefix("-")
    if rest == "0":
        return 0
    total = 0
    while rest:
        number = _leading(rest, "0123456789.")
        unit = _leading(rest[len(number) :], "nuµμmsh")
        rest = rest[len(number) + len(unit) :]
        if unit not in _UNITS_NS or not number.strip("."):
            raise ValueError(f"invalid duration: {word}")
        whole, _, fraction = number.partition(".")
        scaled = int(fraction or "0") * _UNITS_NS[unit] // 10 ** len(fraction)
        total += int(whole or "0") * _UNITS_NS[unit] + scaled
    if not word or total > _MOST_NS:
        raise ValueError(f"invalid duration: {word}")
    return -total if word.startswith("-") else total


def _leading(text: str, allowed: str) -> str:
    return text[: len(text) - len(text.lstrip(allowed))]


def moment(word: str, now_ns: int) -> int:
    """Nanoseconds since the epoch of what the user wrote. Raises InvalidArgument."""
    for read in (duration, _unix, _calendar):
        try:
            stamp = read(word)
        except (ValueError, OverflowError, IndexError):
            continue
        stamp = now_ns - stamp if read is duration else stamp
        return max(ZERO_S * 10**9, min(stamp, LATEST_S * 10**9))
    raise InvalidArgument(
        f"invalid time {word!r}", hint="a date, a time, Unix seconds, or how long ago: 42m"
    )


def _unix(word: str) -> int:
    whole, _, fraction = word.partition(".")
    if not (whole + fraction).isdecimal():
        raise ValueError(word)
    return int(whole) * 10**9 + int(fraction[:9].ljust(9, "0"))


def _calendar(word: str) -> int:
    date, _, clock = word.partition("T")
    plain, zone = _split_zone(clock or "00:00:00")
    if "Z" in date:
        date, zone = date.removesuffix("Z"), "Z"
    plain = plain + ":00" * (2 - plain.count(":"))
    if zone:
        return files.parse_time(f"{date}T{plain}{zone}")
    as_utc = files.parse_time(f"{date}T{plain}Z")
    seconds, nanoseconds = divmod(as_utc, 10**9)
    fields = time.gmtime(seconds)
    # mktime(3) reads the same fields in the local zone; -1: it decides on summer time itself.
    return int(time.mktime((*fields[:8], -1))) * 10**9 + nanoseconds


def _split_zone(clock: str) -> tuple[str, str]:
    for sign in ("Z", "+", "-"):
        plain, found, zone = clock.partition(sign)
        if found:
            return plain, found + zone
    return clock, ""


def seconds(stamp: str) -> int:
    """Unix seconds of a time that a stranger wrote; Go's zero time for what is none."""
    try:
        found = files.parse_time(stamp) // 10**9
    except (ValueError, IndexError):
        return ZERO_S
    return found if ZERO_S <= found <= LATEST_S else ZERO_S
