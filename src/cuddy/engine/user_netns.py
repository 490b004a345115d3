"""The network namespace that an ordinary user's networks are in, as seen by who needs it.

    host ◀── pasta ── eth0 | bridges ── containers       <run root>/user-network/keeper.sock

Bridges, and the ends of containers' links that are not the containers', cannot be in the machine's
own network namespace. The user's is made when a container needs it and ends after the last one:
`user_netns_keeper.py`, which gives a descriptor of it to whoever asks. Networks lose nothing by it,
as their links are made again for their next container.
"""

from __future__ import annotations

import _socket
import os

from cuddy import files
from cuddy.engine import background, resolver_roll, way_out
from cuddy.errors import SystemFailure
from cuddy.kernel import elsewhere, sockets
from cuddy.network import user_mode_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from cuddy.engine.home import Home

    T = TypeVar("T")

SOCKET = "keeper.sock"
PATIENCE_S = 20.0
BACKLOG = 256


def directory(home: Home) -> str:
    """Where it has its files."""
    return f"{home.run_root}/user-network"


def come(home: Home, pid: int) -> int:
    """A descriptor of the namespace, which is there at least until that process ends.

    Raises NotPermitted, SystemFailure.
    """
    try:
        with resolver_roll.Gate(home):
            try:
                client = dial(home)
            except (FileNotFoundError, ConnectionRefusedError):
                begin(home)
                client = dial(home)
        return ask(client, [pid, files.start_time(pid)])
    except OSError as error:
        raise SystemFailure.from_os("cannot make your network namespace", error) from error


def find(home: Home) -> int:
    """A descriptor of the namespace; -1 if there is none. Raises SystemFailure."""
    try:
        with resolver_roll.Gate(home):
            client = dial(home)
        return ask(client, [0, 0])
    except OSError:
        return -1


def within(home: Home, action: Callable[[], T]) -> T | None:
    """What `action` returns in the namespace; None if there is no such namespace.

    Raises what it raises.
    """
    netns_fd = find(home)
    if netns_fd < 0:
        return None
    try:
        return elsewhere.call(netns_fd, action)
    finally:
        os.close(netns_fd)


def dial(home: Home) -> _socket.socket:
    """A connection to the keeper. Raises OSError."""
    client = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        with sockets.Directory(directory(home)) as way:
            client.connect(f"{way}/{SOCKET}")
    except BaseException:
        client.close()
        raise
    return client


def ask(client: _socket.socket, whom: list[int]) -> int:
    """The descriptor that the keeper gives. Raises SystemFailure, OSError."""
    client.settimeout(PATIENCE_S)
    try:
        resolver_roll.send(client, whom)
        complaint, fds = resolver_roll.receive(client)
    except EOFError:
        complaint, fds = "its keeper has ended", []
    finally:
        client.close()
    if complaint:
        raise SystemFailure(f"there is no network for your containers: {complaint}")
    return fds[0]


def begin(home: Home) -> None:
    """Start the keeper, nobody's child. Raises OSError, NotPermitted."""
    programs = way_out.find_programs(user_mode_options.Choice())

    def keep() -> None:
        # Imported there: what nobody else needs.
        from cuddy.engine import user_netns_keeper

        user_netns_keeper.main(home, listener, programs)

    files.remove_tree(directory(home))  # of one that was killed
    files.make_directory(directory(home))
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:
        with sockets.Directory(directory(home)) as way:
            listener.bind(f"{way}/{SOCKET}")
        listener.listen(BACKLOG)
        background.spawn(keep)
    finally:
        listener.close()
