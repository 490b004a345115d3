"""Networks of one's own: made, joined, left, removed, by several at once and killed on the way."""

from __future__ import annotations

import ipaddress
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from console import ENGINE, Cuddy, wait_until

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="judged by tests/golden/networks")
KILLS = int(os.environ.get("CUDDY_TESTS_KILLS", "4"))
SLEEP = ("alpine", "sleep", "1000")


def links() -> set[str]:
    """The links of the host."""
    return {name for _, name in socket.if_nameindex()}


def names(cuddy: Cuddy) -> list[str]:
    """The networks that somebody has made."""
    listed = cuddy.ok("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}")
    return listed.splitlines()


def field(cuddy: Cuddy, name: str, template: str) -> str:
    return cuddy.ok("network", "inspect", "-f", template, name)


def address(cuddy: Cuddy, container: str, network: str) -> str:
    networks = json.loads(cuddy.field(container, "{{json .NetworkSettings.Networks}}"))
    return str(networks[network]["IPAddress"])


def networks_of(cuddy: Cuddy, container: str) -> list[str]:
    """The networks that a container is on."""
    return list(cuddy.inspect(container)["NetworkSettings"]["Networks"])


@pytest.fixture
def stranger() -> Iterator[str]:
    """A bridge of somebody else's, 10.77.0.1/24."""
    subprocess.run(["ip", "link", "add", "stranger", "type", "bridge"], check=True)
    subprocess.run(["ip", "addr", "add", "10.77.0.1/24", "dev", "stranger"], check=True)
    subprocess.run(["ip", "link", "set", "stranger", "up"], check=True)
    yield "stranger"
    subprocess.run(["ip", "link", "del", "stranger"], check=True)


