"""The process that carries to a container what the kernel cannot lead there.

Only a container with ports at an IPv6 address has one (`network/port_proxy.py` says why). It is
nobody's child and watches the container's own process: whatever becomes of the monitor, it ends
with the container.
"""

from __future__ import annotations

import _socket
import os

from cuddy.engine import background
from cuddy.kernel import process
from cuddy.network.port_proxy import Proxy, Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cuddy.network.endpoint import Endpoint
    from cuddy.network.publish import Published

TITLE = "cuddy port proxy"
KINDS = {_socket.SOCK_STREAM: "tcp", _socket.SOCK_DGRAM: "udp"}


def begin(
    published: Sequence[Published], holders: Iterable[int], endpoint: Endpoint, pid: int
) -> None:
    """Start it if it is needed. `holders`: the sockets that keep the ports. Raises OSError."""
    if not any(":" in entry.host_ip and entry.host_port for entry in published):
        return
    pidfd = process.pidfd_open(pid)
    try:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return
        try:
            if os.fork() == 0:
                serve(find_ways(published, holders, endpoint), pidfd)
        finally:
            os._exit(0)
    finally:
        os.close(pidfd)


def find_ways(
    published: Sequence[Published], holders: Iterable[int], endpoint: Endpoint
) -> list[Way]:
    """From each socket of IPv6 to what it stands for."""
    targets = {
        (entry.port.protocol, entry.host_ip, entry.host_port): entry.port.number
        for entry in published
    }
    found = []
    for fd in holders:
        source = _socket.socket(fileno=fd)
        host_ip, number, *_ = source.getsockname()
        protocol = KINDS.get(source.type & 0xF, "")
        if source.family == _socket.AF_INET6 and (protocol, host_ip, number) in targets:
            port = targets[protocol, host_ip, number]
            found.append(Way(source, endpoint.address6 or endpoint.address, port))
        else:
            source.detach()
    return found


def serve(ways: list[Way], pidfd: int) -> None:
    """Leave everybody behind and carry."""
    background.leave(TITLE, {pidfd, *(way.source.fileno() for way in ways)})
    Proxy(ways, pidfd).run()
