"""systemd's two protocols: sockets handed on (LISTEN_FDS), and word when one is ready
(NOTIFY_SOCKET): sd_listen_fds(3), sd_notify(3).

A container does not get the host's notify socket: it could claim to be any process. It gets one of
ours, of which we pass on that it is ready, and say ourselves which process that is.
"""

from __future__ import annotations

import _socket
import os
import select

from cuddy import files
from cuddy.errors import SystemFailure
from cuddy.kernel import process, sockets
from cuddy.runtime import start as starting
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.runtime.verb import Call
    from cuddy.runtime.bundle import Bundle

INSIDE = "/run/notify"
NAME = "notify.sock"
PATIENCE_S = 30.0  # with a systemd that does not answer
MAX_MESSAGE_BYTES = 4096


def prepare(call: Call, loaded: Bundle) -> int:
    """Change a config to what systemd wants of it; how many sockets it hands on."""
    environment = loaded.config.get("process", {}).setdefault("env", [])
    if os.environ.get("NOTIFY_SOCKET"):
        files.make_directory(state.directory(call.root, call.id))
        files.make_directory(directory(call), 0o755)
        options = ["bind", "nosuid", "noexec", "nodev", "ro"]
        loaded.config.setdefault("mounts", []).append(
            {"destination": INSIDE, "type": "bind", "source": directory(call), "options": options}
        )
        environment.append(f"NOTIFY_SOCKET={INSIDE}/{NAME}")
    count = handed_on()
    if count:
        environment += [f"LISTEN_FDS={count}", "LISTEN_PID=1"]
        if names := os.environ.get("LISTEN_FDNAMES"):
            environment.append(f"LISTEN_FDNAMES={names}")
    return count


def handed_on() -> int:
    """How many sockets systemd has handed to this process."""
    count, owner = os.environ.get("LISTEN_FDS", ""), os.environ.get("LISTEN_PID", "")
    if not count.isdecimal() or (owner and owner != str(os.getpid())):
        return 0
    return int(count)


def directory(call: Call) -> str:
    """Where the container's notify socket is."""
    return os.path.join(state.directory(call.root, call.id), "notify")


def start(call: Call, *, watched: bool) -> None:
    """Start a container and wait until it is ready, or has ended. Raises SystemFailure.

    `watched`: the process that systemd is to know is our own, which waits for the container's end.
    """
    document = state.read(call.root, call.id)
    own = bind(call)
    try:
        call.log.warn(starting.start(call.root, call.id))
        if ready := await_ready(own, document["pid"], document["startTime"]):
            tell(ready, os.getpid() if watched else document["pid"])
    finally:
        own.close()


def bind(call: Call) -> _socket.socket:
    """The socket that the container writes to. Raises SystemFailure."""
    own = datagrams()
    path = os.path.join(directory(call), NAME)
    try:
        own.bind(path)
        os.chmod(path, 0o777)
    except OSError as error:
        own.close()
        raise SystemFailure.from_os("cannot make the notify socket", error) from error
    return own


def datagrams() -> _socket.socket:
    """A socket of the kind that sd_notify(3) uses."""
    return _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)


def await_ready(own: _socket.socket, pid: int, began: int) -> bytes:
    """The container's READY; b"" if it ends before."""
    pidfd = process.open_exact(pid, began)
    if pidfd < 0:
        return b""
    poll = select.poll()
    poll.register(own.fileno(), select.POLLIN)
    poll.register(pidfd, select.POLLIN)
    try:
        while own.fileno() in [fd for fd, _ in poll.poll()]:
            lines = own.recv(MAX_MESSAGE_BYTES).split(b"\n")
            ready = [line for line in lines if line.startswith(b"READY=")]
            if ready:
                return ready[0]
        return b""
    finally:
        os.close(pidfd)


def tell(ready: bytes, pid: int) -> None:
    """Pass on that it is ready, say who it is, and wait until the host has heard."""
    host = datagrams()
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    try:
        name = os.environ["NOTIFY_SOCKET"]
        host.connect(f"\0{name[1:]}" if name.startswith("@") else name)
        host.send(ready + b"\n")
        host.send(f"MAINPID={pid}\n".encode())

        host.sendmsg([b"BARRIER=1"], [sockets.rights(write_end)])
        os.close(write_end)
        write_end = -1
        select.select([read_end], [], [], PATIENCE_S)
    except OSError as error:
        raise SystemFailure.from_os("cannot tell the host that it is ready", error) from error
    finally:
        host.close()
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)