class TestMade:
    def test_its_bridge_is_there_at_once_and_goes_with_it(self, cuddy: Cuddy) -> None:
        before = links()
        network_id = cuddy.ok("network", "create", "back")
        (link,) = links() - before
        assert link == f"cud-{network_id[:11]}"
        shown = subprocess.run(["ip", "-4", "addr", "show", link], capture_output=True, text=True)
        gateway = field(cuddy, "back", "{{range .IPAM.Config}}{{.Gateway}}{{end}}")
        assert f"inet {gateway}/22 " in shown.stdout
        assert cuddy.ok("network", "rm", "back") == "back"
        assert links() == before

    def test_subnets_collide_with_nobodys(self, cuddy: Cuddy) -> None:
        for name in ("one", "two", "three"):
            cuddy.ok("network", "create", name)
        form = "{{range .IPAM.Config}}{{.Subnet}}{{end}}"
        listed = cuddy.ok("network", "inspect", "-f", form, "one", "two", "three", "bridge")
        subnets = [ipaddress.ip_network(line) for line in listed.splitlines()]
        assert not any(a.overlaps(b) for a in subnets for b in subnets if a is not b)

    def test_a_subnet_of_the_hosts_is_refused_and_the_link_named(
        self, cuddy: Cuddy, stranger: str
    ) -> None:
        for subnet in ("10.77.0.0/24", "10.77.0.128/25", "10.77.0.0/16"):
            result = cuddy("network", "create", "--subnet", subnet, "back")
            assert result.code == 1
            assert "Pool overlaps with other one on this address space" in result.complaint
            assert f"link {stranger} has 10.77.0.1/24" in result.complaint
        assert names(cuddy) == []

    def test_a_subnet_that_a_route_leads_to_is_refused_and_the_route_named(
        self, cuddy: Cuddy, stranger: str
    ) -> None:
        route = ["ip", "route", "add", "10.88.0.0/16", "via", "10.77.0.2"]
        subprocess.run(route, check=True)
        result = cuddy("network", "create", "--subnet", "10.88.3.0/24", "back")
        assert f"a route leads to 10.88.0.0/16 by link {stranger}" in result.complaint

    def test_a_bridge_that_is_there_is_not_taken(self, cuddy: Cuddy, stranger: str) -> None:
        option = f"com.docker.network.bridge.name={stranger}"
        result = cuddy("network", "create", "-o", option, "back")
        assert f"the bridge {stranger} is there already" in result.complaint
        assert names(cuddy) == []
        assert stranger in links()

    def test_what_fails_leaves_nothing(self, cuddy: Cuddy) -> None:
        before = links(), os.listdir(cuddy.root / "networks")
        for words in (
            ["--subnet", "10.9.0.0/16", "--gateway", "10.8.0.1"],
            ["-d", "macvlan", "-o", "parent=none-such"],
            ["--subnet", "10.9.0.0/33"],
            ["-o", "com.docker.network.bridge.name=a/../b"],
        ):
            assert cuddy("network", "create", *words, "back").code == 1
        assert (links(), os.listdir(cuddy.root / "networks")) == before

    def test_an_option_that_nobody_knows_is_told_of(self, cuddy: Cuddy) -> None:
        result = cuddy("network", "create", "-o", "warp=9", "-o", "parent=x", "back")
        assert result.code == 0
        for name in ("warp", "parent"):
            assert f"warning: option {name} means nothing to driver bridge" in result.err

    def test_options_reach_the_links(self, cuddy: Cuddy) -> None:
        options = ["-o", "com.docker.network.driver.mtu=1380"]
        options += ["-o", "com.docker.network.bridge.name=cud-mine"]
        cuddy.ok("network", "create", *options, "back")
        shown = subprocess.run(["ip", "link", "show", "cud-mine"], capture_output=True, text=True)
        assert "mtu 1380 " in shown.stdout
        look = ["alpine", "cat", "/sys/class/net/eth0/mtu"]
        assert cuddy.ok("run", "--rm", "--network", "back", *look) == "1380"

    def test_an_unused_subnet_is_told_of(self, cuddy: Cuddy) -> None:
        result = cuddy("network", "create", "--subnet", "fd00:77::/64", "back")
        assert result.code == 0
        assert "warning: subnet fd00:77::/64 is not used" in result.err

    @pytest.mark.parametrize("name", ["", "a\nb", "x" * 300])
    def test_names_that_nobody_could_read_are_refused(self, cuddy: Cuddy, name: str) -> None:
        assert "invalid name" in cuddy("network", "create", name).complaint

    @pytest.mark.parametrize("name", ["../../x", "a b", "{{.}}", "-", "日本"])
    def test_odd_names_are_only_names(self, cuddy: Cuddy, name: str) -> None:
        cuddy.ok("network", "create", "--", name)
        assert names(cuddy) == [name]
        assert field(cuddy, name, "{{.Name}}") == name
        assert cuddy.ok("network", "rm", name) == name


class TestFound:
    def test_by_name_id_and_the_beginning_of_an_id(self, cuddy: Cuddy) -> None:
        network_id = cuddy.ok("network", "create", "back")
        for ref in ("back", network_id, network_id[:12], network_id[:5]):
            assert field(cuddy, ref, "{{.Name}}") == "back"
        assert "network nope not found" in cuddy("network", "inspect", "nope").complaint

    def test_a_beginning_that_several_have_is_refused(self, cuddy: Cuddy) -> None:
        ids = [cuddy.ok("network", "create", f"n{number}") for number in range(14)]
        ids += cuddy.ok("network", "ls", "-q", "--no-trunc").split()
        first = next(letter for letter in "0123456789abcdef"
                     if len({each for each in ids if each.startswith(letter)}) > 1)  # fmt: skip
        assert "is ambiguous" in cuddy("network", "rm", first).complaint

    def test_a_name_comes_before_the_beginning_of_an_id(self, cuddy: Cuddy) -> None:
        other = cuddy.ok("network", "create", "other")
        cuddy.ok("network", "create", other[:6])
        assert field(cuddy, other[:6], "{{.Name}}") == other[:6]


