"""User namespaces: ids inside and outside."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

import pytest

from cuddy.kernel import idmap, namespaces, process
from cuddy.kernel.idmap import IdRange


def born_with(uids: list[IdRange], gids: list[IdRange]) -> tuple[str, str]:
    """What a child in a user namespace with these maps says of itself and of a file it made."""
    go_read, go_write = os.pipe()
    read_end, write_end = os.pipe()
    child = process.clone(namespaces.CLONE_NEWUSER)
    if child.pid == 0:
        try:
            os.read(go_read, 1)
            os.setresgid(0, 0, 0)
            os.setresuid(0, 0, 0)
            os.write(write_end, f"{os.getuid()} {os.getgid()}".encode())
            signal.pause()
        finally:
            os._exit(1)
    try:
        idmap.write_maps(child.pid, uids, gids)
        os.write(go_write, b"g")
        inside = os.read(read_end, 100).decode()
        status = Path(f"/proc/{child.pid}/status").read_text()
        outside = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
        return inside, outside
    finally:
        process.pidfd_send_signal(child.pidfd, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        for fd in (go_read, go_write, read_end, write_end, child.pidfd):
            os.close(fd)


def test_root_inside_is_somebody_outside() -> None:
    ranges = [IdRange(0, 100_000, 65536)]
    assert born_with(ranges, ranges) == ("0 0", "100000")


def test_a_map_may_have_many_ranges() -> None:
    ranges = [IdRange(i, 1000 + i * 2, 1) for i in range(300)]
    assert born_with(ranges, ranges) == ("0 0", "1000")


@pytest.mark.parametrize(
    "ranges",
    [
        [IdRange(0, 0, 0)],
        [IdRange(0, 1000, 10), IdRange(5, 2000, 10)],
        [IdRange(0, 4294967295, 1)],
        [IdRange(i, i, 1) for i in range(341)],
    ],
)
def test_what_the_kernel_refuses_is_an_error(ranges: list[IdRange]) -> None:
    with pytest.raises(OSError):
        born_with(ranges, ranges)


def test_a_namespace_with_a_map_needs_no_process() -> None:
    ranges = [IdRange(1000, 0, 1)]
    fd = idmap.make_namespace(ranges, ranges)
    pid = os.fork()
    if not pid:
        namespaces.setns(fd, namespaces.CLONE_NEWUSER)
        os._exit(os.getuid() != 1000)
    os.close(fd)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_namespace_leaves_no_process_behind_if_its_maker_is_killed() -> None:
    read_end, write_end = os.pipe()
    maker = os.fork()
    if not maker:
        ranges = (os.kill(os.getpid(), signal.SIGKILL) for _ in range(1))
        idmap.Namespace(ranges, [])  # type: ignore[arg-type]
        os._exit(1)
    os.waitpid(maker, 0)
    os.close(write_end)
    ended, _, _ = select.select([read_end], [], [], 5)  # when the last holder of the other end is
    os.close(read_end)
    assert ended
