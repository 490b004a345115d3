"""nftables: looking at the firewall by netlink messages, changing its rules by nft(8) scripts.

A look costs microseconds and no process, so every start of a container can afford it, and so do the
entries of maps, which come and go with containers. A change of rules is rare, and a script in nft's
language can be read. One script, or one call of `change`, is one transaction: all or nothing.
"""

from __future__ import annotations

import _socket
import errno
import struct

from cuddy.kernel import netlink
from cuddy.kernel.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_NONREC,
    Request,
    attribute,
    attributes,
    nest,
    text,
)
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

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
NFT_MSG_GETRULE = 7
NFT_MSG_GETSET, NFT_MSG_DELSET = 10, 11
NFT_MSG_NEWSETELEM, NFT_MSG_GETSETELEM, NFT_MSG_DELSETELEM = 12, 13, 14
NFTA_TABLE_NAME = 1
NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY = 1, 3, 4, 5
NFTA_HOOK_HOOKNUM = 1
NFTA_RULE_TABLE, NFTA_RULE_CHAIN = 1, 2
NFTA_SET_TABLE, NFTA_SET_NAME = 1, 2
NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET, NFTA_SET_ELEM_LIST_ELEMENTS = 1, 2, 3
NFTA_LIST_ELEM = 1
NFTA_SET_ELEM_KEY, NFTA_SET_ELEM_DATA = 1, 2
NFTA_DATA_VALUE = 1
NFT_MSG_GETOBJ_RESET = 21
NFTA_OBJ_TABLE, NFTA_OBJ_NAME, NFTA_OBJ_TYPE, NFTA_OBJ_DATA = 1, 2, 3, 4
NFTA_COUNTER_PACKETS = 2
NFT_OBJECT_COUNTER = 1

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
        socket.ask(
            make_request(NFT_MSG_GETCHAIN, family, names, f"get chain {family} {table} {name}")
        )
    except OSError as error:
        if error.errno in (errno.ENOENT, *UNKNOWN):
            return False
        raise
    return True


def list_chains(socket: netlink.Socket) -> list[Chain]:
    """Every chain of every table. Raises OSError."""
    answers = socket.dump(make_request(NFT_MSG_GETCHAIN, "", b"", "list chains"))
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


def list_rules(socket: netlink.Socket, family: str, table: str, chain: str) -> list[bytes]:
    """The attributes of a chain's rules as they come; none if there is no such chain.

    Raises OSError.
    """
    names = attribute(NFTA_RULE_TABLE, table) + attribute(NFTA_RULE_CHAIN, chain)
    about = f"list chain {family} {table} {chain}"
    try:
        answers = socket.dump(make_request(NFT_MSG_GETRULE, family, names, about))
    except OSError as error:
        if error.errno in (errno.ENOENT, *UNKNOWN):
            return []
        raise
    return [answer.body[4:] for answer in answers]


def list_sets(socket: netlink.Socket) -> list[tuple[str, str, str]]:
    """Family, table and name of every set and map. Raises OSError."""
    answers = socket.dump(make_request(NFT_MSG_GETSET, "", b"", "list sets"))
    found = [(answer.body[0], attributes(answer.body[4:])) for answer in answers]
    return [
        (FAMILIES.get(family, str(family)), text(names[NFTA_SET_TABLE]), text(names[NFTA_SET_NAME]))
        for family, names in found
    ]


def has_set(socket: netlink.Socket, family: str, table: str, name: str) -> bool:
    """Whether a set or map exists. Raises OSError."""
    names = attribute(NFTA_SET_TABLE, table) + attribute(NFTA_SET_NAME, name)
    try:
        socket.ask(make_request(NFT_MSG_GETSET, family, names, f"get set {family} {table} {name}"))
    except OSError as error:
        if error.errno in (errno.ENOENT, *UNKNOWN):
            return False
        raise
    return True


def change(socket: netlink.Socket, *requests: Request) -> None:
    """Perform the changes that the functions below ask for in one transaction: all or none.

    Raises OSError of the first one refused.
    """
    if not requests:
        return
    # Changes travel between a begin and an end, which are not answered. struct nfgenmsg: the
    # subsystem stands where the resource id is.
    bracket = struct.pack("=BB", _socket.AF_UNSPEC, 0) + struct.pack("!H", NFNL_SUBSYS_NFTABLES)
    about = requests[0].about
    begin = Request(NFNL_MSG_BATCH_BEGIN, 0, bracket, about, is_answered=False)
    end = Request(NFNL_MSG_BATCH_END, 0, bracket, about, is_answered=False)
    socket.ask(begin, *requests, end)


def delete_chain(family: str, table: str, name: str) -> Request:
    """Delete a chain and its rules."""
    names = attribute(NFTA_CHAIN_TABLE, table) + attribute(NFTA_CHAIN_NAME, name)
    return make_request(NFT_MSG_DELCHAIN, family, names, f"delete chain {family} {table} {name}")


