"""Packets that firewall rules logged: where they were going."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.kernel import netlink, nflog
from cuddy.kernel.netlink import attribute

TCP = struct.pack("!HH", 40000, 443)


def ipv4(
    address: str, protocol: int, rest: bytes, *, options: bytes = b"", offset: int = 0
) -> bytes:
    head = bytes((0x45 + len(options) // 4, 0, 0, 0, 0, 0)) + struct.pack("!H", offset)
    addresses = socket.inet_aton("192.0.2.1") + socket.inet_aton(address)
    return head + bytes((64, protocol, 0, 0)) + addresses + options + rest


def ipv6(address: str, following: int, rest: bytes) -> bytes:
    addresses = socket.inet_pton(socket.AF_INET6, "fd00::1")
    addresses += socket.inet_pton(socket.AF_INET6, address)
    return bytes((0x60, 0, 0, 0, 0, 0, following, 64)) + addresses + rest


@pytest.mark.parametrize(
    ("packet", "found"),
    [
        (ipv4("198.51.100.2", 6, TCP), ("198.51.100.2", "tcp", 443)),
        (ipv4("198.51.100.2", 17, TCP, options=bytes(8)), ("198.51.100.2", "udp", 443)),
        (ipv4("198.51.100.2", 17, TCP, offset=100), ("198.51.100.2", "udp", 0)),
        (ipv4("198.51.100.2", 6, b"\0"), ("198.51.100.2", "tcp", 0)),
        (ipv4("198.51.100.2", 1, b"\x08\0\0\0"), ("198.51.100.2", "icmp", 0)),
        (ipv4("198.51.100.2", 99, b""), ("198.51.100.2", "99", 0)),
    ],
)
def test_ipv4(packet: bytes, found: tuple[str, str, int]) -> None:
    assert nflog.destination(nflog.ETH_P_IP, packet) == found


@pytest.mark.parametrize(
    ("following", "rest", "found"),
    [
        (6, TCP, ("tcp", 443)),
        (58, b"\x80\0\0\0", ("icmp", 0)),
        (0, bytes((60, 0)) + bytes(6) + bytes((17, 1)) + bytes(14) + TCP, ("udp", 443)),
        (44, bytes((6, 0, 0, 1)) + bytes(4) + TCP, ("tcp", 443)),
        (44, bytes((6, 0, 1, 0)) + bytes(4) + TCP, ("tcp", 0)),
        (43, b"\x06", ("43", 0)),
    ],
)
def test_ipv6_with_what_stands_between(following: int, rest: bytes, found: tuple[str, int]) -> None:
    packet = ipv6("2001:db8::2", following, rest)
    assert nflog.destination(nflog.ETH_P_IPV6, packet) == ("2001:db8::2", *found)


def test_a_message_has_prefix_and_sequence() -> None:
    body = bytes(4) + attribute(nflog.NFULA_PACKET_HDR, struct.pack("!HBB", 0x0800, 3, 0))
    body += attribute(nflog.NFULA_PREFIX, "refused") + attribute(nflog.NFULA_SEQ, bytes(3) + b"\7")
    body += attribute(nflog.NFULA_PAYLOAD, ipv4("198.51.100.2", 6, TCP))
    kind = nflog.NFNL_SUBSYS_ULOG << 8
    datagram = netlink.encode(netlink.Request(kind, 0, body, ""), 0)
    packet = nflog.Packet("refused", "198.51.100.2", "tcp", 443, 7)
    assert nflog.parse(datagram + datagram) == [packet, packet]
    assert nflog.parse(netlink.encode(netlink.Request(kind + 1, 0, body, ""), 0)) == []


@given(st.binary(max_size=300), st.sampled_from((nflog.ETH_P_IP, nflog.ETH_P_IPV6, 0)))
def test_any_bytes_are_taken(data: bytes, kind: int) -> None:
    nflog.parse(data)
    nflog.parse_message(data)
    nflog.destination(kind, data)
    body = bytes(4) + attribute(nflog.NFULA_PACKET_HDR, struct.pack("!HBB", kind, 3, 0))
    nflog.parse_message(body + attribute(nflog.NFULA_PAYLOAD, data))
