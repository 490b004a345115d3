"""The ports of a container as lists tell of them: one entry for each port and host address.

`NetworkSettings.Ports` of `docker inspect` maps "80/tcp" to the places where it is published, or
to null where it is only exposed.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


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
