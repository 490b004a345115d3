"""The resolver as its clients see it: who registers a container, and how the process comes to be.

A container on a user network, or with an egress policy, asks 127.0.0.11 (`resolv.own_resolver`).
In its network namespace two sockets, UDP and TCP, are what it reaches there; `begin` makes them and
hands them to the one resolver process of the Home, which is started if it does not run.
"""

from __future__ import annotations

import _socket
import os
import time

from cuddy import files
from cuddy.engine import background, etc_files, resolver_roll
from cuddy.engine.resolver_roll import Asker
from cuddy.errors import SystemFailure
from cuddy.kernel import sockets
from cuddy.network import resolv

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

PATIENCE_S = 10.0
PAUSE_S = 0.01
BACKLOG = 256


def begin(home: Home, record: Container, netns_fd: int, pid: int, *, egress: Any = None) -> None:
    """Have the resolver answer a container from now on; names can be asked when this returns.

    `netns_fd`: its network namespace. `pid`: its first process, whose end is the registration's.
    `egress`: what its policy is made of, any JSON. A container that is registered
    already is so anew. Raises SystemFailure.
    """
    try:
        asker = describe(record, pid, egress)
        files.write_json(resolver_roll.registration_path(home, asker.id), [*asker], durable=False)
        answer = register(home, asker, netns_fd)
    except OSError as error:
        raise SystemFailure.from_os("cannot register with the resolver", error) from error
    if answer != resolver_roll.READY:
        raise SystemFailure(f"the resolver does not serve the container: {answer}")


def ensure(home: Home) -> None:
    """Have a resolver, which serves all containers that were registered. Raises SystemFailure."""
    try:
        connect(home).close()
    except OSError as error:
        raise SystemFailure.from_os("cannot start the resolver", error) from error


def describe(record: Container, pid: int, egress: Any) -> Asker:
    """What the resolver has to know of a container."""
    host_config = record["HostConfig"]
    options = host_config["DnsOptions"]
    if not options:
        options = resolv.parse(etc_files.read_text(resolv.PATH)).options
    began = files.start_time(pid)
    has_ndots = resolv.ndots(options) > 0
    # To ask itself would have no end.
    servers = tuple(each for each in host_config["Dns"] if each != resolv.OWN_SERVER)
    return Asker(record["Id"], pid, began, servers, has_ndots, egress)


def register(home: Home, asker: Asker, netns_fd: int) -> str:
    """Tell the resolver; what it answers. Raises OSError, SystemFailure."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            client = connect(home)
        except ConnectionRefusedError:
            continue  # killed just after its start
        client.settimeout(PATIENCE_S)
        try:
            resolver_roll.send(client, [*asker], [netns_fd])
            return str(resolver_roll.receive(client)[0])
        except (EOFError, BrokenPipeError, ConnectionResetError):
            time.sleep(PAUSE_S)  # it was killed just now; another one takes over
        finally:
            client.close()
    raise SystemFailure("the resolver does not come up", hint="is somebody killing it?")


def connect(home: Home) -> _socket.socket:
    """A connection to the resolver, which is started if it does not run. Raises OSError.

    Under the lock, so that it does not end just now, and there is only one.
    """
    with resolver_roll.Gate(home):
        try:
            return dial(home)
        except (FileNotFoundError, ConnectionRefusedError):
            listener = listen(home)
            spawn(home, listener)
            listener.close()
            return dial(home)


def is_running(home: Home) -> bool:
    """Whether there is a resolver."""
    try:
        dial(home).close()
    except OSError:
        return False
    return True


def dial(home: Home) -> _socket.socket:
    """A connection to a resolver that runs. Raises OSError."""
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        with sockets.Directory(home.run_root) as way:
            client.connect(f"{way}/{resolver_roll.SOCKET}")
    except BaseException:
        client.close()
        raise
    return client


def listen(home: Home) -> _socket.socket:
    """The resolver's socket, in the place of one that nobody listens on. Raises OSError."""
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    os.fchmod(listener.fileno(), 0o600)  # what bind(2) gives the file
    try:
        os.unlink(f"{home.run_root}/{resolver_roll.SOCKET}")
    except FileNotFoundError:
        pass
    with sockets.Directory(home.run_root) as way:
        listener.bind(f"{way}/{resolver_roll.SOCKET}")
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def spawn(home: Home, listener: _socket.socket) -> None:
    """Start the resolver's process. Raises OSError."""

    def serve() -> None:
        # Imported there: what nobody else needs.
        from cuddy.engine import resolver_process

        resolver_process.main(home, listener)

    background.spawn(serve)
