"""What can be seen of whether one reaches another: who listens, which way packets take, and a try.

Each question is asked in a network namespace, given as a descriptor (-1: our own); what a socket
was made in is where it stays, so we are elsewhere for a few system calls only. The process must
have one thread.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import struct
import sys
import time

from cuddy.kernel import namespaces, netlink, way
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from cuddy.kernel.way import Way

    T = TypeVar("T")

# The `st` column of /proc/net/tcp and udp: include/net/tcp_states.h; a UDP socket that is bound
# and not connected is "closed".
WAITING = {"tcp": "0A", "udp": "07"}
MAX_TABLE = 8 << 20
ANY = ("0.0.0.0", "::")
ICMP_ECHO, ICMP6_ECHO = 8, 128
ICMP_ANSWER, ICMP6_ANSWER = 0, 129


class Listener(NamedTuple):
    """A socket that waits for others."""

    address: str
    port: int
    inode: int
    pid: int = 0  # as the host numbers it; 0: not known
    program: str = ""  # as the process calls itself: hostile


class Attempt(NamedTuple):
    """What came of a try: "answered", "refused" (at once, by somebody), "silent" (nothing came
    back) or "failed" (it could not even be sent). `words`: the kernel's.
    """

    outcome: str
    seconds: float = 0.0
    words: str = ""


def inside(netns_fd: int, act: Callable[[], T]) -> T:
    """The result of a function that runs in a network namespace. Raises OSError."""
    if netns_fd < 0:
        return act()
    with namespaces.Joined(netns_fd, "network"):
        return act()


def find_way(netns_fd: int, address: str) -> Way:
    """The way that a packet to an address would take. Raises OSError."""
    with netlink.open(netns_fd if netns_fd >= 0 else None) as kernel:
        return way.find(kernel, address)


def listeners(netns_fd: int, protocol: str) -> list[Listener]:
    """The sockets of a namespace that wait for others, by TCP or UDP. Raises OSError."""
    found: list[Listener] = []
    for name in (protocol, f"{protocol}6"):
        found += parse_sockets(_read(netns_fd, f"/proc/self/net/{name}"), protocol)
    return found


def _read(netns_fd: int, path: str) -> str:
    try:
        with inside(netns_fd, lambda: open(path, errors="replace")) as file:
            return file.read(MAX_TABLE)
    except FileNotFoundError:
        return ""  # a kernel without IPv6


def parse_sockets(text: str, protocol: str) -> Iterator[Listener]:
    """The sockets in /proc/net/tcp, tcp6, udp or udp6 that wait for others (proc_net(5)).

    Pure.
    """
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != WAITING[protocol]:
            continue
        address, _, port = fields[1].rpartition(":")
        if number := int(port, 16):
            yield Listener(unpack(address), number, int(fields[9]))


def unpack(digits: str) -> str:
    """An address as /proc/net writes it: words of 32 bits in this machine's order."""
    words = (digits[at : at + 8] for at in range(0, len(digits), 8))
    packed = b"".join(int(word, 16).to_bytes(4, sys.byteorder) for word in words)
    if len(packed) == 4:
        return _socket.inet_ntop(_socket.AF_INET, packed)
    text = _socket.inet_ntop(_socket.AF_INET6, packed)
    return text.removeprefix("::ffff:") if "." in text else text


def with_owners(
    found: Iterable[Listener], netns_fd: int, wanted: Callable[[Listener], bool]
) -> list[Listener]:
    """The listeners, those that are wanted with the process that has each.

    Only processes of the same network namespace are looked at.
    """
    listed = list(found)
    missing = {f"socket:[{each.inode}]" for each in listed if wanted(each)}
    owners: dict[int, tuple[int, str]] = {}
    home = os.stat(f"/proc/self/fd/{netns_fd}" if netns_fd >= 0 else "/proc/self/ns/net").st_ino
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if not missing:
            break
        for target, name in _sockets_of(pid, home, missing):
            missing.discard(target)
            owners[int(target[8:-1])] = int(pid), name
    return [
        each._replace(pid=owners[each.inode][0], program=owners[each.inode][1])
        if each.inode in owners
        else each
        for each in listed
    ]


