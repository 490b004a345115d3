"""A container asks the host's name servers, if it can reach them, and knows its own name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.errors import InvalidArgument
from cuddy.network import resolv

STUB = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch example.org\n"
UPSTREAM = "nameserver 192.0.2.7\nnameserver 192.0.2.8\nsearch lan\n"


def test_the_hosts_servers_domains_and_options_are_used_inside() -> None:
    text = (
        "# made by a program\nnameserver 192.0.2.1\nsearch a.example b.example\noptions ndots:2\n"
    )
    assert resolv.resolv_conf(text) == (
        "nameserver 192.0.2.1\nsearch a.example b.example\noptions ndots:2\n"
    )


def test_a_server_on_the_hosts_loopback_is_left_out() -> None:
    text = "nameserver 127.0.0.1\nnameserver 192.0.2.1\nnameserver ::1\nnameserver 0.0.0.0\n"
    assert resolv.resolv_conf(text) == "nameserver 192.0.2.1\n"


def test_an_ipv6_server_is_left_out_as_the_bridge_has_no_ipv6() -> None:
    text = "nameserver fd00::53\nnameserver fe80::1%eth0\nnameserver 192.0.2.1\n"
    assert resolv.resolv_conf(text) == "nameserver 192.0.2.1\n"


@pytest.mark.parametrize(
    "text", ["", "nameserver 127.0.0.1\n", "nameserver\n", "nameserver bogus\n"]
)
def test_dockers_default_servers_are_used_when_none_is_left(text: str) -> None:
    assert resolv.resolv_conf(text) == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"


def test_the_stub_of_systemd_is_replaced_by_the_servers_behind_it() -> None:
    assert resolv.resolv_conf(STUB, upstream_text=UPSTREAM) == UPSTREAM
    assert resolv.nameservers(STUB, UPSTREAM) == ("192.0.2.7", "192.0.2.8")


def test_servers_beside_the_stub_are_the_hosts_own_choice() -> None:
    text = "nameserver 127.0.0.53\nnameserver 192.0.2.1\n"
    assert resolv.resolv_conf(text, upstream_text=UPSTREAM) == "nameserver 192.0.2.1\n"


def test_a_container_on_the_hosts_network_keeps_the_hosts_loopback_servers() -> None:
    text = resolv.resolv_conf(STUB, upstream_text=UPSTREAM, on_host=True)
    assert text == "nameserver 127.0.0.53\nsearch example.org\noptions edns0 trust-ad\n"


def test_what_the_user_gives_replaces_the_hosts_list_by_list() -> None:
    host = "nameserver 192.0.2.1\nsearch lan\noptions ndots:2\n"
    assert resolv.resolv_conf(host, dns=["192.0.2.9", "fd00::1"]) == (
        "nameserver 192.0.2.9\nnameserver fd00::1\nsearch lan\noptions ndots:2\n"
    )
    assert resolv.resolv_conf(host, search=["x.example"], options=["rotate"]) == (
        "nameserver 192.0.2.1\nsearch x.example\noptions rotate\n"
    )


def test_a_search_domain_of_a_dot_means_none() -> None:
    assert resolv.resolv_conf("nameserver 192.0.2.1\nsearch lan\n", search=["."]) == (
        "nameserver 192.0.2.1\n"
    )


def test_of_several_search_lines_the_last_one_counts() -> None:
    assert resolv.parse("search a\ndomain b\nsearch c d\n").search == ("c", "d")


@pytest.mark.parametrize(
    "server", ["", "localhost", "1.2.3", "192.0.2.1\nsearch evil", "192.0.2.1 "]
)
def test_a_server_that_is_not_an_address_is_refused(server: str) -> None:
    with pytest.raises(InvalidArgument, match="not an IP address"):
        resolv.resolv_conf("", dns=[server])


@pytest.mark.parametrize(
    "word", ["", "a b", "a\nnameserver 192.0.2.1", "a#b", "x" * 254, "a\x1b[2J"]
)
def test_a_word_that_would_be_more_than_a_word_is_refused(word: str) -> None:
    with pytest.raises(InvalidArgument):
        resolv.resolv_conf("", search=[word])
    with pytest.raises(InvalidArgument):
        resolv.resolv_conf("", options=[word])
    with pytest.raises(InvalidArgument):
        resolv.hosts([word], ["192.0.2.1"])


@given(st.text())
def test_any_text_of_the_host_gives_a_file_that_parses_to_itself(text: str) -> None:
    once = resolv.resolv_conf(text)
    assert resolv.resolv_conf(once) == once
    assert once.startswith("nameserver ")


def test_an_endless_file_of_the_host_is_cut() -> None:
    assert len(resolv.resolv_conf("nameserver 192.0.2.1\n" * 1_000_000)) < 4096


def test_a_container_knows_its_own_name_and_extra_hosts() -> None:
    text = resolv.hosts(["4f66ad9f0c2e"], ["172.17.0.2"], [("db", "192.0.2.5")])
    assert text.splitlines()[0] == "127.0.0.1\tlocalhost"
    assert text.splitlines()[-2:] == ["192.0.2.5\tdb", "172.17.0.2\t4f66ad9f0c2e"]


def test_a_host_name_with_a_domain_is_known_by_both() -> None:
    assert resolv.hosts(["a.example", "a"], ["172.17.0.2"]).endswith("172.17.0.2\ta.example a\n")


def test_without_a_network_only_the_loopback_has_names() -> None:
    assert all(
        "localhost" in line or "ip6-" in line for line in resolv.hosts(["a"], "").splitlines()
    )


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("db:192.0.2.5", ("db", "192.0.2.5")),
        ("db=192.0.2.5", ("db", "192.0.2.5")),
        ("db:fd00::5", ("db", "fd00::5")),
        ("db:[fd00::5]", ("db", "fd00::5")),
        ("here:host-gateway", ("here", "172.17.0.1")),
    ],
)
def test_an_extra_host_is_read_as_docker_reads_it(text: str, host: tuple[str, str]) -> None:
    assert resolv.parse_extra_host(text, gateway="172.17.0.1") == host


@pytest.mark.parametrize(
    "text", ["", "db", "db:", ":1.2.3.4", "db:nowhere", "d b:1.2.3.4", "db:host-gateway"]
)
def test_an_extra_host_without_name_or_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        resolv.parse_extra_host(text)


class TestOwnResolver:
    """Containers on user networks ask 127.0.0.11."""

    def test_it_is_the_only_server_and_the_rest_is_the_hosts(self) -> None:
        text = resolv.own_resolv_conf(STUB)
        assert [line for line in text.splitlines() if not line.startswith("#")] == [
            "nameserver 127.0.0.11",
            "search example.org",
            "options edns0 trust-ad ndots:0",
        ]

    @pytest.mark.parametrize("options", [["ndots:2"], ["ndots:0"], ["rotate", "ndots:15"]])
    def test_the_users_ndots_stays(self, options: list[str]) -> None:
        assert resolv.own_resolver("", options=options).options == tuple(options)

    @pytest.mark.parametrize("word", ["ndots:", "ndots:x", "ndots:-1", "ndots:99999"])
    def test_an_ndots_that_makes_no_sense_is_replaced(self, word: str) -> None:
        found = resolv.own_resolver(f"options {word} rotate\n")
        assert found.options == ("rotate", "ndots:0")

    def test_domains_and_options_of_the_user_replace_the_hosts(self) -> None:
        found = resolv.own_resolver(STUB, search=["lan"], options=["timeout:1"])
        assert (found.search, found.options) == (("lan",), ("timeout:1", "ndots:0"))
        assert resolv.own_resolver(STUB, search=["."]).search == ()

    def test_the_users_servers_are_told_in_a_comment(self) -> None:
        assert "192.0.2.9" in resolv.own_resolv_conf("", dns=["192.0.2.9"]).splitlines()[0]
        with pytest.raises(InvalidArgument):
            resolv.own_resolv_conf("", dns=["bogus\nnameserver 192.0.2.1"])

    @given(st.text())
    def test_any_text_of_the_host_gives_one_server(self, text: str) -> None:
        assert resolv.parse(resolv.own_resolv_conf(text)).nameservers == ("127.0.0.11",)
