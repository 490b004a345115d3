"""The rules of a bridge, as text."""

from __future__ import annotations

from cuddy.network import nat, nat_iptables
from cuddy.network.network import Network, Pool

NETWORK = Network(
    "f" * 64, "bridge", bridge="cud-1a2b3c4d", pools=(Pool("172.18.0.0/16", "172.18.0.1"),)
)
BOTH = NETWORK._replace(pools=(*NETWORK.pools, Pool("fd00:1::/64", "fd00:1::1")), ipv6=True)


def script(network: Network, **words: str) -> str:
    options = {f"com.docker.network.bridge.{key}": value for key, value in words.items()}
    return nat.script(nat.decide(network._replace(options=options)))


def test_the_rules_touch_only_chains_of_their_own_bridge() -> None:
    for text in (script(NETWORK), script(BOTH)):
        assert text.count("table inet cuddy") == 2
        assert text.count("flush") == text.count("flush chain inet cuddy cud-1a2b3c4d-") == 5
        assert "delete" not in text


def test_packets_leave_by_other_links_under_the_hosts_address() -> None:
    rule = 'ip saddr { 172.18.0.0/16 } oifname != "cud-1a2b3c4d" masquerade'
    assert rule in script(NETWORK)
    assert rule not in script(NETWORK, enable_ip_masquerade="false")
    assert rule not in script(NETWORK._replace(internal=True))
    assert rule not in script(NETWORK, gateway_mode_ipv4="routed")
    assert 'ip6 saddr { fd00:1::/64 } oifname != "cud-1a2b3c4d" masquerade' in script(BOTH)


def test_a_network_without_ipv6_has_no_rules_for_it() -> None:
    assert "ipv6_addr" not in script(NETWORK)
    assert "dnat ip6" not in script(NETWORK)
    assert script(BOTH).count("dnat ip6 to") == 4


def test_names_of_chains_fit_into_what_iptables_allows() -> None:
    longest = "x" * 15
    for name in (nat_iptables.own_chain, nat_iptables.publish_chain, nat_iptables.open_chain):
        assert len(name(longest)) <= 28


def test_iptables_rules_leave_the_last_word_to_the_host() -> None:
    rules = nat.decide(BOTH)
    for layer in rules.layers:
        text = nat_iptables.text(rules, layer)
        assert "ACCEPT" not in text
        assert text.count("COMMIT") == 3


def test_iptables_rules_of_ipv6_name_no_address_of_ipv4() -> None:
    rules = nat.decide(BOTH._replace(internal=True))
    assert "." not in nat_iptables.text(rules, rules.layers[1])
    assert "::" not in nat_iptables.text(rules, rules.layers[0])


def test_an_address_to_leave_by_takes_the_place_of_masquerading() -> None:
    network = BOTH._replace(options={"com.docker.network.host_ipv6": "2001:db8::9"})
    rules = nat.decide(network)
    assert "snat ip6 to 2001:db8::9" in nat.script(rules)
    assert "SNAT --to-source 2001:db8::9" in nat_iptables.text(rules, rules.layers[1])