def delete_set(family: str, table: str, name: str) -> Request:
    """Delete a set or map that no rule names."""
    names = attribute(NFTA_SET_TABLE, table) + attribute(NFTA_SET_NAME, name)
    return make_request(NFT_MSG_DELSET, family, names, f"delete map {family} {table} {name}")


def delete_empty_table(family: str, table: str) -> Request:
    """Delete a table; EBUSY when something is in it."""
    name = attribute(NFTA_TABLE_NAME, table)
    request = make_request(NFT_MSG_DELTABLE, family, name, f"delete table {family} {table}")
    return request._replace(flags=NLM_F_NONREC)


def add_elements(
    family: str, table: str, name: str, entries: Iterable[tuple[bytes, bytes]]
) -> Request:
    """Add entries to a map: keys and values in registers of four bytes; b"" for those of a set.

    Refused with EEXIST for a key that leads elsewhere.
    """
    elements = [
        nest(
            NFTA_LIST_ELEM,
            _value(NFTA_SET_ELEM_KEY, key),
            _value(NFTA_SET_ELEM_DATA, value) if value else b"",
        )
        for key, value in entries
    ]
    body = _elements(table, name, elements)
    request = make_request(NFT_MSG_NEWSETELEM, family, body, f"add elements to {table} {name}")
    return request._replace(flags=NLM_F_CREATE | NLM_F_EXCL)


def delete_elements(family: str, table: str, name: str, keys: Iterable[bytes]) -> Request:
    """Delete entries of a set or map."""
    elements = [nest(NFTA_LIST_ELEM, _value(NFTA_SET_ELEM_KEY, key)) for key in keys]
    body = _elements(table, name, elements)
    return make_request(NFT_MSG_DELSETELEM, family, body, f"delete elements of {table} {name}")


def take_count(socket: netlink.Socket, family: str, table: str, name: str) -> int:
    """How many packets a named counter has seen since the last look. Raises OSError."""
    kind = attribute(NFTA_OBJ_TYPE, struct.pack("!I", NFT_OBJECT_COUNTER))
    names = attribute(NFTA_OBJ_TABLE, table) + attribute(NFTA_OBJ_NAME, name)
    about = f"reset counter {table} {name}"
    for answer in socket.ask(make_request(NFT_MSG_GETOBJ_RESET, family, names + kind, about)):
        data = attributes(attributes(answer.body[4:]).get(NFTA_OBJ_DATA, b""))
        return int.from_bytes(data.get(NFTA_COUNTER_PACKETS, b""))
    return 0


def list_elements(
    socket: netlink.Socket, family: str, table: str, name: str
) -> list[tuple[bytes, bytes]]:
    """Every entry of a map: key and value. Raises OSError."""
    body = _elements(table, name, [])
    answers = socket.dump(make_request(NFT_MSG_GETSETELEM, family, body, f"list {table} {name}"))
    return [entry for answer in answers for entry in parse_elements(answer.body)]


def parse_elements(body: bytes) -> list[tuple[bytes, bytes]]:
    """A struct nfgenmsg with a list of a map's entries."""
    found = []
    listed = attributes(body[4:]).get(NFTA_SET_ELEM_LIST_ELEMENTS, b"")
    while len(listed) >= 4:  # all of one type, so `attributes` would keep the last one only
        length = struct.unpack_from("=H", listed)[0]
        if length < 4:
            break
        element = attributes(listed[4:length])
        key = attributes(element.get(NFTA_SET_ELEM_KEY, b"")).get(NFTA_DATA_VALUE, b"")
        value = attributes(element.get(NFTA_SET_ELEM_DATA, b"")).get(NFTA_DATA_VALUE, b"")
        found.append((key, value))
        listed = listed[length + 3 & ~3 :]
    return found


def _elements(table: str, name: str, elements: list[bytes]) -> bytes:
    head = attribute(NFTA_SET_ELEM_LIST_TABLE, table) + attribute(NFTA_SET_ELEM_LIST_SET, name)
    return head + (nest(NFTA_SET_ELEM_LIST_ELEMENTS, *elements) if elements else b"")


def _value(kind: int, value: bytes) -> bytes:
    return nest(kind, attribute(NFTA_DATA_VALUE, value))


def apply(script: str) -> program.Finished:
    """Have nft(8) perform a script as one transaction. Raises FileNotFoundError without nft."""
    from cuddy.kernel import program  # most starts of a container run no program

    path = program.find("nft")
    if not path:
        raise FileNotFoundError(errno.ENOENT, "no such program", "nft")
    return program.run(path, "-f", "-", stdin=script)


def make_request(kind: int, family: str, body: bytes, about: str) -> Request:
    """A question or a change (NFT_MSG_*), about one family of addresses or ("") all."""
    head = struct.pack("=BBH", NFPROTO.get(family, _socket.AF_UNSPEC), 0, 0)
    return Request(NFNL_SUBSYS_NFTABLES << 8 | kind, 0, head + body, about)
