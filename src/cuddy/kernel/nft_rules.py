"""Rules of nftables as netlink messages, for rules that starts of containers need.

nft(8) takes ten milliseconds to start and to read a script; the same rules as messages take none.
A rule is a list of expressions, each a small function here: they load something into a register,
compare it, and act. There are those that cuddy needs; more are in linux/netfilter/nf_tables.h.

    nftables.change(firewall,
        rules.add_table("ip", "example"),
        rules.add_chain("ip", "example", "output", hook=Hook("nat", NF_INET_LOCAL_OUT, -100)),
        rules.add_rule("ip", "example", "output", [
            rules.meta(META_L4PROTO), rules.equals(b"\\x11"), rules.immediate(address),
            rules.dnat("ip", address=REGISTER),
        ]),
    )
"""

from __future__ import annotations

import struct

from cuddy.kernel import nftables
from cuddy.kernel.netlink import NLM_F_APPEND, NLM_F_CREATE, Request, attribute, nest
from cuddy.kernel.nftables import (
    NFTA_CHAIN_HOOK,
    NFTA_CHAIN_NAME,
    NFTA_CHAIN_TABLE,
    NFTA_DATA_VALUE,
    NFTA_HOOK_HOOKNUM,
    NFTA_LIST_ELEM,
    NFTA_TABLE_NAME,
)
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# linux/netfilter.h
NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT = 0, 3

# linux/netfilter/nf_tables.h
NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, NFT_MSG_DELRULE = 0, 3, 6, 8
NFTA_CHAIN_TYPE = 7
NFTA_HOOK_PRIORITY = 2
NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS = 1, 2, 4
NFTA_EXPR_NAME, NFTA_EXPR_DATA = 1, 2
NFTA_META_DREG, NFTA_META_KEY, NFTA_META_SREG = 1, 2, 3
NFTA_PAYLOAD_DREG, NFTA_PAYLOAD_OFFSET, NFTA_PAYLOAD_LEN = 1, 3, 4
NFTA_PAYLOAD_START = 2  # there it is NFTA_PAYLOAD_BASE
NFTA_PAYLOAD_SREG, NFTA_PAYLOAD_CSUM_TYPE, NFTA_PAYLOAD_CSUM_OFFSET = 5, 6, 7
NFT_PAYLOAD_CSUM_INET = 1
NFTA_CMP_SREG, NFTA_CMP_OP, NFTA_CMP_DATA = 1, 2, 3
NFTA_IMMEDIATE_DREG, NFTA_IMMEDIATE_DATA = 1, 2
NFT_CMP_EQ = 0

REGISTER = 1  # NFT_REG_1: sixteen bytes
PAYLOAD_NETWORK, PAYLOAD_TRANSPORT = 1, 2
META_L4PROTO = 16


class Hook(NamedTuple):
    """Where packets enter a chain: its type ("nat", "filter"), the hook, the priority there."""

    type: str
    number: int
    priority: int


def add_table(family: str, table: str, *extra: bytes) -> Request:
    """A table; one that exists stays as it is. `extra`: further attributes."""
    body = attribute(NFTA_TABLE_NAME, table) + b"".join(extra)
    return _create(NFT_MSG_NEWTABLE, family, body, f"add table {family} {table}")


def add_chain(family: str, table: str, chain: str, *, hook: Hook) -> Request:
    """A chain at a hook. One that exists stays as it is."""
    where = nest(
        NFTA_CHAIN_HOOK,
        _number(NFTA_HOOK_HOOKNUM, hook.number),
        _number(NFTA_HOOK_PRIORITY, hook.priority),
    )
    body = attribute(NFTA_CHAIN_TABLE, table) + attribute(NFTA_CHAIN_NAME, chain)
    body += where + attribute(NFTA_CHAIN_TYPE, hook.type)
    return _create(NFT_MSG_NEWCHAIN, family, body, f"add chain {family} {table} {chain}")


def flush_chain(family: str, table: str, chain: str) -> Request:
    """No rule is left in a chain."""
    body = attribute(NFTA_RULE_TABLE, table) + attribute(NFTA_RULE_CHAIN, chain)
    return nftables.make_request(
        NFT_MSG_DELRULE, family, body, f"flush chain {family} {table} {chain}"
    )


def add_rule(family: str, table: str, chain: str, expressions: Iterable[bytes]) -> Request:
    """A rule at the end of a chain."""
    listed = (nest(NFTA_LIST_ELEM, expression) for expression in expressions)
    body = attribute(NFTA_RULE_TABLE, table) + attribute(NFTA_RULE_CHAIN, chain)
    body += nest(NFTA_RULE_EXPRESSIONS, *listed)
    about = f"add rule to {family} {table} {chain}"
    return _create(NFT_MSG_NEWRULE, family, body, about, NLM_F_APPEND)


# Expressions: what a rule is made of.


def meta(key: int, *, register: int = REGISTER) -> bytes:
    """Load what the kernel knows of a packet: META_*."""
    return _expression("meta", _number(NFTA_META_KEY, key), _number(NFTA_META_DREG, register))


def set_meta(key: int, *, register: int = REGISTER) -> bytes:
    """Change what the kernel knows of a packet."""
    return _expression("meta", _number(NFTA_META_KEY, key), _number(NFTA_META_SREG, register))


def payload(start: int, offset: int, size: int, *, register: int = REGISTER) -> bytes:
    """Load bytes of a header: PAYLOAD_NETWORK or PAYLOAD_TRANSPORT, and where in it."""
    return _expression(
        "payload",
        _number(NFTA_PAYLOAD_DREG, register),
        _number(NFTA_PAYLOAD_START, start),
        _number(NFTA_PAYLOAD_OFFSET, offset),
        _number(NFTA_PAYLOAD_LEN, size),
    )


def equals(value: bytes, *, register: int = REGISTER) -> bytes:
    """Go on with the rule only if a register begins with these bytes."""
    return _expression(
        "cmp",
        _number(NFTA_CMP_SREG, register),
        _number(NFTA_CMP_OP, NFT_CMP_EQ),
        nest(NFTA_CMP_DATA, attribute(NFTA_DATA_VALUE, value)),
    )


def immediate(value: bytes, *, register: int = REGISTER) -> bytes:
    """Load a constant."""
    constant = nest(NFTA_IMMEDIATE_DATA, attribute(NFTA_DATA_VALUE, value))
    return _expression("immediate", _number(NFTA_IMMEDIATE_DREG, register), constant)


def write_payload(
    start: int, offset: int, size: int, *, checksum: int, register: int = REGISTER
) -> bytes:
    """Put a register into a header; `checksum`: where in it the internet checksum is."""
    return _expression(
        "payload",
        _number(NFTA_PAYLOAD_SREG, register),
        _number(NFTA_PAYLOAD_START, start),
        _number(NFTA_PAYLOAD_OFFSET, offset),
        _number(NFTA_PAYLOAD_LEN, size),
        _number(NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET),
        _number(NFTA_PAYLOAD_CSUM_OFFSET, checksum),
    )


def _expression(name: str, *parts: bytes) -> bytes:
    return attribute(NFTA_EXPR_NAME, name) + nest(NFTA_EXPR_DATA, *parts)


def _number(kind: int, value: int) -> bytes:
    """An attribute of 32 bits in the order of networks; negative ones as the kernel has them."""
    return attribute(kind, struct.pack("!I", value & 0xFFFFFFFF))


def _create(kind: int, family: str, body: bytes, about: str, flags: int = 0) -> Request:
    return nftables.make_request(kind, family, body, about)._replace(flags=NLM_F_CREATE | flags)