class TestUsed:
    def test_a_running_container_keeps_it_and_a_stopped_one_does_not(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "back")
        cuddy.ok("run", "-d", "--name", "web", "--network", "back", *SLEEP)
        result = cuddy("network", "rm", "back")
        assert result.code == 1
        assert 'has active endpoints (name:"web" id:"' in result.complaint
        cuddy.ok("stop", "-t", "0", "web")
        assert field(cuddy, "back", "{{json .Containers}}") == "{}"
        cuddy.ok("network", "rm", "back")
        result = cuddy("start", "web")
        assert result.code == 1
        assert "network back not found" in result.complaint

    def test_a_container_whose_monitor_was_killed_does_not_keep_it(self, cuddy: Cuddy) -> None:
        from console import kill, monitor_of

        cuddy.ok("network", "create", "back")
        cuddy.ok("run", "-d", "--name", "web", "--network", "back", *SLEEP)
        kill(monitor_of(cuddy, "web"))
        wait_until(lambda: cuddy("network", "rm", "back").code == 0)
        assert names(cuddy) == []

    def test_ls_and_ps_know_who_is_where(self, cuddy: Cuddy) -> None:
        network_id = cuddy.ok("network", "create", "back")
        cuddy.ok("network", "create", "front")
        cuddy.ok("run", "-d", "--name", "web", "--network", "back", *SLEEP)
        cuddy.ok("create", "--name", "idle", "--network", "front", *SLEEP)
        listed = ["network", "ls", "--format", "{{.Name}}", "--filter", "type=custom", "--filter"]
        assert cuddy.ok(*listed, "dangling=true") == "front"
        assert cuddy.ok(*listed, "dangling=false") == "back"
        shown = ["ps", "-a", "--format", "{{.Names}} {{.Networks}}", "--filter"]
        for ref in ("back", network_id, network_id[:12]):
            assert cuddy.ok(*shown, f"network={ref}") == "web back"
        assert cuddy.ok(*shown, "network=front") == "idle front"

    def test_nothing_can_be_on_a_configuration(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "--config-only", "--subnet", "10.55.0.0/24", "plan")
        assert cuddy("run", "--network", "plan", "alpine", "true").code == 125
        cuddy.ok("network", "create", "--config-from", "plan", "back")
        out = cuddy.ok("run", "--rm", "--network", "back", "alpine", "hostname", "-i")
        assert out.startswith("10.55.0.")
        cuddy.ok("network", "rm", "back", "plan")


class TestJoined:
    def test_connect_and_disconnect_while_it_runs(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "back")
        cuddy.ok("run", "-d", "--name", "web", *SLEEP)
        cuddy.ok("network", "connect", "--alias", "www", "back", "web")
        inside = cuddy.ok("exec", "web", "ip", "-4", "addr", "show", "eth1")
        assert address(cuddy, "web", "back") in inside
        members = json.loads(field(cuddy, "back", "{{json .Containers}}"))
        (member,) = members.values()
        assert member["Name"] == "web"
        assert member["IPv4Address"] == f"{address(cuddy, 'web', 'back')}/22"
        cuddy.ok("network", "disconnect", "back", "web")
        assert "eth1" not in cuddy.ok("exec", "web", "ip", "addr")
        assert field(cuddy, "back", "{{json .Containers}}") == "{}"
        cuddy.ok("network", "rm", "back")

    def test_what_was_connected_before_it_ran_is_joined_at_its_start(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "--subnet", "10.66.0.0/24", "back")
        cuddy.ok("create", "--name", "web", *SLEEP)
        cuddy.ok("network", "connect", "--ip", "10.66.0.66", "back", "web")
        cuddy.ok("start", "web")
        assert address(cuddy, "web", "back") == "10.66.0.66"
        assert "10.66.0.66/24" in cuddy.ok("exec", "web", "ip", "addr")

    def test_who_has_left_none_may_join_and_stays_at_the_next_start(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "back")
        cuddy.ok("run", "-d", "--name", "web", "--network", "none", *SLEEP)
        assert "private (none) mode" in cuddy("network", "connect", "back", "web").complaint
        cuddy.ok("network", "disconnect", "none", "web")
        cuddy.ok("network", "connect", "back", "web")
        for _ in range(2):
            assert address(cuddy, "web", "back") in cuddy.ok("exec", "web", "ip", "addr")
            cuddy.ok("restart", "-t", "0", "web")

    def test_nonsense_is_refused(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "--subnet", "10.66.0.0/24", "back")
        cuddy.ok("run", "-d", "--name", "web", *SLEEP)
        for words, complaint in (
            (["--ip", "10.67.0.1"], "no configured subnet contains IP address 10.67.0.1"),
            (["--ip", "warp"], "warp"),
            (["--driver-opt", "a"], "invalid key/value pair format in driver options"),
            (["--driver-opt", "com.docker.network.a=b"], "unknown driver option"),
        ):
            result = cuddy("network", "connect", *words, "back", "web")
            assert (result.code, complaint in result.complaint) == (1, True), result.err
        assert "eth1" not in cuddy.ok("exec", "web", "ip", "addr")


