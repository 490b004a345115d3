"""Following packets through the firewall: nftables' own tracing (nft(8), "monitor trace").

A table of ours marks the packets in question before all other rules see them, and the kernel then
tells of each rule that they come to. The table belongs to its socket (NFT_TABLE_F_OWNER, Linux
5.12): nobody else can change it, and it vanishes with the process, however that ends.
"""

from __future__ import annotations

import _socket
import os
import struct

from cuddy.kernel import netlink, nftables, rtnetlink
from cuddy.kernel.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    Request,
    attribute,
    attributes,
    nest,
    text,
)
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

# linux/netfilter/nf_tables.h
NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, NFT_MSG_TRACE = 0, 3, 6, 17
NFT_TABLE_F_OWNER = 2
NFTA_TABLE_FLAGS = 2
NFTA_CHAIN_TYPE, NFTA_HOOK_PRIORITY = 7, 2
NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS = 1, 2, 4
NFTA_EXPR_NAME, NFTA_EXPR_DATA = 1, 2
NFT_REG_1 = 1
NFT_META_NFTRACE, NFT_META_L4PROTO = 12, 16
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
NFTA_TRACE_TABLE, NFTA_TRACE_CHAIN, NFTA_TRACE_RULE_HANDLE = 1, 2, 3
NFTA_TRACE_TYPE, NFTA_TRACE_VERDICT = 4, 5
NFTA_TRACE_POLICY = 16
NFTA_VERDICT_CODE = 1
BY_POLICY = 1
NFNLGRP_NFTRACE = 9
NETLINK_ADD_MEMBERSHIP = 1

HOOKS = {"prerouting": 0, "output": 3}
BEFORE_ALL = -0x7FFFFFFF
ADDRESSES = {"ip": ((12, 4), (16, 4)), "ip6": ((8, 16), (24, 16))}
"""Where source and destination stand in the header, by family: offset and length."""


class Flow(NamedTuple):
    """The packets to be followed; port 0: of any."""

    source: str
    destination: str
    protocol: int  # of /etc/protocols
    port: int = 0

    @property
    def family(self) -> str:
        """As nft names it."""
        return "ip6" if ":" in self.destination else "ip"


class Drop(NamedTuple):
    """A packet ended at a rule, or (handle 0) by a chain's policy."""

    family: str
    table: str
    chain: str
    handle: int


class Trace:
    """Follows packets in the network namespace it was made in, until `close`. Raises OSError."""

    def __init__(self, flow: Flow) -> None:
        self._name = f"cuddy-why-{os.getpid()}"
        kinds = _socket.SOCK_RAW | _socket.SOCK_CLOEXEC
        self._news = _socket.socket(_socket.AF_NETLINK, kinds, netlink.NETLINK_NETFILTER)
        try:
            # One without a number of its own would count as the kernel, which hears nothing.
            self._news.bind((0, 0))
            membership = (netlink.SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTRACE)
            self._news.setsockopt(*membership)
            self._owner = nftables.open()
        except OSError:
            self._news.close()
            raise
        try:
            self._mark(flow)
        except OSError:
            self.close()
            raise

    def _mark(self, flow: Flow) -> None:
        """Make the table, in one transaction."""
        family = flow.family
        name = attribute(nftables.NFTA_TABLE_NAME, self._name)
        requests = [
            _request(NFT_MSG_NEWTABLE, family, name + _number(NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER))
        ]
        for chain, hook in HOOKS.items():
            place = _number(nftables.NFTA_HOOK_HOOKNUM, hook)
            place += attribute(NFTA_HOOK_PRIORITY, struct.pack("!i", BEFORE_ALL))
            body = attribute(nftables.NFTA_CHAIN_TABLE, self._name)
            body += attribute(nftables.NFTA_CHAIN_NAME, chain)
            body += nest(nftables.NFTA_CHAIN_HOOK, place) + attribute(NFTA_CHAIN_TYPE, "filter")
            requests.append(_request(NFT_MSG_NEWCHAIN, family, body))
            body = attribute(NFTA_RULE_TABLE, self._name) + attribute(NFTA_RULE_CHAIN, chain)
            body += nest(NFTA_RULE_EXPRESSIONS, *expressions(flow))
            requests.append(_request(NFT_MSG_NEWRULE, family, body))
        bracket = struct.pack("=BB", 0, 0) + struct.pack("!H", nftables.NFNL_SUBSYS_NFTABLES)
        about = f"trace in {self._name}"
        begin = Request(nftables.NFNL_MSG_BATCH_BEGIN, 0, bracket, about, is_answered=False)
        end = Request(nftables.NFNL_MSG_BATCH_END, 0, bracket, about, is_answered=False)
        self._owner.ask(begin, *requests, end)

    def drops(self) -> Iterator[Drop]:
        """Where packets have ended so far."""
        while True:
            try:
                data = self._news.recv(netlink.RECEIVE_BYTES, _socket.MSG_DONTWAIT)
            except OSError:
                return  # there is no more, or there was too much
            for message in netlink.split(data):
                if message.type == nftables.NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE:
                    yield from parse(message.body)

    def close(self) -> None:
        """Follow no more; the table goes with its socket."""
        self._news.close()
        self._owner.close()

    def __enter__(self) -> Trace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def parse(body: bytes) -> Iterator[Drop]:
    """A struct nfgenmsg with one event of a trace: a drop, or nothing. Pure."""
    found = attributes(body[4:])
    is_policy = _read(found.get(NFTA_TRACE_TYPE)) == BY_POLICY
    verdict = attributes(found.get(NFTA_TRACE_VERDICT, b"")).get(NFTA_VERDICT_CODE)
    code = found.get(NFTA_TRACE_POLICY) if is_policy else verdict
    if code is None or _read(code) & 0xFF != nftables.NF_DROP:
        return
    yield Drop(
        nftables.FAMILIES.get(body[0], str(body[0])),
        text(found.get(NFTA_TRACE_TABLE, b"")),
        text(found.get(NFTA_TRACE_CHAIN, b"")),
        0 if is_policy else _read(found.get(NFTA_TRACE_RULE_HANDLE)),
    )


