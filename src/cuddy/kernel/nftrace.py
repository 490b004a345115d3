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
from cuddy.kernel import nft_rules as rules
from cuddy.kernel.netlink import attribute, attributes, text
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# linux/netfilter/nf_tables.h
NFT_MSG_TRACE = 17
NFTA_TABLE_FLAGS = 2
NFT_TABLE_F_OWNER = 2
META_NFTRACE = 12
NFTA_TRACE_TABLE, NFTA_TRACE_CHAIN, NFTA_TRACE_RULE_HANDLE = 1, 2, 3
NFTA_TRACE_TYPE, NFTA_TRACE_VERDICT = 4, 5
NFTA_TRACE_POLICY = 16
NFTA_VERDICT_CODE = 1
BY_POLICY = 1
NFNLGRP_NFTRACE = 9
NETLINK_ADD_MEMBERSHIP = 1

HOOKS = {"prerouting": rules.NF_INET_PRE_ROUTING, "output": rules.NF_INET_LOCAL_OUT}
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


class Trace(Closing):
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
        family, name = flow.family, self._name
        owned = attribute(NFTA_TABLE_FLAGS, struct.pack("!I", NFT_TABLE_F_OWNER))
        requests = [rules.add_table(family, name, owned)]
        for chain, number in HOOKS.items():
            hook = rules.Hook("filter", number, BEFORE_ALL)
            requests.append(rules.add_chain(family, name, chain, hook=hook))
            requests.append(rules.add_rule(family, name, chain, expressions(flow)))
        nftables.change(self._owner, *requests)

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
    for (offset, size), address in zip(
        ADDRESSES[flow.family], (flow.source, flow.destination), strict=True
    ):
        if address:
            found.append(rules.payload(rules.PAYLOAD_NETWORK, offset, size))
            found.append(rules.equals(rtnetlink.pack_address(address)[1]))
    found += [rules.meta(rules.META_L4PROTO), rules.equals(bytes([flow.protocol]))]
    if flow.port:
        found.append(rules.payload(rules.PAYLOAD_TRANSPORT, 2, 2))
        found.append(rules.equals(flow.port.to_bytes(2)))
    return [*found, rules.immediate(b"\1"), rules.set_meta(META_NFTRACE)]


def _read(value: bytes | None) -> int:
    return int.from_bytes(value) if value else 0