def _sockets_of(pid: str, netns: int, wanted: set[str]) -> Iterator[tuple[str, str]]:
    """Those sockets that a process has, and its name.

    By a descriptor of its directory: a pid that is used again is not the same directory.
    """
    try:
        where = os.open(f"/proc/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if os.stat("ns/net", dir_fd=where).st_ino != netns:
            return
        directory = os.open("fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=where)
        try:
            targets = {_link(name, directory) for name in os.listdir(directory)}
        finally:
            os.close(directory)
        if found := targets & wanted:
            name = _name_of(where)
            yield from ((target, name) for target in found)
    except OSError:
        return  # it has ended
    finally:
        os.close(where)


def _link(name: str, dir_fd: int) -> str:
    try:
        return os.readlink(name, dir_fd=dir_fd)
    except OSError:
        return ""


def _name_of(dir_fd: int) -> str:
    fd = os.open("comm", os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        return os.read(fd, 64).decode(errors="replace").strip()
    finally:
        os.close(fd)


def dial(netns_fd: int, address: str, port: int, protocol: str, timeout_s: float) -> Attempt:
    """Try to connect, by TCP; by UDP, send nothing and see whether that is refused."""
    kind = _socket.SOCK_STREAM if protocol == "tcp" else _socket.SOCK_DGRAM
    family = _socket.AF_INET6 if ":" in address else _socket.AF_INET
    began = time.monotonic()
    try:
        caller = inside(
            netns_fd,
            lambda: _socket.socket(family, kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC),
        )
    except OSError as error:
        return judge(error.errno or 0, 0.0)
    try:
        code = caller.connect_ex((address, port))
        if protocol != "tcp" and code == 0:
            caller.send(b"")
            code = errno.EINPROGRESS
        if code == errno.EINPROGRESS:
            code = _await(caller, protocol, timeout_s)
    except OSError as error:
        code = error.errno or 0
    finally:
        caller.close()
    return judge(code, time.monotonic() - began)


def _await(caller: _socket.socket, protocol: str, timeout_s: float) -> int:
    """What becomes of an attempt that is under way, as an error number."""
    poll = select.poll()
    poll.register(caller.fileno(), select.POLLOUT if protocol == "tcp" else select.POLLIN)
    if not poll.poll(int(timeout_s * 1000)):
        return errno.ETIMEDOUT
    return caller.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)


def judge(code: int, seconds: float) -> Attempt:
    """An error number as an outcome. Pure."""
    words = os.strerror(code).lower() if code else ""
    if code == 0:
        return Attempt("answered", seconds)
    if code == errno.ETIMEDOUT:
        return Attempt("silent", seconds)
    if code == errno.ECONNREFUSED:
        return Attempt("refused", seconds, words)
    return Attempt("failed", seconds, words)


def ping(netns_fd: int, address: str, timeout_s: float) -> Attempt:
    """Ask whether anybody is there at all, by ICMP."""
    is_ipv6 = ":" in address
    family = _socket.AF_INET6 if is_ipv6 else _socket.AF_INET
    protocol = _socket.IPPROTO_ICMPV6 if is_ipv6 else _socket.IPPROTO_ICMP
    began = time.monotonic()
    mark = os.urandom(4)
    try:
        caller = inside(
            netns_fd,
            lambda: _socket.socket(family, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, protocol),
        )
    except OSError as error:
        return judge(error.errno or 0, 0.0)
    try:
        caller.connect((address, 0))
        caller.send(echo_request(ICMP6_ECHO if is_ipv6 else ICMP_ECHO, mark))
        code = _await_echo(caller, mark, is_ipv6, began + timeout_s)
    except OSError as error:
        code = error.errno or 0
    finally:
        caller.close()
    return judge(code, time.monotonic() - began)


def echo_request(kind: int, mark: bytes) -> bytes:
    """An ICMP echo request whose identifier and number are a mark (RFC 792). Pure."""
    words = struct.unpack("!4H", bytes((kind, 0, 0, 0)) + mark)
    total = sum(words)
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    # The kernel makes the checksum of ICMPv6 itself.
    return struct.pack("!BBH", kind, 0, ~total & 0xFFFF) + mark


def _await_echo(caller: _socket.socket, mark: bytes, is_ipv6: bool, deadline: float) -> int:
    poll = select.poll()
    poll.register(caller.fileno(), select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if not poll.poll(int(left * 1000) + 1):
            break
        packet = caller.recv(1500)
        if not is_ipv6:
            packet = packet[(packet[0] & 15) * 4 :]  # IPv4 comes with its header
        answer = ICMP6_ANSWER if is_ipv6 else ICMP_ANSWER
        if packet[:1] == bytes((answer,)) and packet[4:8] == mark:
            return 0
    return errno.ETIMEDOUT
