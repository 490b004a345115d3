"""The ports of a container as lists tell of them: one entry for each port and host address.

`NetworkSettings.Ports` of `docker inspect` maps "80/tcp" to the places where it is published, or
to null where it is only exposed. docker/go-connections `nat` has the grammar of ranges.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

HIGHEST = 65535


class Port(NamedTuple):
    """One port; `ip` is "" and `public` 0 where it is not published."""

    private: int
    protocol: str
    ip: str = ""
    public: int = 0


def summarize(settings: dict[str, Any] | None) -> list[Port]:
    """The `NetworkSettings.Ports` of a container as a list."""
    return [
        _port(name, binding)
        for name, bindings in (settings or {}).items()
        for binding in bindings or (None,)
    ]


def _port(name: str, binding: dict[str, str] | None) -> Port:
    number, _, protocol = name.partition("/")
    if not binding or not binding.get("HostPort"):
        return Port(int(number), protocol or "tcp")
    address = binding.get("HostIp") or "0.0.0.0"
    return Port(int(number), protocol or "tcp", address, int(binding["HostPort"]))


def parse_range(word: str) -> Iterable[tuple[int, str]]:
    """The ports of `80`, `80-90` or `53/udp`, with their protocol. Raises ValueError."""
    ports, _, protocol = word.partition("/")
    first, dash, last = ports.partition("-")
    low = _number(first)
    high = _number(last) if dash else low
    if high < low:
        raise ValueError(f"invalid range specified for the port: {ports}")
    return [(number, (protocol or "tcp").lower()) for number in range(low, high + 1)]


def _number(word: str) -> int:
    if not word:
        raise ValueError("empty string specified for ports")
    if not (word.isascii() and word.isdecimal()) or int(word) > HIGHEST:
        raise ValueError(f"{word!r} is not a port")
    return int(word)
