"""The process that carries to a container what the kernel cannot lead there.

Only a container with ports at an IPv6 address has one (`network/port_proxy.py` says why). It is
nobody's child and watches the container's own process: whatever becomes of the monitor, it ends
with the container.
"""

from __future__ import annotations

import _socket
import os

from cuddy import files
from cuddy.engine import background
from cuddy.kernel import process
from cuddy.network.port_proxy import Proxy, Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cuddy.network.publish import Published

TITLE = "cuddy port proxy"
KINDS = {_socket.SOCK_STREAM: "tcp", _socket.SOCK_DGRAM: "udp"}


class Target:
    """Where a container is now, as a file says: its networks come and go while it runs.

    An address that it has given back is another one's, and gets nothing more of what was meant for
    this one.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = (-1, -1, -1)
        self._address = ""

    def __call__(self) -> str:
        """The address; "" for none."""
        try:
            status = os.stat(self._path)
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._address = files.read_bytes(self._path).decode()
                self._seen = seen
        except OSError:
            return ""
        return self._address


def begin(published: Sequence[Published], holders: Iterable[int], path: str, pid: int) -> None:
    """Start it if it is needed. `holders`: the sockets that keep the ports. `path`: see `Target`.

    Raises OSError.
    """
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
                serve(find_ways(published, holders, Target(path)), pidfd)
        finally:
            os._exit(0)
    finally:
        os.close(pidfd)


def find_ways(
    published: Sequence[Published], holders: Iterable[int], address: Callable[[], str]
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
            found.append(Way(source, address, port))
        else:
            source.detach()
    return found


def serve(ways: list[Way], pidfd: int) -> None:
    """Leave everybody behind and carry."""
    background.leave(TITLE, {pidfd, *(way.source.fileno() for way in ways)})
    Proxy(ways, pidfd).run()
