"""Rules of nftables as netlink messages, for rules that every start of a container needs.

nft(8) takes ten milliseconds to start and to read a script; the same rules as messages take none.
A rule is a list of expressions, each a small function here named as in linux/netfilter/nf_tables.h:
they load something into a register, compare it, and act. `commit` performs requests as one
transaction, all or nothing:

    rules.commit(firewall, "redirect names", [
        rules.add_table("ip", "example"),
        rules.add_chain("ip", "example", "output", hook=Hook("nat", NF_INET_LOCAL_OUT, -100)),
        rules.add_rule("ip", "example", "output", [
            rules.meta(META_L4PROTO), rules.equals(b"\\x11"), rules.verdict(NF_DROP)
        ]),
    ])
"""

from __future__ import annotations

import _socket
import struct

from cuddy.kernel import netlink
from cuddy.kernel.netlink import NLM_F_CREATE, Request, attribute, nest
from cuddy.kernel.nftables import (
    NFNL_MSG_BATCH_BEGIN,
    NFNL_MSG_BATCH_END,
    NFNL_SUBSYS_NFTABLES,
    NFPROTO,
)
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# linux/netfilter.h
NF_DROP, NF_ACCEPT = 0, 1
NF_INET_PRE_ROUTING, NF_INET_LOCAL_IN, NF_INET_FORWARD = 0, 1, 2
NF_INET_LOCAL_OUT, NF_INET_POST_ROUTING = 3, 4

# linux/netfilter/nf_tables.h
NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE = 0, 2, 3, 6
NFT_MSG_DELRULE, NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM = 8, 9, 12
NLM_F_APPEND = 0x800
NFT_JUMP, NFT_GOTO, NFT_RETURN = -3, -4, -5
REGISTER = 1  # NFT_REG_1: sixteen bytes
REGISTER_32 = 8  # NFT_REG32_00: the first of sixteen registers of four bytes
NFT_CMP_EQ, NFT_CMP_NEQ, NFT_CMP_LT, NFT_CMP_LTE, NFT_CMP_GT, NFT_CMP_GTE = range(6)
PAYLOAD_NETWORK, PAYLOAD_TRANSPORT = 1, 2
META_MARK, META_IIFNAME, META_OIFNAME, META_NFPROTO, META_L4PROTO = 3, 6, 7, 15, 16
CT_STATE, CT_STATUS = 0, 2
CT_ESTABLISHED, CT_RELATED, CT_NEW = 2, 4, 8  # bits of the state
SET_ANONYMOUS, SET_CONSTANT, SET_INTERVAL, SET_TIMEOUT = 1, 2, 4, 16
SET_ELEM_INTERVAL_END = 1
REJECT_ICMP, REJECT_TCP_RST, REJECT_ICMPX = 0, 1, 2
ICMPX_NO_ROUTE, ICMPX_PORT, ICMPX_HOST, ICMPX_PROHIBITED = 0, 1, 2, 3
NAT_SNAT, NAT_DNAT = 0, 1


class Hook(NamedTuple):
    """Where packets enter a chain: its type ("nat", "filter"), the hook, the priority there."""

    type: str
    number: int
    priority: int
    policy: int = NF_ACCEPT


def commit(socket: netlink.Socket, about: str, requests: Iterable[Request]) -> None:
    """Perform requests as one transaction. Raises OSError, of the first that is refused."""
    # struct nfgenmsg: the subsystem stands where the resource id is
    bracket = struct.pack("=BB", _socket.AF_UNSPEC, 0) + struct.pack("!H", NFNL_SUBSYS_NFTABLES)
    begin = Request(NFNL_MSG_BATCH_BEGIN, 0, bracket, about, is_answered=False)
    end = Request(NFNL_MSG_BATCH_END, 0, bracket, about, is_answered=False)
    socket.ask(begin, *requests, end)


def add_table(family: str, table: str) -> Request:
    """A table; one that exists stays as it is."""
    body = attribute(1, table)
    return _request(NFT_MSG_NEWTABLE, NLM_F_CREATE, family, body, f"add table {family} {table}")


