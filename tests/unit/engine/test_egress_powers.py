"""What goes with --egress, and what does not."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cuddy.engine import create, defaults, egress, egress_powers, process
from cuddy.engine.container import Container
from cuddy.engine.options import ContainerOptions
from cuddy.errors import Conflict, InvalidArgument
from cuddy.kernel import capabilities, program

EVERYTHING = frozenset(capabilities.NAMES)


def options(*policy: str, **more: Any) -> ContainerOptions:
    return ContainerOptions("image", egress=policy, **more)


def record(name: str, policy: str = "", network: str = "bridge") -> Container:
    config = {"Egress": policy, "NetworkMode": network}
    return cast(Container, {"Id": name * 8, "Name": f"/{name}", "HostConfig": config})


@pytest.fixture(autouse=True)
def host_with_nft(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "find", lambda name: f"/usr/sbin/{name}")


@pytest.mark.parametrize(
    "more",
    [
        {"privileged": True},
        {"network": "host"},
        {"pid_mode": "host"},
        {"cap_add": ("ALL",)},
        *({"cap_add": (name.removeprefix("CAP_").lower(),)} for name in defaults.ROUND_THE_RULES),
    ],
)
def test_powers_round_the_rules_are_a_conflict(more: dict[str, Any]) -> None:
    with pytest.raises(Conflict) as caught:
        create.check(options("none", **more))
    assert caught.value.hint
    create.check(options("all", **more))


def test_other_capabilities_can_be_had() -> None:
    create.check(options("none", cap_add=("SYS_TIME", "SYS_NICE")))


def test_of_the_usual_ones_it_has_no_raw_sockets() -> None:
    config = {"CapAdd": [], "CapDrop": [], "Privileged": False}
    usual = process.granted(config, EVERYTHING)
    confined = process.granted(config | {"Egress": "none"}, EVERYTHING)
    assert usual - confined == {"CAP_NET_RAW"}
    assert process.granted(config | {"Egress": "all"}, EVERYTHING) == usual


def test_the_policy_is_recorded_as_one_text() -> None:
    found = egress.host_config(options("allow:A.example:443", "allow:10.0.0.0/8"), {})
    assert found == {"Egress": "allow:a.example:443,10.0.0.0/8"}
    assert egress.host_config(options("all"), {}) == {"Egress": "all"}


def test_a_host_without_nft_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "find", lambda name: "")
    with pytest.raises(Exception, match="needs nft"):
        create.check(options("none"))
    create.check(options("all"))


class TestSharedNetwork:
    def test_it_comes_with_its_policy(self) -> None:
        other = record("web", "none")
        joined = ContainerOptions("image", network="container:web")
        assert egress.host_config(joined, {"network": other}) == {"Egress": "none"}

    def test_a_policy_of_its_own_is_refused(self) -> None:
        with pytest.raises(InvalidArgument, match="container type network mode"):
            create.check(options("none", network="container:web"))

    def test_powers_over_it_are_a_conflict(self) -> None:
        joined = ContainerOptions("image", network="container:web", privileged=True)
        with pytest.raises(Conflict):
            egress.host_config(joined, {"network": record("web", "none")})

    @pytest.mark.parametrize("policies", [("", "none"), ("none", "")])
    def test_a_policy_that_has_come_or_gone_is_a_conflict(self, policies: tuple[str, str]) -> None:
        ours = record("side", policies[0], "container:" + "web" * 8)
        with pytest.raises(Conflict, match="under egress control"):
            egress_powers.check_peer(ours, "network", record("web", policies[1]))
        egress_powers.check_peer(record("side", "none"), "network", record("web", "allow:a"))


class TestSharedProcesses:
    @pytest.mark.parametrize("policies", [("", "none"), ("none", ""), ("none", "none")])
    def test_one_network_for_all_whose_processes_are_seen(self, policies: tuple[str, str]) -> None:
        other = record("web", policies[1])
        with pytest.raises(Conflict, match="cannot share processes"):
            egress_powers.check_peer(record("side", policies[0]), "pid", other)
        wanted = options(*filter(None, policies[:1]), pid_mode="container:web")
        with pytest.raises(Conflict, match="cannot share processes"):
            egress.host_config(wanted, {"pid": other})

    def test_with_its_network_it_is_well(self) -> None:
        other = record("web", "none")
        shared = {"network": "container:web", "pid_mode": "container:web"}
        found = egress.host_config(
            ContainerOptions("image", **shared), {"network": other, "pid": other}
        )
        assert found == {"Egress": "none"}
        ours = record("side", "none", f"container:{other['Id']}")
        egress_powers.check_peer(ours, "pid", other)

    def test_without_any_policy_nothing_changes(self) -> None:
        egress_powers.check_peer(record("side"), "pid", record("web", "all"))


class TestSeccomp:
    def test_other_machines_are_out_of_reach_with_any_filter(self) -> None:
        for choice, default in (("unconfined", "SCMP_ACT_ALLOW"), ("builtin", "SCMP_ACT_ERRNO")):
            found = egress_powers.seccomp_profile(
                choice, {"Egress": "none"}, frozenset(), (6, 1), "x86_64"
            )
            assert found["defaultAction"] == default
            rules = [rule for rule in found["syscalls"] if "socketcall" in rule["names"]]
            assert [rule["action"] for rule in rules] == ["SCMP_ACT_ERRNO"]

    def test_without_a_policy_it_is_the_usual_one(self) -> None:
        arguments: Any = ({"Egress": "all"}, frozenset(), (6, 1), "x86_64")
        assert egress_powers.seccomp_profile("unconfined", *arguments) == {}
        rules = egress_powers.seccomp_profile("builtin", *arguments)["syscalls"]
        assert any("socketcall" in rule["names"] for rule in rules)


def test_exec_cannot_be_privileged() -> None:
    with pytest.raises(Conflict, match="container web is under egress control"):
        egress_powers.check_exec(record("web", "none"))
    egress_powers.check_exec(record("web", "all"))
