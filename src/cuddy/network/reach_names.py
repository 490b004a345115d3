"""How a name becomes an address, asked as a container's own programs would: its /etc/hosts, then
the servers of its /etc/resolv.conf, from inside its network namespace.

Both files are the container's, and what servers say is anybody's: all of it is hostile.
"""

from __future__ import annotations

import _socket
import select
import time

from cuddy.network import ipam, reach, resolv
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 53
MAX_SERVERS = 3  # resolv.conf(5): MAXNS
MAX_ANSWERS = 16
MAX_MESSAGE = 4096
KINDS = ("A", "AAAA")


class Naming(NamedTuple):
    """What a name leads to. `where`: the file or the server that said so.

    `problem` of a name that leads nowhere: "unknown" (a server said so), "silent" (none answered),
    "refused" (a server would not say), "no server".
    """

    name: str
    addresses: tuple[str, ...] = ()
    where: str = ""
    problem: str = ""
    full_name: str = ""  # with the search domain by which it was found


class Files(NamedTuple):
    """The text of a container's (or the host's) /etc/hosts and /etc/resolv.conf."""

    hosts: str
    resolv_conf: str


def resolve(netns_fd: int, files: Files, name: str, timeout_s: float) -> Naming:
    """Look a name up, as a program in that namespace with those files would."""
    if found := in_hosts(files.hosts, name):
        return Naming(name, found, "/etc/hosts")
    config = resolv.parse(files.resolv_conf)
    servers = config.nameservers[:MAX_SERVERS]
    if not servers:
        return Naming(name, problem="no server")
    naming = Naming(name, where=servers[0], problem="silent")
    for candidate in search_order(name, config):
        for server in servers:
            naming = _ask_both(netns_fd, server, candidate, timeout_s)._replace(name=name)
            if naming.problem not in ("silent", "refused"):
                break
        if naming.addresses or naming.problem == "silent":
            return naming
    return naming


def in_hosts(text: str, name: str) -> tuple[str, ...]:
    """The addresses that a hosts(5) file gives a name; IPv4 first. Pure."""
    found = [
        address
        for each, address in resolv.parse_hosts(text)
        if each.lower() == name.lower() and ipam.is_address(address)
    ]
    return tuple(sorted(dict.fromkeys(found[:MAX_ANSWERS]), key=lambda each: ":" in each))


def search_order(name: str, config: resolv.Resolver) -> Iterator[str]:
    """The names that are asked for one after the other: resolv.conf(5), search and ndots. Pure."""
    if name.endswith("."):
        yield name
        return
    is_whole = name.count(".") >= ndots(config)
    if is_whole:
        yield name
    yield from (f"{name}.{domain}" for domain in config.search[:6] if domain.strip("."))
    if not is_whole:
        yield name


def ndots(config: resolv.Resolver) -> int:
    """So many dots make a name a whole one."""
    found = 1
    for option in config.options:
        key, _, value = option.partition(":")
        if key == "ndots" and value.isascii() and value.isdecimal():
            found = min(int(value[:4]), 15)
    return found


def _ask_both(netns_fd: int, server: str, name: str, timeout_s: float) -> Naming:
    """The addresses of a name, of the older kind or else of the newer."""
    naming = Naming(name, where=server, full_name=name)
    for kind in KINDS:
        answer = ask(netns_fd, server, name, kind, timeout_s)
        naming = naming._replace(addresses=answer.addresses, problem=answer.problem)
        if answer.addresses or answer.problem not in ("", "nothing"):
            return naming
    return naming._replace(problem="unknown")


class Answer(NamedTuple):
    """What a server said; `problem` "nothing": the name exists and has no such address."""

    addresses: tuple[str, ...] = ()
    problem: str = ""


def ask(netns_fd: int, server: str, name: str, kind: str, timeout_s: float) -> Answer:
    """Ask one server one question, by UDP."""
    import dnslib

    try:
        question = dnslib.DNSRecord.question(name, kind)
        query = bytes(question.pack())
    except (dnslib.DNSError, ValueError):
        return Answer(problem="unknown")
    family = _socket.AF_INET6 if ":" in server else _socket.AF_INET
    kinds = _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC
    try:
        caller = reach.inside(netns_fd, lambda: _socket.socket(family, kinds))
    except OSError:
        return Answer(problem="silent")
    deadline = time.monotonic() + timeout_s
    poll = select.poll()
    poll.register(caller.fileno(), select.POLLIN)
    try:
        caller.connect((server, PORT))
        caller.send(query)
        while (left := deadline - time.monotonic()) > 0 and poll.poll(int(left * 1000) + 1):
            data = caller.recv(MAX_MESSAGE)
            if data[:2] == query[:2]:
                return read_answer(data, kind)
    except OSError:
        pass  # nobody is there
    finally:
        caller.close()
    return Answer(problem="silent")


def read_answer(data: bytes, kind: str) -> Answer:
    """What a message of a server says. Pure."""
    import dnslib

    try:
        message = dnslib.DNSRecord.parse(data)
        found = [str(each.rdata) for each in message.rr if dnslib.QTYPE[each.rtype] == kind]
        code = message.header.rcode
    except (dnslib.DNSError, ValueError, LookupError, TypeError):
        return Answer(problem="refused")
    addresses = tuple(each for each in found[:MAX_ANSWERS] if ipam.is_address(each))
    if addresses:
        return Answer(addresses)
    if code == dnslib.RCODE.NXDOMAIN:
        return Answer(problem="unknown")
    return Answer(problem="refused" if code else "nothing")