def delete_table(family: str, table: str) -> Request:
    """A table with all that is in it. To replace one: add it, delete it, add it with the new."""
    return _request(NFT_MSG_DELTABLE, 0, family, attribute(1, table), f"delete table {table}")


def add_chain(family: str, table: str, chain: str, *, hook: Hook | None = None) -> Request:
    """A chain; without a hook packets come by a jump only. One that exists stays as it is."""
    body = attribute(1, table) + attribute(3, chain)
    if hook:
        where = nest(4, _number(1, hook.number), _number(2, hook.priority))
        body += where + _number(5, hook.policy) + attribute(7, hook.type)
    about = f"add chain {family} {table} {chain}"
    return _request(NFT_MSG_NEWCHAIN, NLM_F_CREATE, family, body, about)


def flush_chain(family: str, table: str, chain: str) -> Request:
    """No rule is left in a chain."""
    body = attribute(1, table) + attribute(2, chain)
    return _request(NFT_MSG_DELRULE, 0, family, body, f"flush chain {family} {table} {chain}")


def add_rule(family: str, table: str, chain: str, expressions: Sequence[bytes]) -> Request:
    """A rule at the end of a chain."""
    listed = nest(4, *(nest(1, expression) for expression in expressions))
    body = attribute(1, table) + attribute(2, chain) + listed
    about = f"add rule to {family} {table} {chain}"
    return _request(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family, body, about)


def add_set(
    family: str, table: str, name: str, *, id: int, key_bytes: int, flags: int = 0,
    key_type: int = 0,
) -> Request:  # fmt: skip
    """A set of keys. `id`: its number in this transaction. `key_type`: what nft(8) prints it as.

    Names of anonymous sets are a pattern: "__set%d".
    """
    body = attribute(1, table) + attribute(2, name) + _number(3, flags) + _number(4, key_type)
    body += _number(5, key_bytes) + _number(10, id)
    return _request(NFT_MSG_NEWSET, NLM_F_CREATE, family, body, f"add set {table} {name}")


def add_to_set(
    family: str, table: str, name: str, keys: Iterable[bytes], *, id: int = 0, timeout_ms: int = 0
) -> Request:
    """Keys into a set, for ever or for a while. One that is there already keeps its time."""
    limit = struct.pack("!Q", timeout_ms)
    extra = attribute(4, limit) if timeout_ms else b""
    elements = [nest(1, nest(1, attribute(1, key)) + extra) for key in keys]
    body = attribute(1, table) + attribute(2, name) + (_number(4, id) if id else b"")
    body += nest(3, *elements)
    about = f"add elements to {table} {name}"
    return _request(NFT_MSG_NEWSETELEM, NLM_F_CREATE, family, body, about)


def add_range(
    family: str, table: str, name: str, ranges: Iterable[tuple[bytes, bytes]], *, id: int = 0
) -> Request:
    """Ranges into a set with SET_INTERVAL: first key, and the first one after the range.

    Ranges must not touch one another; the second key is empty for one that goes to the end.
    """
    elements = []
    for first, after in ranges:
        elements.append(nest(1, nest(1, attribute(1, first))))
        if after:
            elements.append(
                nest(1, nest(1, attribute(1, after)), _number(3, SET_ELEM_INTERVAL_END))
            )
    body = attribute(1, table) + attribute(2, name) + (_number(4, id) if id else b"")
    body += nest(3, *elements)
    about = f"add ranges to {table} {name}"
    return _request(NFT_MSG_NEWSETELEM, NLM_F_CREATE, family, body, about)


# Expressions: what a rule is made of.


def meta(key: int, *, register: int = REGISTER) -> bytes:
    """Load what the kernel knows of a packet: META_*."""
    return _expression("meta", _number(2, key), _number(1, register))


def set_meta(key: int, *, register: int = REGISTER) -> bytes:
    """Change what the kernel knows of a packet."""
    return _expression("meta", _number(2, key), _number(3, register))


def ct(key: int, *, register: int = REGISTER) -> bytes:
    """Load what connection tracking knows: CT_*. Numbers are of this machine's byte order."""
    return _expression("ct", _number(2, key), _number(1, register))


