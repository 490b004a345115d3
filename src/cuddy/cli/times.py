"""How docker shows moments."""

from __future__ import annotations

import time


class Moment(str):
    """A time by RFC 3339 in UTC, which is text in JSON only: templates show it as Go does."""


def local_text(unix_s: int) -> str:
    """A time in the local zone as Go's `Time.String` shows it: 2024-05-06 07:08:09 +0000 UTC."""
    fields = time.localtime(unix_s)
    return f"{_day(fields)} {_clock(fields)} {time.strftime('%z %Z', fields)}"


def utc_text(stamp: str) -> str:
    """A time by RFC 3339 in UTC as Go's `Time.String` shows it."""
    date, _, clock = stamp.removesuffix("Z").partition("T")
    whole, dot, fraction = clock.partition(".")
    fraction = fraction.rstrip("0")
    return f"{date} {whole}{dot * bool(fraction)}{fraction} +0000 UTC"


def local_rfc3339(unix_s: int) -> str:
    """A time in the local zone by RFC 3339: 2024-05-06T07:08:09Z."""
    fields = time.localtime(unix_s)
    zone = time.strftime("%z", fields)
    shown = f"{zone[:3]}:{zone[3:]}" if fields.tm_gmtoff else "Z"
    return f"{_day(fields)}T{_clock(fields)}{shown}"


def _day(fields: time.struct_time) -> str:
    return f"{fields.tm_year:04}-{fields.tm_mon:02}-{fields.tm_mday:02}"


def _clock(fields: time.struct_time) -> str:
    return f"{fields.tm_hour:02}:{fields.tm_min:02}:{fields.tm_sec:02}"
