"""--egress: what can be said, what it means, and the rules it becomes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.errors import CuddyError, InvalidArgument
from cuddy.network import egress, egress_pins, egress_rules
from cuddy.network.egress import Policy, Ports, Rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("example.com", Rule("example.com")),
        ("Example.COM.:443", Rule("example.com", "", Ports("", 443, 443))),
        ("*.example.org/tcp", Rule("*.example.org", "", Ports("tcp"))),
        ("xn--bcher-kva.example:53/UDP", Rule("xn--bcher-kva.example", "", Ports("udp", 53, 53))),
        ("db_1:5432-5440", Rule("db_1", "", Ports("", 5432, 5440))),
        ("192.0.2.1", Rule("", "192.0.2.1/32")),
        ("10.1.2.3/8:22/tcp", Rule("", "10.0.0.0/8", Ports("tcp", 22, 22))),
        ("0.0.0.0/0:443", Rule("", "0.0.0.0/0", Ports("", 443, 443))),
        ("2001:DB8::1", Rule("", "2001:db8::1/128")),
        ("fd00::1/64", Rule("", "fd00::/64")),
        ("[fd00::/8]:53/udp", Rule("", "fd00::/8", Ports("udp", 53, 53))),
        ("[fd00::]/8:53", Rule("", "fd00::/8", Ports("", 53, 53))),
        ("::ffff:192.0.2.1", Rule("", "192.0.2.1/32")),
        ("::ffff:10.0.0.0/104", Rule("", "10.0.0.0/8")),
    ],
)
def test_a_rule_says_where_and_which_ports(text: str, rule: Rule) -> None:
    assert egress.parse_rule(text) == rule
    assert egress.parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "*", "*.", "a b", "a.*.example", "-..x", "1.2.3", "1.2.3.4.5", "192.0.2.1/33",
        "fd00::/129", "10.0.0.0/x", "name/24", "name:", "name:0", "name:65536", "name:9-8",
        "name:1-", "name:-1", "name:٣", "name/sctp", "name/", "[name]:1", "[::1", "[::1]x:1",
        "::1::2", "fe80::1%eth0", "https://example.com", "bücher.example", "a" * 64,
        ".".join(["abc"] * 64), "na\nme", "name\0", "na\x1bme", "127.1", "0x7f.1",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_one_line_with_a_hint(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        egress.parse([f"allow:{text}"])
    assert "\n" not in str(caught.value) and "\0" not in str(caught.value)
    assert caught.value.hint


class TestPolicy:
    def test_flags_that_allow_add_up(self) -> None:
        found = egress.parse(["allow:a.example,b.example", "ALLOW:b.example,192.0.2.0/24"])
        assert str(found) == "allow:a.example,b.example,192.0.2.0/24"
        assert egress.read(str(found)) == found

    def test_none_and_all_stand_alone(self) -> None:
        assert egress.parse([]) == egress.parse(["all"]) == egress.read("") == Policy("all")
        assert egress.parse(["none", "none"]) == Policy("none")

    @pytest.mark.parametrize("pair", [("none", "all"), ("allow:a", "none"), ("all", "allow:a")])
    def test_different_ones_are_in_conflict(self, pair: tuple[str, str]) -> None:
        with pytest.raises(InvalidArgument, match="conflicting options"):
            egress.parse(pair)

    @pytest.mark.parametrize("text", ["", "allow", "deny:x", "none:", "all:x", "example.com"])
    def test_other_words_are_refused(self, text: str) -> None:
        with pytest.raises(InvalidArgument, match="invalid egress policy"):
            egress.parse([text])

    def test_there_is_a_most(self) -> None:
        with pytest.raises(InvalidArgument, match="more than 1024"):
            egress.parse(["allow:" + ",".join(f"h{n}" for n in range(1025))])
        many = egress.parse(["allow:" + ",".join(f"h:{n}" for n in range(1, 40))])
        with pytest.raises(InvalidArgument, match="32 different"):
            egress_rules.check(many)

    def test_who_is_confined(self) -> None:
        assert [egress.is_confined(text) for text in ("", "all", "none", "allow:a")] == [
            False, False, True, True,
        ]  # fmt: skip


class TestNames:
    @pytest.mark.parametrize(
        ("pattern", "name", "fits"),
        [
            ("example.com", "example.com", True),
            ("example.com", "www.example.com", False),
            ("*.example.com", "www.example.com", True),
            ("*.example.com", "a.b.c.example.com", True),
            ("*.example.com", "example.com", False),
            ("*.example.com", "evilexample.com", False),
            ("*.example.com", ".example.com", False),
            ("example.com", "example.com.evil.example", False),
            ("db", "db", True),
            ("db", "db.example.com", False),
        ],
    )
    def test_a_wildcard_is_all_below_and_not_the_name_itself(
        self, pattern: str, name: str, fits: bool
    ) -> None:
        policy = egress.parse([f"allow:{pattern}"])
        assert bool(egress.rules_for(policy, egress.normal_name(name))) == fits

    @pytest.mark.parametrize("name", ["Example.Com", "example.com.", "EXAMPLE.COM."])
    def test_case_and_the_last_dot_mean_nothing(self, name: str) -> None:
        policy = egress.parse(["allow:example.com"])
        assert egress.rules_for(policy, egress.normal_name(name))

    @pytest.mark.parametrize(
        "name", ["", ".", "..", "a..example.com", "\\046.example.com", "a\0.example.com",
                 "a b.example.com", "ü.example.com", "x" * 64 + ".example.com",
                 ".".join(["x" * 60] * 5) + ".example.com"],
    )  # fmt: skip
    def test_odd_names_fall_under_no_rule(self, name: str) -> None:
        policy = egress.parse(["allow:*.example.com,example.com"])
        assert not egress.rules_for(policy, egress.normal_name(name))


class TestScript:
    def test_overlapping_networks_are_one(self) -> None:
        found = egress_rules.outermost(["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/25"])
        assert found == ["10.0.0.0/8", "192.0.2.0/25"]
        assert egress_rules.outermost(["fd00::/9", "fd80::/9"]) == ["fd00::/8"]

    def test_none_has_no_sets_and_allows_nothing(self) -> None:
        script = egress_rules.script(Policy("none"))
        assert "names-" not in script and "goto allowed" not in script

    def test_each_list_of_ports_has_its_sets(self) -> None:
        policy = egress.parse(["allow:a:443,b:443,c,10.0.0.0/8:22"])
        assert egress_rules.port_groups(policy) == (Ports("", 443, 443), Ports())
        script = egress_rules.script(policy)
        assert script.count("    set names-") == 4
        assert (
            "ip daddr { 10.0.0.0/8 } meta l4proto { tcp, udp } th dport 22 goto allowed" in script
        )

    def test_a_lifetime_is_rounded_up_and_has_bounds(self) -> None:
        lasting = [
            egress_rules.LIFETIMES_S[egress_pins.lifetime(ttl)]
            for ttl in (0, 30, 31, 299, 4000, 1 << 31)
        ]
        assert lasting == [30, 30, 60, 300, 14400, 86400]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "::",
     "::1", "::127.0.0.1", "fe80::1", "febf::1", "ff02::1", "::ffff:127.0.0.1",
     "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "100.100.100.200", "168.63.129.16",
     "fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "nonsense", "", "192.0.2.1\0"],
)  # fmt: skip
def test_no_name_leads_to_loopback_metadata_or_groups(address: str) -> None:
    assert egress_pins.is_never_by_name(address)


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "10.0.0.1", "172.18.0.2", "fd00::1", "2001:db8::1", "::ffff:10.0.0.1"]
)
def test_names_lead_to_other_addresses(address: str) -> None:
    assert not egress_pins.is_never_by_name(address)


@given(st.text() | st.text(alphabet="abc.*:-/[]0123456789fd,tcpu \n"))
def test_whatever_is_said_is_refused_or_can_be_said_again(text: str) -> None:
    try:
        policy = egress.parse([text if text[:5] == "allow" else f"allow:{text}"])
        egress_rules.check(policy)
    except CuddyError as error:
        assert error.hint or "conflicting" in error.message
        return
    assert egress.read(str(policy)) == policy
    assert "\n\n" not in egress_rules.script(policy)