def test_what_a_killed_removal_left_goes_with_the_next_that_looks(cuddy: Cuddy) -> None:
    left = cuddy.run_root / "networks" / f"{'e' * 64}.json.lock"
    for verb in ("create", "rm"):
        left.touch()
        cuddy.ok("network", verb, "back")
        assert not left.exists()


def test_events_are_dockers(fresh: Cuddy) -> None:
    network_id = fresh.ok("network", "create", "back")
    container = fresh.ok("create", "--name", "web", "--network", "back", *SLEEP)
    fresh.ok("start", "web")
    fresh.ok("stop", "-t", "0", "web")
    fresh.ok("network", "rm", "back")
    fresh.ok("network", "prune", "-f")
    words = ["--since", "1h", "--until", "0s", "--filter", "type=network", "--format", "{{json .}}"]
    found = [json.loads(line) for line in fresh.ok("events", *words).splitlines()]
    own = {"name": "back", "type": "bridge"}
    expected = [
        ("create", network_id, own),
        ("connect", network_id, own | {"container": container}),
        ("disconnect", network_id, own | {"container": container}),
        ("destroy", network_id, own),
        ("prune", "", {"reclaimed": "0"}),
    ]
    assert [(e["Action"], e["Actor"]["ID"], e["Actor"]["Attributes"]) for e in found] == expected
    words = ["--since", "1h", "--until", "0s", "--filter", "network=back"]
    actions = fresh.ok("events", *words, "--format", "{{.Action}}").split()
    assert actions == ["create", "connect", "disconnect", "destroy"]


class TestPrune:
    def test_what_is_used_stays(self, cuddy: Cuddy) -> None:
        for words in (["back"], ["--label", "keep", "kept"], ["--config-only", "plan"], ["busy"]):
            cuddy.ok("network", "create", *words)
        cuddy.ok("run", "-d", "--network", "busy", *SLEEP)
        cuddy.ok("network", "prune", "-f", "--filter", "until=1h")
        assert len(names(cuddy)) == 4
        out = cuddy.ok("network", "prune", "-f", "--filter", "label!=keep")
        assert out == "Deleted Networks:\nback\n"
        assert names(cuddy) == ["busy", "kept", "plan"]

    def test_without_a_yes_nothing_goes(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "back")
        cuddy("network", "prune", input=b"n\n")
        assert names(cuddy) == ["back"]
        assert "Deleted Networks:\nback\n" in cuddy("network", "prune", input=b"y\n").out