def payload(start: int, offset: int, size: int, *, register: int = REGISTER) -> bytes:
    """Load bytes of a header: PAYLOAD_NETWORK or PAYLOAD_TRANSPORT, and where in it."""
    places = (_number(1, register), _number(2, start), _number(3, offset), _number(4, size))
    return _expression("payload", *places)


def mask(bits: bytes, *, register: int = REGISTER) -> bytes:
    """Keep only these bits of a register."""
    return _expression(
        "bitwise", _number(1, register), _number(2, register), _number(3, len(bits)),
        nest(4, attribute(1, bits)), nest(5, attribute(1, bytes(len(bits)))),
    )  # fmt: skip


def equals(value: bytes, *, register: int = REGISTER) -> bytes:
    """Go on with the rule only if a register begins with these bytes."""
    return compare(NFT_CMP_EQ, value, register=register)


def compare(operator: int, value: bytes, *, register: int = REGISTER) -> bytes:
    """Go on only if a register compares so: NFT_CMP_*."""
    return _expression(
        "cmp", _number(1, register), _number(2, operator), nest(3, attribute(1, value))
    )


def lookup(name: str, *, id: int = 0, register: int = REGISTER, inverted: bool = False) -> bytes:
    """Go on only if a register is a key of a set; `inverted`: if it is none."""
    flags = _number(5, 1) if inverted else b""
    of_id = _number(4, id) if id else b""
    return _expression("lookup", attribute(1, name), _number(2, register), of_id, flags)


def immediate(value: bytes, *, register: int = REGISTER) -> bytes:
    """Load a constant."""
    return _expression("immediate", _number(1, register), nest(2, attribute(1, value)))


def dnat(family: str, *, address: int, port: int = 0) -> bytes:
    """Send a packet elsewhere: registers that hold an address, and a port if it is to change."""
    ports = _number(5, port) if port else b""
    return _expression("nat", _number(1, NAT_DNAT), _number(2, NFPROTO[family]),
                       _number(3, address), ports)  # fmt: skip


def log(group: int, *, prefix: str = "", bytes_kept: int = 0) -> bytes:
    """Tell a listener of NFLOG."""
    kept = _number(3, bytes_kept) if bytes_kept else b""
    named = attribute(2, prefix) if prefix else b""
    return _expression("log", attribute(1, struct.pack("!H", group)), named, kept)


def limit(rate: int, *, burst: int = 5, seconds: int = 1) -> bytes:
    """Go on only for so many packets in a time."""
    return _expression(
        "limit", attribute(1, struct.pack("!Q", rate)), attribute(2, struct.pack("!Q", seconds)),
        _number(3, burst), _number(4, 0), _number(5, 0),
    )  # fmt: skip


def reject(kind: int, code: int = 0) -> bytes:
    """Refuse a packet and tell its sender: REJECT_*; `code` of an ICMP message."""
    return _expression("reject", _number(1, kind), attribute(2, bytes([code])))


def counter() -> bytes:
    """Count packets, as `nft list` shows."""
    return _expression("counter", attribute(1, bytes(8)), attribute(2, bytes(8)))


def verdict(code: int, chain: str = "") -> bytes:
    """The end of a rule: NF_ACCEPT, NF_DROP, NFT_RETURN, or NFT_JUMP and NFT_GOTO to a chain."""
    to = attribute(2, chain) if chain else b""
    return _expression("immediate", _number(1, 0), nest(2, nest(2, _number(1, code) + to)))


def _expression(name: str, *parts: bytes) -> bytes:
    return attribute(1, name) + nest(2, *parts)


def _number(kind: int, value: int) -> bytes:
    """An attribute of 32 bits in the order of networks; negative ones as the kernel has them."""
    return attribute(kind, struct.pack("!I", value & 0xFFFFFFFF))


def _request(kind: int, flags: int, family: str, body: bytes, about: str) -> Request:
    head = struct.pack("=BBH", NFPROTO[family], 0, 0)
    return Request(NFNL_SUBSYS_NFTABLES << 8 | kind, flags, head + body, about)
