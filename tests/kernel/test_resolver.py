"""The resolver of user networks, asked from inside network namespaces as containers would."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import netns
from console import TIME_FACTOR, wait_until
from cuddy.kernel import program
from cuddy.network import dns_messages as messages
from resolver_world import Container, World, query, read

pytestmark = pytest.mark.skipif(not program.find("nft"), reason="nft is not installed")


@pytest.fixture(autouse=True)
def host() -> Iterator[None]:
    with netns.own():
        yield


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_a_name_of_a_neighbour_is_answered_by_udp_and_tcp(world: World) -> None:
    web = world.container("web", "0123456789ab")
    assert web.ask("web") == (messages.NOERROR, ["172.18.0.2"])
    assert web.ask("WEB.MyNet") == (messages.NOERROR, ["172.18.0.2"])
    assert web.ask_by_tcp("0123456789ab") == (messages.NOERROR, ["172.18.0.2"])


def test_a_name_without_ipv6_is_not_refused_when_ipv6_is_asked_for(world: World) -> None:
    assert world.container("web").ask("web", messages.AAAA) == (messages.NOERROR, [])


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(Path(f"/proc/{pid}/cwd").exists() for pid in pids))


class TestKilled:
    """kill -9 at any moment."""

    def test_either_of_its_processes_is_brought_back_by_the_other(self, world: World) -> None:
        web = world.container("web")
        for victim in (0, 1, 0, 1, 1, 0):
            before = world.processes()
            assert len(before) == 2
            kill(before[victim])
            wait_until(lambda: len(world.processes()) == 2)
            assert web.ask("web") == (messages.NOERROR, ["172.18.0.2"])
            assert world.container().ask("web") == (messages.NOERROR, ["172.18.0.2"])

    def test_after_both_the_next_container_brings_back_all(self, world: World) -> None:
        web, other = world.container("web"), world.container("other")
        kill(*world.processes())
        with pytest.raises(OSError):
            web.ask("web")
        third = world.container("third")
        for container in (web, other, third):
            assert container.ask("other") == (messages.NOERROR, ["172.18.0.3"])

    def test_a_question_under_way_survives_the_keeper(self, world: World) -> None:
        web = world.container("web")
        with web.socket() as asking:
            kill(world.processes()[0])
            asking.send(query("web"))
            assert read("web", messages.A, asking.recv(512))[0] == messages.NOERROR

    def test_killed_at_any_moment_it_serves_every_container_that_was_told_so(
        self, world: World
    ) -> None:
        made = [world.container(begin=False) for _ in range(12)]
        killer = os.fork()
        if killer == 0:
            try:
                kill_at_random(world)
            finally:
                os._exit(0)
        try:
            for container in made * 8:
                container.begin()
        finally:
            os.kill(killer, signal.SIGKILL)
            os.waitpid(killer, 0)
        world.container("last")  # brings all back, should both be dead just now
        for container in made:
            wait_until(lambda asker=container: answers(asker))


def kill_at_random(world: World) -> None:
    while True:
        time.sleep(random.uniform(0, 0.25 * TIME_FACTOR))
        for pid in random.sample(pids := world.processes(), min(len(pids), random.choice((1, 2)))):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def answers(container: Container) -> bool:
    try:
        return container.ask("last")[0] == messages.NOERROR
    except OSError:
        return False


class TestLife:
    """There is one process for all containers, as long as there are any."""

    def test_it_ends_after_the_last_container(self, world: World) -> None:
        web, other = world.container("web"), world.container("other")
        pids = world.processes()
        assert len(pids) == 2
        web.process.kill()
        assert other.ask("other")[1]
        assert world.processes() == pids
        other.process.kill()
        wait_until(lambda: not world.processes())
        assert not Path(world.home.run_root, "resolver.sock").exists()

    def test_it_ends_also_when_its_home_is_gone(self, world: World) -> None:
        web = world.container("web")
        for entry in Path(world.home.run_root).iterdir():
            subprocess.run(["rm", "-rf", str(entry)], check=True)
        Path(world.home.run_root).rmdir()
        web.process.kill()
        wait_until(lambda: not world.processes())

    def test_it_is_there_again_for_the_next(self, world: World) -> None:
        world.container("web").process.kill()
        wait_until(lambda: not world.processes())
        assert world.container("next").ask("next")[1] == ["172.18.0.3"]

    def test_a_container_that_ends_leaves_no_namespace_behind(self, world: World) -> None:
        web, _ = world.container("web"), world.container("other")
        inode = os.fstat(web.netns.fd).st_ino
        web.process.kill()

        def held() -> bool:
            links = set()
            for pid in world.processes():
                for link in Path(f"/proc/{pid}/fd").iterdir():
                    with suppress(FileNotFoundError):
                        links.add(os.readlink(link))
            return f"net:[{inode}]" in links

        wait_until(lambda: not held())
        fds = [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in world.processes()]
        assert max(fds) < 20

    def test_it_keeps_nothing_of_who_started_it(self, world: World) -> None:
        read_end, write_end = os.pipe()
        os.set_inheritable(write_end, True)
        web = world.container("web")
        os.close(write_end)
        assert os.read(read_end, 1) == b""
        os.close(read_end)
        for pid in world.processes():
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            assert int(stat[3]) != os.getsid(0)  # session
            assert stat[4] == "0"  # terminal
            assert os.readlink(f"/proc/{pid}/cwd") == "/"
            assert b"cuddy resolver" in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert web.ask("web")[1]

    def test_registering_again_changes_what_is_known(self, world: World) -> None:
        web = world.container("web")
        web.begin(dns=("192.0.2.1",))
        web.begin(options=("ndots:2",))
        assert web.ask("web")[1] == ["172.18.0.2"]
        assert web.ask("nobody") == (messages.NOERROR, [])  # ndots: not asked of others

    def test_fifty_containers_register_at_once(self, world: World) -> None:
        made = [world.container(begin=False) for _ in range(50)]
        children = []
        for container in made:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    container.begin()
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 50
        assert len(world.processes()) == 2
        for container in made:
            assert container.ask("c50")[1] == ["172.18.0.51"]
