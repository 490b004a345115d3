"""How the programs are called that lead out of an ordinary user's containers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.errors import InvalidArgument
from cuddy.network import user_mode, user_mode_options
from cuddy.network.network import Network
from cuddy.network.ports import Port
from cuddy.network.publish import Published
from cuddy.network.user_mode_options import Choice, parse

MAC = "02:42:0a:00:02:64"
WEB = Published(Port(80), "127.0.0.1", 8080)
NAMES = Published(Port(53, "udp"), "0.0.0.0", 5353)


def test_what_nobody_asks_for() -> None:
    assert parse("bridge") == Choice()
    assert parse("pasta") == Choice("pasta")
    assert parse("slirp4netns:") == Choice("slirp4netns")


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        ("pasta:--mtu,1400", Choice("pasta", mtu=1400)),
        ("pasta:-m=1400,-4", Choice("pasta", mtu=1400, words=("--ipv4-only",))),
        ("pasta:--map-gw", Choice("pasta", sees_loopback=True)),
        ("pasta:-T,5432", Choice("pasta", words=("--tcp-ns", "5432"))),
        ("slirp4netns:allow_host_loopback=true", Choice("slirp4netns", sees_loopback=True)),
        ("slirp4netns:mtu=1400,cidr=10.9.0.0/24", Choice("slirp4netns", "10.9.0.0/24", 1400)),
        ("slirp4netns:enable_ipv6=true", Choice("slirp4netns", words=("--enable-ipv6",))),
        ("slirp4netns:outbound_addr=eth1",
         Choice("slirp4netns", words=("--outbound-addr=eth1",))),
        ("slirp4netns:port_handler=slirp4netns", Choice("slirp4netns")),
    ],
)  # fmt: skip
def test_what_can_be_asked(mode: str, found: Choice) -> None:
    assert parse(mode) == found


@pytest.mark.parametrize(
    ("mode", "complaint"),
    [
        ("pasta:--pid,/tmp/x", "option --pid is not taken"),
        ("pasta:--log-file=/tmp/x", "option --log-file is not taken"),
        ("pasta:-t,8080", "ports are not published by -t"),
        ("pasta:--mtu", "option --mtu needs a value"),
        ("pasta:--outbound,--pid", "option --outbound needs a value"),
        ("pasta:--mtu,99999", "invalid MTU 99999"),
        ("pasta:--ipv4-only=yes", "option --ipv4-only is not taken"),
        ("slirp4netns:mtu", "mtu is not NAME=VALUE"),
        ("slirp4netns:port_handler=rootlesskit", "there is no port handler rootlesskit"),
        ("slirp4netns:cidr=10.0.0.0/30", "no room in cidr 10.0.0.0/30"),
        ("slirp4netns:cidr=fd00::/64", "no room in cidr fd00::/64"),
        ("slirp4netns:cidr=x", "invalid cidr x"),
        ("slirp4netns:enable_ipv6=maybe", "invalid value of enable_ipv6: maybe"),
        ("slirp4netns:outbound_addr=--api-socket", "outbound_addr is an address"),
        ("slirp4netns:sandbox=no", "option sandbox is not known"),
    ],
)
def test_what_cannot_be_asked_is_refused(mode: str, complaint: str) -> None:
    with pytest.raises(InvalidArgument, match=complaint):
        parse(mode)


def test_pasta_gets_ports_and_nothing_of_the_hosts_loopback() -> None:
    words = user_mode.pasta(
        "/bin/pasta", "/ns", "/ready", MAC, Choice("pasta"), [WEB], forwards=True
    )
    assert words[0] == "/bin/pasta"
    assert words[-2:] == ["--netns", "/ns"]
    assert "--no-map-gw" in words
    for flag, value in (
        ("--tcp-ports", "127.0.0.1/8080:80"),
        ("--udp-ports", "none"),
        ("--tcp-ns", "none"),
        ("--udp-ns", "none"),
        ("--address", "10.0.2.100"),
        ("--gateway", "10.0.2.2"),
        ("--dns-forward", "10.0.2.3"),
    ):
        assert words[words.index(flag) + 1] == value
    open_ = parse("pasta:--map-gw,-T,5432")
    words = user_mode.pasta("/bin/pasta", "/ns", "/ready", MAC, open_, [WEB, NAMES])
    assert not {"--no-map-gw", "--dns-forward"}.intersection(words)
    assert words.count("--tcp-ns") == 1
    assert words[words.index("--udp-ports") + 1] == "0.0.0.0/5353:53"


def test_slirp4netns_is_told_of_ports_by_its_socket() -> None:
    words = user_mode.slirp4netns("/bin/s", "/ns", 7, MAC, Choice("slirp4netns"), "/sock")
    assert words[-2:] == ["/ns", "eth0"]
    assert "--disable-host-loopback" in words
    assert "--api-socket=/sock" in words
    assert user_mode.forward(WEB)["arguments"] == {
        "proto": "tcp", "host_addr": "127.0.0.1", "host_port": 8080, "guest_port": 80,
    }  # fmt: skip


def test_addresses_follow_the_subnet() -> None:
    choice = parse("slirp4netns:cidr=10.9.8.0/24")
    place = user_mode.endpoint(Network("", "bridge"), choice, "0" * 64)
    assert (place.address, place.gateway, place.link) == ("10.9.8.100", "10.9.8.2", "eth0")
    assert user_mode.name_server(place) == "10.9.8.3"


def test_an_address_of_ipv6_is_found() -> None:
    lines = (
        "fe800000000000000000000000000001 02 40 20 80     eth0\n"
        "20010db8000000000000000000000064 02 40 00 80     eth0\n"
    )
    assert user_mode.global_address(lines) == ("2001:db8::64", 64)
    assert user_mode.global_address("") == ("", 0)


def test_sctp_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="pasta publishes no port of sctp"):
        user_mode.check("pasta", [Published(Port(80, "sctp"), "0.0.0.0", 80)])


@given(st.sampled_from(["pasta:", "slirp4netns:"]), st.text(max_size=60))
def test_any_text_is_read_or_refused(program: str, text: str) -> None:
    try:
        found = parse(program + text)
    except InvalidArgument:
        return
    assert 68 <= found.mtu <= user_mode_options.MOST_MTU[found.program]
    assert all(word.isprintable() for word in found.words)
