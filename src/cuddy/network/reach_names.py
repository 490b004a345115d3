"""How a name becomes an address, asked as a container's own programs would: its /etc/hosts, then
the servers of its /etc/resolv.conf, from inside its network namespace.

Both files are the container's, and what servers say is anybody's: all of it is hostile.
"""

from __future__ import annotations

import _socket
import os
import select
import time

from cuddy.network import dns_messages, ipam, reach, resolv
from cuddy.network.dns_messages import Malformed
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 53
MAX_SERVERS = 3  # resolv.conf(5): MAXNS
MAX_NDOTS = 15
MAX_ANSWERS = 16
MAX_MESSAGE = 4096
KINDS = (dns_messages.A, dns_messages.AAAA)


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
    stated = resolv.ndots(config.options)
    is_whole = name.count(".") >= (min(stated, MAX_NDOTS) if stated >= 0 else 1)
    if is_whole:
        yield name
    yield from (f"{name}.{domain}" for domain in config.search[:6] if domain.strip("."))
    if not is_whole:
        yield name


def _ask_both(netns_fd: int, server: str, name: str, timeout_s: float) -> Naming:
    """The addresses of a name: of IPv4, or else of IPv6."""
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


def ask(netns_fd: int, server: str, name: str, kind: int, timeout_s: float) -> Answer:
    """Ask one server one question, by UDP."""
    identity = int.from_bytes(os.urandom(2))
    try:
        message = dns_messages.write_query(name, kind, identity)
    except Malformed:
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
        caller.send(message)
        while (left := deadline - time.monotonic()) > 0 and poll.poll(int(left * 1000) + 1):
            data = caller.recv(MAX_MESSAGE)
            if data[:2] == message[:2]:
                return read_answer(message, data)
    except OSError:
        pass  # nobody is there
    finally:
        caller.close()
    return Answer(problem="silent")


def read_answer(message: bytes, data: bytes) -> Answer:
    """What a server says to a question of ours. Pure."""
    query = dns_messages.read_query(message)
    try:
        found = dns_messages.read_answer(query, query.id, data)
    except Malformed:
        return Answer(problem="refused")
    if found.addresses:
        return Answer(found.addresses[:MAX_ANSWERS])
    if found.code == dns_messages.NXDOMAIN:
        return Answer(problem="unknown")
    return Answer(problem="refused" if found.code else "nothing")
