"""The sockets by which a container's monitor keeps its published ports from others.

Nothing arrives there but what no rule of the firewall can lead on, in IPv6: when it does,
`port_proxy.py` is started, and while that lives it takes what comes.
"""

from __future__ import annotations

import _socket
import os

from cuddy.kernel import namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

DESCRIPTOR_BYTES = 4
MOST_AT_ONCE = 200
"""Descriptors in one message; the kernel takes 253 (unix(7), SCM_RIGHTS)."""


class HeldPorts:
    """Sockets, and our end of what there is between us and the proxy (-1: there is none).

    `path`: the file that says where the ports lead.
    """

    def __init__(self, path: str, holders: list[int], carrier: int = -1) -> None:
        self._path = path
        self.holders = holders
        self.carrier = carrier
        self._doors = [fd for fd in holders if is_door(fd)]

    def watched(self) -> list[int]:
        """The descriptors on which something may come that is for us."""
        return [self.carrier] if self.carrier >= 0 else self._doors

    def adopt(self, holders: list[int]) -> None:
        """Keep these too."""
        self.holders += holders
        self._doors += [fd for fd in holders if is_door(fd)]

    def serve(self, ready: Collection[int]) -> None:
        """Act on what poll(2) reported."""
        if self.carrier >= 0 and self.carrier in ready:
            os.close(self.carrier)
            self.carrier = -1
        elif self.carrier < 0 and any(fd in ready for fd in self._doors):
            from cuddy.engine import port_proxy

            try:
                self.carrier = port_proxy.begin(self._path, self._doors)
            except OSError:
                self._doors = []  # no process to be had: nobody may keep us busy by coming again

    def close(self) -> None:
        """Let go of the ports; the proxy ends."""
        for fd in (*self.holders, self.carrier):
            if fd >= 0:
                os.close(fd)
        self.holders, self._doors, self.carrier = [], [], -1


def is_door(fd: int) -> bool:
    """Whether a socket is one to which somebody may come: for an ordinary user no rule of the
    firewall leads on, in neither layer.
    """
    return is_of_ipv6(fd) or not namespaces.is_initial("user")


def is_of_ipv6(fd: int) -> bool:
    """Whether a socket is."""
    socket = _socket.socket(fileno=fd)
    try:
        return socket.family == _socket.AF_INET6
    finally:
        socket.detach()


def descriptors_of(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    """The descriptors that came along with a message."""
    found: list[int] = []
    for level, kind, data in ancillary:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            whole = len(data) - len(data) % DESCRIPTOR_BYTES
            found += memoryview(data[:whole]).cast("i").tolist()
    return found
