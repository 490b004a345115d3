"""Where the API listens, and who may come: a socket's file, its owner and mode; or what systemd
has opened for us (sd_listen_fds(3)).
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import struct

from cuddy.api.connection import Peer
from cuddy.errors import Conflict, InvalidArgument, SystemFailure
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from typing import Any

    from cuddy.api.dashboard.door import Door

    Accept = Callable[[], tuple[int, Any]]

FIRST_FD = 3
BACKLOG = 512
KEEPALIVE_S = 60
SILENCE_S = 120
"""Until a machine that has vanished from the network is taken for gone."""
BARE_ACCEPT = "_accept"
"""What socket.accept() does, but for looking up names of families, which costs as much again."""
MAX_PATH_BYTES = 107
"""unix(7)."""


class Visitor(NamedTuple):
    """Who has come. `tls`: how to speak with him in secret; None: he is on this machine. `door`:
    what he came through, if it lets only some pass.
    """

    socket: socket.socket
    peer: Peer
    tls: ssl.SSLContext | None
    door: Door | None


class Listener:
    """A socket that clients come to. `path`: its file, which goes with it; "" if it is not ours."""

    def __init__(
        self,
        sock: socket.socket,
        path: str = "",
        *,
        tls: ssl.SSLContext | None = None,
        door: Door | None = None,
    ) -> None:
        self.socket = sock
        self.path = path
        self.tls = tls
        self.door = door
        self._kind = int(sock.family), int(sock.type), sock.proto
        self._accept: Accept = getattr(sock, BARE_ACCEPT)
        self._identity = _identity(path) if path else None
        sock.setblocking(False)

    def accept(self) -> Visitor | None:
        """The next client; None if there is none, or it has left. Raises OSError."""
        try:
            fd, address = self._accept()
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ECONNABORTED, errno.EINTR):
                return None
            raise
        client = socket.socket(*self._kind, fd)
        try:
            return Visitor(client, self._received(client, address), self.tls, self.door)
        except OSError:
            client.close()
            return None

    def _received(self, client: socket.socket, address: Any) -> Peer:
        if client.family != socket.AF_UNIX:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_S * 1000)
            return Peer(address=address[0])
        packed = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid, uid, _ = struct.unpack("3i", packed)
        return Peer(uid=uid, pid=pid)

    @property
    def url(self) -> str:
        """Where it listens, as DOCKER_HOST has it, or a browser."""
        if self.socket.family == socket.AF_UNIX:
            return f"unix://{self.socket.getsockname()}"
        host, port = self.socket.getsockname()[:2]
        scheme = "http" if self.door else "tcp"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def close(self) -> None:
        """Close it, and remove its file, unless that is another server's by now."""
        if self.path and _identity(self.path) == self._identity:
            os.unlink(self.path)
        self.socket.close()


def _identity(path: str) -> tuple[int, int]:
    try:
        found = os.lstat(path)
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def inherited(environment: Mapping[str, str]) -> list[Listener]:
    """The sockets that systemd has opened for this process. Raises InvalidArgument."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = environment.get("LISTEN_FDS", "")
    if not count.isdecimal() or not 0 < int(count) < 100:
        raise InvalidArgument(f"LISTEN_FDS={count!r} is not a number of sockets")
    found = []
    for fd in range(FIRST_FD, FIRST_FD + int(count)):
        os.set_inheritable(fd, False)
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            raise InvalidArgument(f"descriptor {fd} of LISTEN_FDS is not a socket") from None
        if sock.family != socket.AF_UNIX:
            hint = "ListenStream=/run/cuddy/cuddy.sock"
            raise InvalidArgument("only Unix sockets can be handed over", hint=hint)
        found.append(Listener(sock))
    return found


def listen(path: str, *, gid: int | None) -> Listener:
    """Listen at a path, for its owner, and for a group if there is one.

    The socket of a server that has died is replaced. Raises Conflict, SystemFailure.
    """
    path = os.path.abspath(path)
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise InvalidArgument(f"{path}: a socket's path has at most {MAX_PATH_BYTES} bytes")
    directory = os.path.dirname(path)
    try:
        os.makedirs(directory, mode=0o711, exist_ok=True)
        # Locked, or two servers that start at the same time would each remove the other's.
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            _remove_stale(path)
            return Listener(_bind(path, gid), path)
        finally:
            os.close(fd)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot listen at {path}", error) from error


def _remove_stale(path: str) -> None:
    """Remove the socket of a server that is no more. Raises Conflict."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise Conflict(f"{path} is there and not a socket", hint="choose another with --unix")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except TimeoutError:
            pass
    hint = "it serves this engine already, or choose another path with --unix"
    raise Conflict(f"another server listens at {path}", hint=hint)


def _bind(path: str, gid: int | None) -> socket.socket:
    """Nobody can connect before its mode and owner are right: until listen(2) it refuses all.

    What may stand at the path by then instead, put there by who may write to the directory, is left
    as it is: nothing is changed by that name but a link itself.
    """
    mode = 0o600 if gid is None else 0o660
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        os.fchmod(sock.fileno(), mode)  # what bind(2) gives the file
        before = os.umask(0o777 & ~mode)
        try:
            sock.bind(path)
        finally:
            os.umask(before)
        if gid is not None:
            os.lchown(path, 0, gid)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def listen_tcp(address: str, tls: ssl.SSLContext) -> Listener:
    """Listen on a port, for clients with certificates. Raises InvalidArgument, SystemFailure."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    if not host or not port.isdecimal() or not port.isascii() or int(port) > 65535:
        raise InvalidArgument(f"invalid address {address!r}", hint="127.0.0.1:2376")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        family, _, _, _, where = found[0]
        sock = socket.create_server(where, family=family, backlog=BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SystemFailure(f"cannot listen at {address}: {reason.lower()}") from error
    return Listener(sock, tls=tls)


def bind_loopback(port: int) -> socket.socket:
    """Listen on a port of this machine's own, where nobody comes from elsewhere; 0: a free one.

    Raises SystemFailure.
    """
    try:
        return socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    except OSError as error:
        hint = "choose another with --port, or none: then a free one is taken"
        raise SystemFailure.from_os(f"cannot listen on port {port}", error, hint=hint) from error
