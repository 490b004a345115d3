"""127.0.0.11, port 53, leads to a server in a network namespace, by nftables or iptables."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator

import pytest

import netns
from cuddy.errors import SystemFailure
from cuddy.kernel import iptables, nftables, program
from cuddy.network import redirect

pytestmark = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")

needs_iptables = pytest.mark.skipif(
    not program.find("iptables-restore"), reason="iptables is not installed"
)


@pytest.fixture
def room() -> Iterator[netns.Netns]:
    with netns.fresh() as made:
        yield made


def check(room: netns.Netns, sockets: redirect.Sockets) -> None:
    """A datagram and a connection arrive, and the answer comes from where it was asked."""
    udp, tcp = socket.socket(fileno=sockets.udp), socket.socket(fileno=sockets.tcp)
    with udp, tcp, room.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(3)
        asking.connect(("127.0.0.11", 53))
        asking.send(b"question")
        udp.setblocking(True)
        data, client = udp.recvfrom(100)
        assert data == b"question"
        udp.sendto(b"answer", client)
        assert asking.recv(100) == b"answer"
        with netns.dial("127.0.0.11", 53):
            tcp.setblocking(True)
            tcp.accept()[0].close()


def test_it_works_in_a_namespace_in_which_nothing_is_up(room: netns.Netns) -> None:
    sockets = redirect.open_sockets(room.fd)
    check(room, sockets)


def test_made_anew_it_leads_to_the_new_sockets(room: netns.Netns) -> None:
    for fd in redirect.open_sockets(room.fd):
        os.close(fd)
    check(room, redirect.open_sockets(room.fd))
    assert room.run("nft", "list", "ruleset").count("dport set") == 2


@needs_iptables
def test_without_nf_tables_iptables_does_it(
    room: netns.Netns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "a kernel without nf_tables")

    monkeypatch.setattr(nftables, "change", refuse)
    for fd in redirect.open_sockets(room.fd):
        os.close(fd)
    check(room, redirect.open_sockets(room.fd))
    with room.inside():
        assert len(iptables.list_rules("nat", redirect.IPTABLES_CHAIN)) == 2
        assert len(iptables.list_rules("nat", "OUTPUT")) == 1


def test_with_neither_the_error_says_what_is_needed(
    room: netns.Netns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "a kernel without nf_tables")

    monkeypatch.setattr(nftables, "change", refuse)
    monkeypatch.setattr(program, "find", lambda name: None)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(SystemFailure, match="iptables"):
        redirect.open_sockets(room.fd)
    assert len(os.listdir("/proc/self/fd")) == len(before)
