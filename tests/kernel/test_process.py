"""clone3(2) by way of CPython: the child must be as healthy an interpreter as after os.fork."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cuddy
import isolation
import pythons
from child import in_child
from cuddy.files import start_time
from cuddy.kernel import cgroup, namespaces, process
from cuddy.kernel.syscall import syscall

SOURCE = Path(cuddy.__file__).parents[1]
HEALTH = Path(__file__).parent / "clone_health.py"
CLONE_FS = 0x200  # cannot go together with a mount namespace of one's own
SIX = (
    namespaces.CLONE_NEWNS | namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWIPC
    | namespaces.CLONE_NEWPID | namespaces.CLONE_NEWNET | namespaces.CLONE_NEWCGROUP
)  # fmt: skip


@pytest.mark.parametrize("version", pythons.VERSIONS)
def test_a_clone_is_a_healthy_interpreter(version: str) -> None:
    python = pythons.find(version)
    if not python:
        pytest.skip(f"no Python {version} here")
    done = subprocess.run(
        [python, "-I", "-S", "-X", "dev", "-W", "error", HEALTH, SOURCE],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout == "healthy\n"


class TestClone:
    def test_the_child_is_pid_1_of_its_namespace_and_our_own_child(self) -> None:
        read_end, write_end = os.pipe()
        child = process.clone(SIX)
        if child.pid == 0:
            os.write(write_end, f"{os.getpid()} {os.getppid()} {child.pidfd}".encode())
            os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == 7
        assert os.read(read_end, 100) == b"1 0 -1"
        for fd in (read_end, write_end, child.pidfd):
            os.close(fd)

    def test_its_pidfd_becomes_readable_at_its_end(self) -> None:
        child = process.clone(0)
        if child.pid == 0:
            signal.pause()
            os._exit(0)
        assert not os.get_inheritable(child.pidfd)
        poll = select.poll()
        poll.register(child.pidfd, select.POLLIN)
        assert poll.poll(0) == []
        process.pidfd_send_signal(child.pidfd, signal.SIGKILL)
        assert poll.poll(5000)
        os.waitpid(child.pid, 0)
        os.close(child.pidfd)

    def test_every_namespace_asked_for_is_new_and_no_other(self) -> None:
        read_end, write_end = os.pipe()
        child = process.clone(namespaces.CLONE_NEWUTS | namespaces.CLONE_NEWIPC)
        if child.pid == 0:
            names = [namespaces.identify("self", kind) for kind in namespaces.LINKS]
            os.write(write_end, " ".join(names).encode())
            os._exit(0)
        os.waitpid(child.pid, 0)
        theirs = dict(zip(namespaces.LINKS, os.read(read_end, 1000).decode().split()))
        ours = {kind: namespaces.identify("self", kind) for kind in namespaces.LINKS}
        assert {kind for kind in ours if ours[kind] != theirs[kind]} == {"uts", "ipc"}
        for fd in (read_end, write_end, child.pidfd):
            os.close(fd)

    def test_it_can_be_born_into_a_cgroup_of_version_2(self) -> None:
        hierarchies = cgroup.find()
        if hierarchies.unified is None:
            pytest.skip("no cgroup of version 2 is mounted here")
        group = cgroup.create(hierarchies, f"/{isolation.name()}")
        cgroup_fd = group.open_unified()
        try:
            child = process.clone(0, cgroup_fd=cgroup_fd)
            if child.pid == 0:
                signal.pause()
                os._exit(0)
            assert group.pids() == [child.pid]
            process.pidfd_send_signal(child.pidfd, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            os.close(child.pidfd)
        finally:
            os.close(cgroup_fd)
            group.remove()

    @pytest.mark.parametrize("flags", [1 << 40, CLONE_FS | namespaces.CLONE_NEWNS])
    def test_a_clone_that_fails_leaves_us_as_we_were(self, flags: int) -> None:
        with pytest.raises(OSError, match="clone3"):
            process.clone(flags)
        # The fork hooks took locks: were they not given back, these would hang.
        assert in_child(lambda: subprocess.check_output(["echo", "fine"])) == b"fine\n"


class TestDescriptors:
    def test_all_from_one_on_are_closed_at_exec_or_at_once(self) -> None:
        def work() -> tuple[list[bool], list[str]]:
            opened = [os.dup(0) for _ in range(5)]
            for fd in opened:
                os.set_inheritable(fd, True)
            process.close_on_exec_from(opened[1])
            inherited = [os.get_inheritable(fd) for fd in opened]
            process.close_from(opened[1])
            left = [str(fd) for fd in opened if os.path.exists(f"/proc/self/fd/{fd}")]
            return inherited, left

        inherited, left = in_child(work)
        assert inherited == [True, False, False, False, False]
        assert len(left) == 1


class TestSignals:
    def test_all_are_as_a_fresh_program_expects_them(self) -> None:
        def work() -> dict[str, str]:
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGCHLD, 64):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            process.reset_signals()
            with open("/proc/self/status") as file:
                lines = dict(line.split(":\t") for line in file if ":\t" in line)
            return {name: lines[name].strip() for name in ("SigBlk", "SigIgn", "SigCgt")}

        found = in_child(work)
        # The C library keeps 32 and 33 for itself.
        assert {name: int(mask, 16) & ~(3 << 31) for name, mask in found.items()} == {
            "SigBlk": 0, "SigIgn": 0, "SigCgt": 0,
        }  # fmt: skip


class TestExactProcesses:
    def test_a_pid_that_was_used_again_is_another_process(self) -> None:
        def work() -> int:
            """In a pid namespace of our own pids can be chosen."""
            first = os.fork()
            if first == 0:
                os._exit(0)
            began = start_time(first)
            os.waitpid(first, 0)
            time.sleep(2 / os.sysconf("SC_CLK_TCK"))
            Path("/proc/sys/kernel/ns_last_pid").write_text(str(first - 1))
            second = os.fork()
            if second == 0:
                signal.pause()
            try:
                assert second == first
                return process.open_exact(first, began)
            finally:
                os.kill(second, signal.SIGKILL)
                os.waitpid(second, 0)

        def with_proc() -> int:
            subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
            return work()

        spaces = namespaces.CLONE_NEWPID | namespaces.CLONE_NEWNS
        assert in_child(with_proc, unshare=spaces) == -1


class TestTitle:
    @pytest.mark.parametrize("title", ["cuddy monitor 0123", "x" * 10_000, ""])
    def test_ps_shows_it(self, title: str) -> None:
        script = (
            f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import os\n"
            "from cuddy.kernel import process\n"
            f"before = os.path.getsize('/proc/self/exe'); process.set_title({title!r})\n"
            "print(open('/proc/self/cmdline').read().rstrip(chr(0)))\n"
            "print(open('/proc/self/comm').read().rstrip(), len(os.environ) >= 0)\n"
        )
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True
        )
        command, name = done.stdout.splitlines()
        assert title.startswith(command)
        assert len(command) >= min(len(title), 100)
        assert name.rpartition(" ")[0] == title[:15]


def test_a_failed_call_names_itself_and_its_object() -> None:
    with pytest.raises(FileNotFoundError, match=r"umount2 /no/such") as caught:
        syscall("umount2", "/no/such", 0, about="/no/such")
    assert caught.value.errno == 2
