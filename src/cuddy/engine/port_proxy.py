"""The process that carries to a container what the kernel cannot lead there.

The monitor starts it when somebody comes to a socket of IPv6 that keeps a port
(`network/port_proxy.py` says why they do), and it ends when nobody has come for a while. It is
nobody's child. The two hold a pair of sockets, by which each sees the other's end: whatever becomes
of the monitor, this ends with it, and with the ports.
"""

from __future__ import annotations

import _socket
import os
import time

from cuddy import files
from cuddy.engine import background
from cuddy.network.port_proxy import Proxy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.network.port_proxy import Target

TITLE = "cuddy port proxy"
KINDS = {_socket.SOCK_STREAM: "tcp", _socket.SOCK_DGRAM: "udp"}
CRASH_S = 1.0  # so that one that cannot do its work is not started in a circle


def begin(path: str, sources: Sequence[int]) -> int:
    """Start it on these sockets. `path`: see `Targets`.

    Returns our end of the pair. Raises OSError.
    """
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    with_us = ours.detach()
    try:
        background.spawn(lambda: serve(Targets(path), sources, theirs.fileno()))
        return with_us
    except BaseException:
        os.close(with_us)
        raise
    finally:
        theirs.close()


def serve(targets: Targets, sources: Sequence[int], leash: int) -> None:
    """Leave everybody behind and carry."""
    background.leave(TITLE, {leash, *sources})
    try:
        targets.enter()
        Proxy([_socket.socket(fileno=fd) for fd in sources], targets.find, leash).run()
    except BaseException:
        time.sleep(CRASH_S)
        raise


class Targets:
    """Where a container's ports lead now, as a file says: its networks come and go while it runs.

    An address that it has given back is another one's, and gets nothing more of what was meant for
    this one.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen = (-1, -1, -1)
        self._found: dict[tuple[str, str, int], Target] = {}

    def find(self, source: _socket.socket) -> Target | None:
        """Where what comes to a socket goes on to."""
        try:
            status = os.stat(self._path)
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                self._found, self._seen = self._read(), seen
        except OSError:
            return None
        host_ip, number, *_ = source.getsockname()
        return self._found.get((KINDS.get(source.type & 0xF, ""), host_ip, number))

    def enter(self) -> None:
        """Go where they are to be reached, if that is not here. Raises OSError."""
        pid, began = files.parse_json(files.read_bytes(self._path)).get("inside", (0, 0))
        if pid:
            # Imported here: an ordinary user's only.
            from cuddy.kernel import namespaces, process

            pidfd = process.open_exact(pid, began)
            if pidfd < 0:
                raise ProcessLookupError(pid)
            namespaces.setns(pidfd, namespaces.CLONE_NEWNET)
            os.close(pidfd)

    def _read(self) -> dict[tuple[str, str, int], Target]:
        text = files.read_bytes(self._path)
        if not text:
            return {}
        document = files.parse_json(text)
        return {
            (protocol, host_ip, host_port): (document["address"], number)
            for protocol, host_ip, host_port, number in document["ports"]
        }
