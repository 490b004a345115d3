"""The firewall of a real network namespace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import netns
from cuddy.kernel import iptables, netlink, nftables, program

SCRIPT = """\
table inet mine {
    chain one { type filter hook forward priority 0; policy drop; }
    chain two { counter accept; }
}
"""


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    with netns.own():
        yield


@pytest.fixture
def firewall() -> Iterator[netlink.Socket]:
    with nftables.open() as opened:
        yield opened


needs_nft = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")
needs_iptables = pytest.mark.skipif(
    not program.find("iptables-restore"), reason="iptables is not installed"
)


@needs_nft
def test_a_chain_is_seen_without_running_a_program(firewall: netlink.Socket) -> None:
    assert not nftables.has_chain(firewall, "inet", "mine", "one")
    assert nftables.apply(SCRIPT).code == 0
    assert nftables.has_chain(firewall, "inet", "mine", "one")
    assert not nftables.has_chain(firewall, "inet", "mine", "three")
    assert not nftables.has_chain(firewall, "ip", "mine", "one")


@needs_nft
def test_chains_are_listed_with_hook_and_policy(firewall: netlink.Socket) -> None:
    nftables.apply(SCRIPT)
    assert nftables.list_chains(firewall) == [
        nftables.Chain("inet", "mine", "one", nftables.NF_INET_FORWARD, nftables.NF_DROP),
        nftables.Chain("inet", "mine", "two", -1, -1),
    ]


@needs_nft
def test_a_script_with_a_mistake_changes_nothing_and_says_where(firewall: netlink.Socket) -> None:
    finished = nftables.apply(SCRIPT + "add rule inet mine nowhere accept\n")
    assert finished.code != 0
    assert "nowhere" in finished.output
    assert nftables.list_chains(firewall) == []


@needs_nft
def test_a_table_goes_only_with_its_last_chain(firewall: netlink.Socket) -> None:
    nftables.apply(SCRIPT)
    nftables.change(firewall, nftables.delete_chain("inet", "mine", "two"))
    with pytest.raises(OSError, match="delete table inet mine"):
        nftables.change(firewall, nftables.delete_empty_table("inet", "mine"))
    nftables.change(firewall, nftables.delete_chain("inet", "mine", "one"))
    nftables.change(firewall, nftables.delete_empty_table("inet", "mine"))
    assert netns.run("nft", "list", "ruleset") == ""


def test_deleting_what_is_not_there_is_refused(firewall: netlink.Socket) -> None:
    with pytest.raises(FileNotFoundError, match="delete chain inet mine one"):
        nftables.change(firewall, nftables.delete_chain("inet", "mine", "one"))


@needs_nft
def test_several_changes_are_one_transaction(firewall: netlink.Socket) -> None:
    nftables.apply(
        "table inet mine { chain one { }; map m { type inet_service : inet_service; }; "
        "set s { type inet_service; }; }"
    )
    key, value = b"\0\x50", b"\0\x51"
    assert nftables.has_set(firewall, "inet", "mine", "s")
    assert not nftables.has_set(firewall, "inet", "mine", "t")
    with pytest.raises(FileNotFoundError, match="delete chain inet mine two"):
        nftables.change(
            firewall,
            nftables.add_elements("inet", "mine", "m", [(key, value)]),
            nftables.delete_chain("inet", "mine", "two"),
            nftables.delete_chain("inet", "mine", "one"),
        )
    assert nftables.list_elements(firewall, "inet", "mine", "m") == []
    nftables.change(
        firewall,
        nftables.add_elements("inet", "mine", "m", [(key, value)]),
        nftables.add_elements("inet", "mine", "s", [(key, b"")]),
        nftables.delete_chain("inet", "mine", "one"),
    )
    assert nftables.list_elements(firewall, "inet", "mine", "m") == [(key, value)]
    assert nftables.list_elements(firewall, "inet", "mine", "s") == [(key, b"")]
    nftables.change(firewall)


@needs_iptables
def test_iptables_rules_come_by_their_own_text() -> None:
    text = "*filter\n:MINE - [0:0]\n-A MINE -j RETURN\nCOMMIT\n"
    for _ in range(2):
        assert iptables.restore(text).code == 0
    assert iptables.has_rule("filter", "MINE", "-j", "RETURN")
    assert not iptables.has_rule("filter", "FORWARD", "-j", "MINE")
    assert iptables.edit("filter", "-I", "FORWARD", "-j", "MINE").code == 0
    assert iptables.has_rule("filter", "FORWARD", "-j", "MINE")


def test_a_program_gets_its_input_and_its_output_is_kept() -> None:
    finished = program.run("/bin/sh", "-c", "cat; echo oops >&2; exit 3", stdin="hello\n" * 20_000)
    assert finished.code == 3
    assert finished.output.startswith("hello\nhello")


def test_a_program_killed_by_a_signal_is_told_by_its_code() -> None:
    assert program.run("/bin/sh", "-c", "kill -9 $$").code == 137


def test_a_program_sees_nothing_of_the_callers_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LD_PRELOAD", str(tmp_path / "evil.so"))
    assert "evil" not in program.run("/bin/sh", "-c", "env").output


def test_programs_are_found_in_the_systems_directories_only(tmp_path: Path) -> None:
    assert program.find("sh").endswith("/sh")
    assert program.find("no-such-program") == ""
    assert program.find("sh", (str(tmp_path),)) == ""
