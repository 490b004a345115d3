"""Network namespaces for tests, entered and left by the test process itself.

A socket belongs for ever to the namespace it was made in, so one test can talk between several.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator

from cuddy.kernel import namespaces, rtnetlink


@contextlib.contextmanager
def entered(pid: int) -> Iterator[None]:
    """In the network namespace of a process."""
    fd = namespaces.open_namespace(pid, "network")
    try:
        with namespaces.Joined(fd, "network"):
            yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def echoing(pid: int, port: int) -> Iterator[None]:
    """Whatever comes to a UDP port in the network namespace of a process goes back.

    A process of the test's own does it: not every busybox has an `nc` that knows UDP.
    """
    with entered(pid):
        server = socket.socket(type=socket.SOCK_DGRAM)
    with server:
        server.bind(("", port))
        child = os.fork()
        if child == 0:
            try:
                while True:
                    server.sendto(*server.recvfrom(1 << 16))
            finally:
                os._exit(1)
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


class Netns:
    """A network namespace; it lasts until `close`, with everything in it."""

    def __init__(self) -> None:
        own = namespaces.open_namespace("self", "network")
        try:
            namespaces.unshare(namespaces.CLONE_NEWNET)
            self.fd = namespaces.open_namespace("self", "network")
            namespaces.setns(own, namespaces.CLONE_NEWNET)
        finally:
            os.close(own)

    def inside(self) -> namespaces.Joined:
        """A `with` block inside the namespace."""
        return namespaces.Joined(self.fd, "network")

    def run(self, *command: str) -> str:
        """What a command says that runs inside."""
        with self.inside():
            return run(*command)

    def listen(self, port: int = 80) -> socket.socket:
        """A TCP server's socket on every address."""
        with self.inside():
            return listen(port)

    def dial(self, address: str, port: int = 80, timeout_s: float = 3) -> socket.socket:
        """A TCP connection from inside. Raises OSError."""
        with self.inside():
            return dial(address, port, timeout_s)

    def reaches(self, address: str, port: int = 80, timeout_s: float = 3) -> bool:
        """Whether a TCP connection from inside comes about."""
        with self.inside():
            return reaches(address, port, timeout_s)

    def close(self) -> None:
        os.close(self.fd)


@contextlib.contextmanager
def fresh() -> Iterator[Netns]:
    """A namespace for the length of a `with` block."""
    made = Netns()
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def own() -> Iterator[None]:
    """The test process itself in a namespace of its own, its loopback up."""
    with fresh() as made, made.inside():
        rtnetlink.loopback_up()
        yield


def run(*command: str) -> str:
    """What a command says on standard output. Raises CalledProcessError."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def listen(port: int = 80) -> socket.socket:
    """A TCP server's socket of the namespace we are in."""
    return socket.create_server(("", port))


def dial(address: str, port: int = 80, timeout_s: float = 3) -> socket.socket:
    """A TCP connection from the namespace we are in. Raises OSError."""
    return socket.create_connection((address, port), timeout=timeout_s)


def reaches(address: str, port: int = 80, timeout_s: float = 3) -> bool:
    """Whether a TCP connection comes about from the namespace we are in."""
    try:
        socket.create_connection((address, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True