def expressions(flow: Flow) -> list[bytes]:
    """A rule in the kernel's terms: if the packet is of the flow, let it be traced. Pure."""
    found = []
    addresses = zip(ADDRESSES[flow.family], (flow.source, flow.destination))
    for (offset, length), address in addresses:
        if address:
            found += _compare(NETWORK_HEADER, offset, length, rtnetlink.pack_address(address)[1])
    found.append(_expression("meta", _number(1, NFT_REG_1), _number(2, NFT_META_L4PROTO)))
    found.append(_equals(bytes([flow.protocol])))
    if flow.port:
        found += _compare(TRANSPORT_HEADER, 2, 2, flow.port.to_bytes(2))
    # immediate: register 1 is 1; meta: nftrace is register 1
    value = nest(2, attribute(nftables.NFTA_DATA_VALUE, b"\1"))
    found.append(_expression("immediate", _number(1, NFT_REG_1), value))
    found.append(_expression("meta", _number(2, NFT_META_NFTRACE), _number(3, NFT_REG_1)))
    return found


def _compare(header: int, offset: int, length: int, value: bytes) -> list[bytes]:
    """Some bytes of a header are these."""
    where = (_number(1, NFT_REG_1), _number(2, header), _number(3, offset), _number(4, length))
    return [_expression("payload", *where), _equals(value)]


def _equals(value: bytes) -> bytes:
    data = nest(3, attribute(nftables.NFTA_DATA_VALUE, value))
    return _expression("cmp", _number(1, NFT_REG_1), _number(2, 0), data)


def _expression(name: str, *inner: bytes) -> bytes:
    data = nest(NFTA_EXPR_DATA, *inner)
    return nest(nftables.NFTA_LIST_ELEM, attribute(NFTA_EXPR_NAME, name), data)


def _number(kind: int, value: int) -> bytes:
    """nftables' numbers are big-endian."""
    return attribute(kind, struct.pack("!I", value))


def _read(value: bytes | None) -> int:
    return int.from_bytes(value) if value else 0


def _request(kind: int, family: str, body: bytes) -> Request:
    head = struct.pack("=BBH", nftables.NFPROTO[family], 0, 0)
    message = nftables.NFNL_SUBSYS_NFTABLES << 8 | kind
    return Request(message, NLM_F_CREATE | NLM_F_EXCL, head + body, f"trace by {kind}")
