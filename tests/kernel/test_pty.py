"""Terminals of a devpts instance of one's own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from child import in_child
from cuddy.kernel import mount, namespaces, pty


def test_a_new_pair_belongs_to_that_instance_and_no_other(tmp_path: Path) -> None:
    def work() -> list[str]:
        mount.mount("devpts", str(tmp_path), "devpts", 0, "newinstance,ptmxmode=0666,mode=0620")
        master, slave = pty.open_pty(str(tmp_path))
        os.write(slave, b"out\n")
        said = b""
        while not said.endswith(b"\n"):  # it may come in pieces
            said += os.read(master, 100)
        assert said == b"out\r\n"
        os.write(master, b"in\n")
        assert os.read(slave, 100) == b"in\n"
        assert not os.get_inheritable(master)
        assert not os.get_inheritable(slave)
        return sorted(os.listdir(tmp_path))

    assert in_child(work, unshare=namespaces.CLONE_NEWNS) == ["0", "ptmx"]


def test_no_name_of_the_slave_is_opened(tmp_path: Path) -> None:
    """CVE-2025-52565: what stands at pts/0 may be somebody else's."""

    def work() -> int:
        mount.mount("devpts", str(tmp_path), "devpts", 0, "newinstance,ptmxmode=0666")
        instance_fd = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
        mount.mount("tmpfs", str(tmp_path), "tmpfs")
        os.mknod(tmp_path / "0", 0o20666, os.makedev(1, 3))
        _, slave = pty.open_pty(f"/proc/self/fd/{instance_fd}")
        return os.major(os.fstat(slave).st_rdev)

    assert in_child(work, unshare=namespaces.CLONE_NEWNS) == 136


def test_sizes_are_told_and_asked(tmp_path: Path) -> None:
    master, slave = pty.open_pty("/dev/pts")
    pty.set_size(master, pty.Size(24, 80))
    assert pty.get_size(slave) == pty.Size(24, 80)
    assert os.get_terminal_size(slave) == (80, 24)
    os.close(master)
    os.close(slave)


def test_whoever_takes_it_gets_its_signals() -> None:
    def work() -> list[int]:
        master, slave = pty.open_pty("/dev/pts")
        seen: list[int] = []
        for number in (signal.SIGINT, signal.SIGWINCH):
            signal.signal(number, lambda n, _: seen.append(n))
        os.setsid()
        pty.take_terminal(slave)
        assert os.tcgetpgrp(slave) == os.getpid()
        os.write(master, b"\x03")
        pty.set_size(master, pty.Size(1, 1))
        while len(seen) < 2:
            signal.sigtimedwait([], 0.01)
        return sorted(seen)

    assert in_child(work) == [signal.SIGINT, signal.SIGWINCH]


def test_a_session_with_a_terminal_takes_no_second() -> None:
    def work() -> None:
        os.setsid()
        pty.take_terminal(pty.open_pty("/dev/pts")[1])
        with pytest.raises(PermissionError):
            pty.take_terminal(pty.open_pty("/dev/pts")[1])

    in_child(work)
