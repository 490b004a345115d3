"""Go's durations as documents and flags have them: `1m30s`, `500ms` (Go, time.ParseDuration)."""

from __future__ import annotations

from cuddy.errors import InvalidArgument

UNITS_NS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9,
    "h": 3600 * 10**9,
}  # fmt: skip
MAX_NS = (1 << 63) - 1


def parse(text: str) -> int:
    """A duration in nanoseconds. Raises InvalidArgument."""
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total = 0
    while rest or not total:
        number = rest[: len(rest) - len(rest.lstrip("0123456789."))]
        rest = rest[len(number) :]
        unit = rest[: len(rest) - len(rest.lstrip("nuµμmsh"))]
        rest = rest[len(unit) :]
        whole, _, fraction = number.partition(".")
        if not number.replace(".", "", 1).isdigit() or (unit and unit not in UNITS_NS):
            raise InvalidArgument(f"invalid duration {text!r}", hint="such as 30s or 1m30s")
        if not unit:
            raise InvalidArgument(f"the duration {text!r} has no unit", hint="such as 30s or 1m30s")
        scale = UNITS_NS[unit]
        total += int(whole or "0") * scale
        total += int(fraction or "0") * scale // 10 ** len(fraction)
        if total > MAX_NS:
            raise InvalidArgument(f"the duration {text!r} is too long")
        if not rest:
            break
    return -total if text.startswith("-") else total
