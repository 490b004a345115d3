"""The rules of a bridge, as text."""

from __future__ import annotations

from cuddy.network import nat
from cuddy.network.ipam import Pool
from cuddy.network.network import Network

NETWORK = Network(
    "0" * 64, "bridge", bridge="cud-1a2b3c4d", pools=(Pool("172.18.0.0/16", "172.18.0.1"),)
)


def test_the_rules_touch_only_chains_of_their_own_bridge() -> None:
    script = nat.script(NETWORK)
    assert script.count("table inet cuddy") == 2
    assert script.count("flush") == script.count("flush chain inet cuddy cud-1a2b3c4d-") == 5
    assert "delete" not in script


def test_packets_leave_by_other_links_under_the_hosts_address() -> None:
    assert 'ip saddr 172.18.0.0/16 oifname != "cud-1a2b3c4d" masquerade' in nat.script(NETWORK)


def test_names_of_chains_fit_into_what_iptables_allows() -> None:
    longest = "cud-1a2b3c4d"
    assert len(nat.iptables_chain(longest)) <= 28
    assert len(nat.iptables_publish_chain(longest)) <= 28


def test_iptables_rules_leave_the_last_word_to_the_host() -> None:
    assert "ACCEPT" not in nat.iptables_text(NETWORK)