class TestAtTheSameTime:
    def test_of_many_creates_of_one_name_one_wins(self, cuddy: Cuddy) -> None:
        before = links()
        with ThreadPoolExecutor(6) as pool:
            results = list(pool.map(lambda _: cuddy("network", "create", "back"), range(6)))
        assert sorted(result.code for result in results) == [0, 1, 1, 1, 1, 1]
        assert all("already exists" in result.complaint for result in results if result.code)
        assert len(links() - before) == 1

    def test_of_many_removals_one_wins(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "back")
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: cuddy("network", "rm", "back"), range(4)))
        assert sorted(result.code for result in results) == [0, 1, 1, 1]
        assert all("network back not found" in r.complaint for r in results if r.code)

    def test_many_networks_at_once_get_subnets_of_their_own(self, cuddy: Cuddy) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: cuddy.ok("network", "create", f"n{n}"), range(8)))
        form = "{{range .IPAM.Config}}{{.Subnet}}{{end}}"
        listed = cuddy.ok("network", "inspect", "-f", form, *(f"n{n}" for n in range(8)))
        assert len(set(listed.split())) == 8

    def test_a_removal_and_a_start_do_not_meet_halfway(self, cuddy: Cuddy) -> None:
        for _ in range(6):
            cuddy.ok("network", "create", "back")
            with ThreadPoolExecutor(2) as pool:
                run = pool.submit(cuddy, "run", "-d", "--network", "back", *SLEEP)
                time.sleep(random.uniform(0, 0.08))
                removal = cuddy("network", "rm", "back")
                started = run.result()
            if removal.code == 0:
                assert started.code != 0
                assert "network back not found" in started.err
                assert names(cuddy) == []
            else:
                assert started.code == 0, started.err
                assert "has active endpoints" in removal.complaint
            cuddy.remove_all()

    def test_a_removal_and_a_connect_do_not_meet_halfway(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "web", *SLEEP)
        for _ in range(5):
            cuddy.ok("network", "create", "back")
            with ThreadPoolExecutor(2) as pool:
                joining = pool.submit(cuddy, "network", "connect", "back", "web")
                time.sleep(random.uniform(0, 0.08))
                removal = cuddy("network", "rm", "back")
                joined = joining.result()
            assert (joined.code, removal.code) in ((0, 1), (1, 0)), (joined.err, removal.err)
            assert networks_of(cuddy, "web") == ["back", "bridge"][joined.code :]
            cuddy("network", "disconnect", "back", "web")
            cuddy.ok("network", "rm", "-f", "back")


class TestKilled:
    def kill(self, cuddy: Cuddy, *words: str) -> None:
        """Kill a command at a random moment."""
        with cuddy.start(*words) as process:
            try:
                process.wait(random.uniform(0.02, 0.12))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)

    def test_a_create_that_was_killed_can_be_repeated(self, cuddy: Cuddy) -> None:
        before = links()
        for _ in range(KILLS):
            self.kill(cuddy, "network", "create", "back")
            if names(cuddy) == []:
                cuddy.ok("network", "create", "back")
            out = cuddy.ok("run", "--rm", "--network", "back", "alpine", "hostname", "-i")
            assert out
            cuddy.ok("network", "rm", "back")
            assert links() == before

    def test_a_removal_that_was_killed_can_be_repeated(self, cuddy: Cuddy) -> None:
        before = links()
        for _ in range(KILLS):
            cuddy.ok("network", "create", "back")
            self.kill(cuddy, "network", "rm", "back")
            if names(cuddy):
                cuddy.ok("run", "--rm", "--network", "back", "alpine", "true")
            cuddy.ok("network", "rm", "-f", "back")
            assert links() == before
            left = os.listdir(cuddy.run_root / "networks")
            assert len([name for name in left if name.endswith(".json")]) <= 1  # that of `bridge`
        cuddy("system", "check", "--repair")  # collects the lock of one that just went

    def test_a_connect_that_was_killed_can_be_repeated(self, cuddy: Cuddy) -> None:
        cuddy.ok("network", "create", "back")
        cuddy.ok("run", "-d", "--name", "web", *SLEEP)
        for _ in range(KILLS):
            self.kill(cuddy, "network", "connect", "back", "web")
            if "back" not in networks_of(cuddy, "web"):
                cuddy.ok("network", "connect", "back", "web")
            inside = cuddy.ok("exec", "web", "ip", "-4", "-o", "addr")
            assert inside.count("eth") == 2 * 2, inside  # two lines, each names its link twice
            assert address(cuddy, "web", "back") in inside
            self.kill(cuddy, "network", "disconnect", "back", "web")
            cuddy("network", "disconnect", "back", "web")
            assert cuddy.ok("exec", "web", "ip", "-4", "-o", "addr").count("eth") == 2
        cuddy.ok("network", "rm", "back")

    def test_a_connect_that_was_killed_does_not_keep_the_network(self, cuddy: Cuddy) -> None:
        cuddy.ok("run", "-d", "--name", "web", *SLEEP)
        for _ in range(KILLS):
            cuddy.ok("network", "create", "back")
            self.kill(cuddy, "network", "connect", "back", "web")
            if "back" in networks_of(cuddy, "web"):
                cuddy.ok("network", "disconnect", "back", "web")
            cuddy.ok("network", "rm", "back")
            assert cuddy.ok("exec", "web", "ip", "-4", "-o", "addr").count("eth") == 2
