"""A step of a build: a program in a container that leaves only what it wrote."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

import isolation
from build_steps import Root, kill_worker
from console import ENGINE, TIME_FACTOR, Cuddy, wait_until
from cuddy.errors import CuddyError

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="other engines build otherwise")


@pytest.fixture
def root(cuddy: Cuddy, tmp_path: Path) -> Root:
    """A root with the image `alpine` in it."""
    return Root(cuddy, tmp_path)


def sh(script: str) -> tuple[str, str, str]:
    return "/bin/sh", "-c", script


class TestAStep:
    def test_it_says_what_it_wrote_and_how_it_ended(self, root: Root) -> None:
        ran = root.run(*sh("echo out; echo err >&2; exit 7"))
        assert (ran.code, ran.out, ran.err, ran.warnings) == (7, "out\n", "err\n", [])

    def test_death_by_a_signal_is_a_number_above_128(self, root: Root) -> None:
        assert root.run(*sh("sh -c 'kill -15 $$'; exit $?")).code == 143

    def test_all_that_it_wrote_arrives(self, root: Root) -> None:
        ran = root.run(*sh("seq 1 50000; (sleep 0.05; seq 1 20000 >&2) & wait"))
        assert ran.out.split() == [str(n) for n in range(1, 50001)]
        assert len(ran.err.split()) == 20000

    def test_what_stays_in_the_background_ends_with_it(self, root: Root) -> None:
        began = time.monotonic()
        assert root.run(*sh("sleep 100 & echo started")).out == "started\n"
        assert time.monotonic() - began < 20 * TIME_FACTOR

    def test_only_what_the_program_wrote_is_in_the_upper_directory(self, root: Root) -> None:
        root.run(*sh("mkdir -p /made; echo hi > /made/file; echo box > /etc/hostname"))
        assert root.written() == ["/etc/hostname", "/made", "/made/file"]

    def test_places_to_mount_at_vanish_and_leave_no_trace(self, root: Root) -> None:
        def work() -> tuple[int, int]:
            before = os.stat(root.path / "etc").st_mtime_ns
            bind = {"type": "bind", "source": "/etc/passwd", "options": ["rbind", "rro"]}
            mounts = tuple(
                {**bind, "destination": target} for target in ("/a/b/c", "/etc/deep/x", "/a/d")
            )
            tmpfs = {"type": "tmpfs", "source": "tmpfs", "options": [], "destination": "/scratch"}
            root.step(*sh("cat /a/b/c /etc/deep/x; touch /scratch/x"), mounts=(*mounts, tmpfs))
            return before, os.stat(root.path / "etc").st_mtime_ns

        before, after = root.within(work)
        assert root.written() == []
        assert before == after

    def test_a_place_that_the_program_filled_stays(self, root: Root) -> None:
        bind = {"type": "bind", "source": "/etc/passwd", "destination": "/a/b", "options": ["bind"]}
        root.run(*sh("echo own > /a/own"), mounts=(bind,))
        assert root.written() == ["/a", "/a/own"]

    def test_it_has_a_network_a_name_and_hosts(self, root: Root) -> None:
        ran = root.run(
            *sh("hostname; ip -4 addr show eth0; cat /etc/hosts"), add_hosts=("db:10.1.2.3",)
        )
        assert ran.out.startswith("buildkitsandbox\n")
        assert "inet 172.17." in ran.out
        assert "10.1.2.3\tdb" in ran.out

    def test_without_a_network_it_has_only_itself(self, root: Root) -> None:
        ran = root.run(*sh("ip link | grep -c '^[0-9]'"), network="none")
        assert ran.out == "1\n"

    def test_on_the_hosts_network_it_has_the_hosts_links(self, root: Root) -> None:
        here = os.readlink("/proc/self/ns/net")
        ran = root.run("readlink", "/proc/self/ns/net", network="host")
        assert ran.out.strip() == here

    def test_on_a_users_network_others_are_found_by_name(
        self, cuddy: Cuddy, root: Root, tmp_path: Path
    ) -> None:
        cuddy.ok("network", "create", "front")
        cuddy.ok("run", "-d", "--name", "db", "--network", "front", "alpine", "sleep", "9d")
        try:
            before = cuddy.ok("events", "--since", "1", "--until", "0s")
            ran = root.run(*sh("nslookup db && ip -4 addr show eth0"), network="front")
            address = cuddy.field("db", "{{.NetworkSettings.Networks.front.IPAddress}}")
            assert address in ran.out
            assert cuddy.ok("events", "--since", "1", "--until", "0s") == before
            inside = Root(cuddy, tmp_path / "inside").run(
                *sh("hostname; ip -4 addr show eth0"), network="container:db"
            )
            assert f"{cuddy.inspect('db')['Id'][:12]}\n" in inside.out
            assert address in inside.out
        finally:
            cuddy.ok("rm", "-f", "db")
            cuddy.ok("network", "rm", "front")

    def test_it_is_as_powerless_as_any_container(self, root: Root) -> None:
        ran = root.run(*sh("grep -E 'CapEff|Seccomp:' /proc/self/status; mount -t tmpfs x /mnt"))
        assert ran.out.split() == ["CapEff:", "00000000a80425fb", "Seccomp:", "2"]
        assert "permission denied" in ran.err

    def test_the_environment_is_what_it_is_given(self, root: Root) -> None:
        ran = root.run("env", env=("A=1", "PATH=/bin:/usr/bin"))
        assert sorted(ran.out.split()) == ["A=1", "HOME=/root", "PATH=/bin:/usr/bin"]

    def test_limits_hold(self, root: Root) -> None:
        ran = root.run(*sh("ulimit -n; df -k /dev/shm | tail -1"), ulimits=("nofile=9",),
                       shm_size=1 << 20)  # fmt: skip
        assert ran.out.split()[0] == "9"
        assert ran.out.split()[2] == "1024"

    def test_want_of_memory_is_told(self, root: Root) -> None:
        ran = root.run(*sh("tail /dev/zero"), memory=16 << 20)
        assert ran.code
        assert "memory" in ran.warnings[0]

    def test_a_program_that_is_not_there_leaves_nothing(self, root: Root) -> None:
        def work() -> str:
            try:
                root.step("nosuch")
            except Exception as error:
                return f"{type(error).__name__} {error}"
            return ""

        assert "CommandNotFound" in root.within(work)
        assert root.written() == []
        assert not [each for each in os.listdir(root.home.run_root) if len(each) >= 64]


class TestAnImageInTheWay:
    """The root is what earlier steps made of it, which may be hostile."""

    def test_links_lead_nowhere_but_inside(self, root: Root, tmp_path: Path) -> None:
        trap = tmp_path / "trap"

        def work() -> str:
            (root.path / "etc/hosts").unlink(missing_ok=True)
            os.symlink(trap / "hosts", root.path / "etc/hosts")
            os.symlink("/../../../.." + str(trap), root.path / "cache")
            tmpfs = {"type": "tmpfs", "source": "tmpfs", "options": [], "destination": "/cache/x"}
            return root.step(*sh("cat /etc/hosts; touch /cache/x/y"), mounts=(tmpfs,)).out

        assert "buildkitsandbox" in root.within(work)
        assert not trap.exists()
        assert root.written() == ["/cache", "/etc/hosts"]

    def test_a_link_into_nowhere_is_followed_and_nothing_of_it_stays(self, root: Root) -> None:
        """As /etc/resolv.conf of many distributions is."""

        def work() -> tuple[str, str]:
            resolv = root.path / "etc/resolv.conf"
            if resolv.exists():
                resolv.unlink()
            resolv.symlink_to("../run/systemd/resolve/stub-resolv.conf")
            return root.step("cat", "/etc/resolv.conf").out, os.readlink(resolv)

        text, link = root.within(work)
        assert "nameserver" in text
        assert link == "../run/systemd/resolve/stub-resolv.conf"
        assert root.written() == ["/etc/resolv.conf"]

    @pytest.mark.parametrize("kind", ["file", "fifo", "loop", "file above"])
    def test_what_cannot_be_mounted_at_is_told(self, root: Root, kind: str) -> None:
        def work() -> str:
            place = root.path / "place"
            if kind == "fifo":
                os.mkfifo(place)
            elif kind == "loop":
                place.symlink_to("place")
            else:
                place.write_text("")
            target = "/place/below" if kind == "file above" else "/place"
            tmpfs = {"type": "tmpfs", "source": "tmpfs", "options": [], "destination": target}
            try:
                root.step("true", mounts=(tmpfs,))
            except CuddyError as error:
                return error.message
            return ""

        assert root.within(work).startswith("cannot mount tmpfs at /place")
        assert root.written() == ["/place"]

    def test_a_link_at_proc_is_refused(self, root: Root, tmp_path: Path) -> None:
        def work() -> str:
            os.rmdir(root.path / "proc")
            os.symlink("/tmp", root.path / "proc")
            try:
                root.step("true")
            except CuddyError as error:
                return str(error)
            return ""

        assert "/proc" in root.within(work)


class TestKilled:
    def test_an_interrupt_takes_the_step_down(self, root: Root) -> None:
        def work() -> list[str]:
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            try:
                root.step("sleep", "1000")
            except KeyboardInterrupt:
                pass
            return [each for each in os.listdir(root.home.run_root) if len(each) >= 64]

        assert root.within(work) == []

    def test_a_worker_killed_at_any_moment_leaves_nothing_after_the_next_command(
        self, cuddy: Cuddy, tmp_path: Path
    ) -> None:
        chance, below = random.Random(6), f"{isolation.name()}-steps"
        for number in range(int(os.environ.get("CUDDY_TESTS_KILLS", "12"))):
            root = Root(cuddy, tmp_path / str(number))
            pid = os.fork()
            if pid == 0:
                try:
                    root.run("sleep", "0.02", cgroup_parent="" if number % 2 else below)
                finally:
                    os._exit(0)
            time.sleep(chance.uniform(0, 0.12))
            kill_worker(pid)
        wait_until(lambda: cuddy("ps").code == 0)
        cuddy.ok("system", "check", "--repair")
        assert not [each for each in os.listdir(root.home.run_root) if len(each) >= 64]
        top = Path("/sys/fs/cgroup")
        for group in (*top.glob(below), *top.glob(f"*/{below}")):
            assert not [each for each in group.iterdir() if each.is_dir()]
            group.rmdir()

    def test_a_step_that_runs_is_left_alone_by_others(self, cuddy: Cuddy, root: Root) -> None:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = root.run("sleep", "1").code
            finally:
                os._exit(code)
        wait_until(lambda: [e for e in os.listdir(root.home.run_root) if len(e) == 64])
        cuddy.ok("ps", "-a")
        assert cuddy("system", "check").code == 0
        cuddy.ok("network", "prune", "-f")
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
