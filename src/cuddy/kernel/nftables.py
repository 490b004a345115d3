"""nftables: looking at the firewall by netlink messages, changing it by nft(8) scripts.

A look costs microseconds and no process, so every start of a container can afford it; a change is
rare, and a script in nft's language can be read. One script is one transaction: all or nothing.
"""

from __future__ import annotations

import _socket
import errno
import struct

from cuddy.kernel import netlink
from cuddy.kernel.netlink import NLM_F_NONREC, Request, attribute, attributes, text
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel import program

# linux/netfilter.h
NFPROTO = {"inet": 1, "ip": 2, "arp": 3, "bridge": 7, "ip6": 10}
FAMILIES = {number: name for name, number in NFPROTO.items()}
NF_INET_FORWARD = 2
NF_DROP = 0

# linux/netfilter/nfnetlink.h
NFNL_MSG_BATCH_BEGIN = 16
NFNL_MSG_BATCH_END = 17
NFNL_SUBSYS_NFTABLES = 10

# linux/netfilter/nf_tables.h
NFT_MSG_DELTABLE = 2
NFT_MSG_GETCHAIN = 4
NFT_MSG_DELCHAIN = 5
NFTA_TABLE_NAME = 1
NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY = 1, 3, 4, 5
NFTA_HOOK_HOOKNUM = 1

UNKNOWN = (errno.EINVAL, errno.EOPNOTSUPP)
"""What a kernel without nf_tables answers to any question about it."""


class Chain(NamedTuple):
    """A chain; `hook` and `policy` are -1 where packets come only by a jump."""

    family: str
    table: str
    name: str
    hook: int
    policy: int


def open() -> netlink.Socket:
    """A socket for the firewall of our own network namespace. Raises OSError."""
    return netlink.Socket(netlink.NETLINK_NETFILTER)


def has_chain(socket: netlink.Socket, family: str, table: str, name: str) -> bool:
    """Whether a chain exists. Raises OSError."""
    names = attribute(NFTA_CHAIN_TABLE, table) + attribute(NFTA_CHAIN_NAME, name)
    try:
        socket.ask(_request(NFT_MSG_GETCHAIN, family, names, f"get chain {family} {table} {name}"))
    except OSError as error:
        if error.errno in (errno.ENOENT, *UNKNOWN):
            return False
        raise
    return True


def list_chains(socket: netlink.Socket) -> list[Chain]:
    """Every chain of every table. Raises OSError."""
    answers = socket.dump(_request(NFT_MSG_GETCHAIN, "", b"", "list chains"))
    return [parse_chain(answer.body) for answer in answers]


def parse_chain(body: bytes) -> Chain:
    """A struct nfgenmsg with a chain's attributes; their numbers are big-endian."""
    found = attributes(body[4:])
    hook = attributes(found.get(NFTA_CHAIN_HOOK, b"")).get(NFTA_HOOK_HOOKNUM)
    policy = found.get(NFTA_CHAIN_POLICY)
    return Chain(
        FAMILIES.get(body[0], str(body[0])),
        text(found[NFTA_CHAIN_TABLE]),
        text(found[NFTA_CHAIN_NAME]),
        int.from_bytes(hook) if hook else -1,
        int.from_bytes(policy) if policy else -1,
    )


def delete_chain(socket: netlink.Socket, family: str, table: str, name: str) -> None:
    """Delete a chain and its rules. Raises OSError."""
    names = attribute(NFTA_CHAIN_TABLE, table) + attribute(NFTA_CHAIN_NAME, name)
    _change(
        socket,
        _request(NFT_MSG_DELCHAIN, family, names, f"delete chain {family} {table} {name}"),
    )


def delete_empty_table(socket: netlink.Socket, family: str, table: str) -> None:
    """Delete a table; EBUSY when something is in it. Raises OSError."""
    name = attribute(NFTA_TABLE_NAME, table)
    request = _request(NFT_MSG_DELTABLE, family, name, f"delete table {family} {table}")
    _change(socket, request._replace(flags=NLM_F_NONREC))


def apply(script: str) -> program.Finished:
    """Have nft(8) perform a script as one transaction. Raises FileNotFoundError without nft."""
    from cuddy.kernel import program  # most starts of a container run no program

    path = program.find("nft")
    if not path:
        raise FileNotFoundError(errno.ENOENT, "no such program", "nft")
    return program.run(path, "-f", "-", stdin=script)


def _change(socket: netlink.Socket, request: Request) -> None:
    """Changes travel between a begin and an end, which are not answered."""
    # struct nfgenmsg: the subsystem stands where the resource id is
    bracket = struct.pack("=BB", _socket.AF_UNSPEC, 0) + struct.pack("!H", NFNL_SUBSYS_NFTABLES)
    begin = Request(NFNL_MSG_BATCH_BEGIN, 0, bracket, request.about, is_answered=False)
    end = Request(NFNL_MSG_BATCH_END, 0, bracket, request.about, is_answered=False)
    socket.ask(begin, request, end)


def _request(kind: int, family: str, body: bytes, about: str) -> Request:
    head = struct.pack("=BBH", NFPROTO.get(family, _socket.AF_UNSPEC), 0, 0)
    return Request(NFNL_SUBSYS_NFTABLES << 8 | kind, 0, head + body, about)
