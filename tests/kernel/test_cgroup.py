"""Control groups of this host, of whichever version; a hybrid one is taken as version 1 as well."""

from __future__ import annotations

import os
import signal
import struct
import time
from collections.abc import Callable, Iterator

import pytest

import isolation
from cuddy.errors import InUse, InvalidArgument, NotPermitted
from cuddy.kernel import cgroup, control_file
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_hierarchies import UNIFIED, Hierarchies
from cuddy.kernel.cgroup_limits import CgroupWrite
from cuddy.kernel.syscall import syscall

CLONE_INTO_CGROUP = 0x200000000


@pytest.fixture(params=["as the host is", "version 1 alone"])
def hierarchies(request: pytest.FixtureRequest) -> Hierarchies:
    found = cgroup.find()
    if found.mode == "none":
        pytest.skip("no cgroup hierarchy is mounted here")
    if request.param == "version 1 alone":
        if found.mode != "hybrid":
            pytest.skip("this host has one version only")
        return Hierarchies(tuple(h for h in found.all if h.version == 1))
    return found


@pytest.fixture
def path(hierarchies: Hierarchies) -> Iterator[str]:
    """A cgroupsPath of this test alone; parents that hold other tests stay."""
    parent = f"/{isolation.name()}"
    yield f"{parent}/{os.getpid()}-{time.monotonic_ns()}"
    for hierarchy in hierarchies.all:
        try:
            os.rmdir(hierarchy.directory(parent))
        except OSError:
            pass


@pytest.fixture
def group(hierarchies: Hierarchies, path: str) -> Iterator[Cgroup]:
    made = cgroup.create(hierarchies, path)
    yield made
    made.kill()
    made.remove()


@pytest.fixture
def sleeper() -> Iterator[int]:
    pid = fork_sleeper()
    yield pid
    kill_and_reap(pid)


def fork_sleeper() -> int:
    pid = os.fork()
    if pid == 0:
        try:
            time.sleep(60)
        finally:
            os._exit(0)
    return pid


def kill_and_reap(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    except (ProcessLookupError, ChildProcessError):
        pass


def run_inside(group: Cgroup, work: Callable[[], object]) -> int:
    """The wait status of a child that enters the group by itself and does `work`."""
    doors, unified_fd = group.open_doors(), group.open_unified()
    try:
        pid = clone_into(unified_fd) if unified_fd >= 0 else os.fork()
        if pid == 0:
            code = 70
            try:
                cgroup.enter(doors)
                work()
                code = 0
            finally:
                os._exit(code)
    finally:
        for fd in [*doors, unified_fd] if unified_fd >= 0 else doors:
            os.close(fd)
    return os.waitpid(pid, 0)[1]


def clone_into(cgroup_fd: int) -> int:
    numbers = (CLONE_INTO_CGROUP, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, cgroup_fd)
    arguments = bytearray(struct.pack("=11Q", *numbers))
    return syscall("clone3", arguments, len(arguments), keep_gil=True)


def test_each_controller_is_found_in_one_hierarchy(hierarchies: Hierarchies) -> None:
    for hierarchy in hierarchies.all:
        assert os.path.isdir(hierarchy.target)
        assert hierarchy.own.startswith("/")
        for name in hierarchy.controllers:
            assert hierarchies.of(name) is not None


def test_a_new_group_is_empty_and_goes_away(hierarchies: Hierarchies, path: str) -> None:
    group = cgroup.create(hierarchies, path)
    assert group.pids() == []
    assert all(os.path.isdir(directory) for directory in group.paths.values())
    group.remove()
    assert not any(os.path.exists(directory) for directory in group.paths.values())
    group.remove()  # again is fine


def test_a_process_moved_in_is_in_every_hierarchy(group: Cgroup, sleeper: int) -> None:
    group.attach(sleeper)
    assert group.pids() == [sleeper]
    assert cgroup.of_process(sleeper).paths.items() >= group.paths.items()


def test_a_child_enters_by_itself_in_every_hierarchy(group: Cgroup) -> None:
    def is_inside() -> None:
        assert cgroup.of_process(os.getpid()).paths.items() >= group.paths.items()

    assert run_inside(group, is_inside) == 0


def test_attaching_a_process_that_is_gone_says_so(group: Cgroup, sleeper: int) -> None:
    kill_and_reap(sleeper)
    with pytest.raises(ProcessLookupError):
        group.attach(sleeper)


def test_a_group_at_the_same_place_is_refused_while_in_use(
    hierarchies: Hierarchies, path: str, group: Cgroup, sleeper: int
) -> None:
    group.attach(sleeper)
    with pytest.raises(InUse, match="in use"):
        cgroup.create(hierarchies, path)
    assert group.pids() == [sleeper]


def test_what_a_dead_container_left_is_replaced(
    hierarchies: Hierarchies, path: str, group: Cgroup
) -> None:
    group.apply([CgroupWrite("pids", "pids.max", "7")])
    again = cgroup.create(hierarchies, path)
    assert again.stats()["pids_limit"] is None


def test_the_empty_group_above_may_be_removed_meanwhile(
    hierarchies: Hierarchies, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir, removed = os.mkdir, set()

    def remove_above(directory: str, mode: int = 0o777) -> None:
        above = os.path.dirname(directory)
        if directory.endswith(path) and above not in removed:
            removed.add(above)
            os.rmdir(above)
        mkdir(directory, mode)

    monkeypatch.setattr(os, "mkdir", remove_above)
    made = cgroup.create(hierarchies, path)
    assert removed
    assert all(map(os.path.isdir, made.paths.values()))
    made.remove()


def test_a_failed_create_leaves_nothing(hierarchies: Hierarchies, path: str, sleeper: int) -> None:
    last = hierarchies.joined(())[-1]
    blocked = Cgroup({"x": last.directory(path)})
    os.makedirs(last.directory(path))
    control_file.write(f"{last.directory(path)}/cgroup.procs", str(sleeper))
    with pytest.raises(InUse):
        cgroup.create(hierarchies, path)
    kill_and_reap(sleeper)
    blocked.remove()
    for hierarchy in hierarchies.all:
        assert not os.path.exists(hierarchy.directory(path))


def test_a_missing_controller_that_is_needed_is_named(hierarchies: Hierarchies, path: str) -> None:
    with pytest.raises(NotPermitted, match="no warp controller"):
        cgroup.create(hierarchies, path, ["warp"])


def test_a_path_cannot_lead_out_of_the_hierarchy(hierarchies: Hierarchies) -> None:
    for hostile in ("/a/../../b", "..", "/", "", "/a//b", "/./a"):
        with pytest.raises(InvalidArgument, match="not a path of a control group"):
            cgroup.create(hierarchies, hostile)


def test_a_new_cpuset_can_hold_processes(hierarchies: Hierarchies, path: str, sleeper: int) -> None:
    if hierarchies.of("cpuset") is None:
        pytest.skip("this host has no cpuset controller")
    group = cgroup.create(hierarchies, path, ["cpuset"])
    try:
        group.apply([CgroupWrite("cpuset", "cpuset.cpus", "0", "CPU set")])
        group.attach(sleeper)
        assert os.sched_getaffinity(sleeper) == {0}
        with pytest.raises(InvalidArgument, match="cannot set CPU set to 4000"):
            group.apply([CgroupWrite("cpuset", "cpuset.cpus", "4000", "CPU set")])
    finally:
        group.kill()
        kill_and_reap(sleeper)
        group.remove()


def test_killing_reaches_every_process_below(group: Cgroup) -> None:
    below = f"{group.unified or group.paths['pids']}/inner"
    os.mkdir(below)
    pids = [fork_sleeper() for _ in range(3)]
    for pid in pids:
        group.attach(pid)
    control_file.write(f"{below}/cgroup.procs", str(pids[0]))
    assert sorted(group.pids()) == sorted(pids)
    group.kill()
    for pid in pids:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    group.remove()


def test_killing_without_version_2_lets_no_fork_escape(group: Cgroup) -> None:
    """A process that forks as fast as it can is gone, with all its children, after one kill."""
    paths = {name: place for name, place in group.paths.items() if name != UNIFIED}
    if not paths:
        pytest.skip("this host has only version 2")
    group.apply([CgroupWrite("pids", "pids.max", "20")])
    old = Cgroup(paths)
    bomb = os.fork()
    if bomb == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        time.sleep(0.05)
        while True:
            try:
                if os.fork() == 0:
                    time.sleep(0.001)
                    os._exit(0)
            except OSError:
                pass
    group.attach(bomb)
    time.sleep(0.1)
    old.kill()
    os.waitpid(bomb, 0)
    assert eventually(lambda: old.pids() == [])


def test_a_frozen_group_does_nothing_until_thawed(group: Cgroup) -> None:
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        while True:
            os.write(write_fd, b".")
            time.sleep(0.001)
    group.attach(pid)
    assert os.read(read_fd, 1)
    group.freeze()
    os.set_blocking(read_fd, False)
    drain(read_fd)
    time.sleep(0.02)
    with pytest.raises(BlockingIOError):
        os.read(read_fd, 1)
    group.thaw()
    assert eventually(lambda: drain(read_fd) > 0)
    group.freeze()
    group.kill()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    os.close(read_fd)
    os.close(write_fd)


def drain(fd: int) -> int:
    count = 0
    try:
        while data := os.read(fd, 4096):
            count += len(data)
    except BlockingIOError:
        pass
    return count


def eventually(check: Callable[[], bool], timeout_s: float = 5) -> bool:
    deadline = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def test_a_group_with_processes_cannot_be_removed(group: Cgroup, sleeper: int) -> None:
    group.attach(sleeper)
    with pytest.raises(InUse, match=f"holds processes {sleeper}"):
        group.remove(timeout_s=0.01)
    kill_and_reap(sleeper)


def test_usage_is_counted(hierarchies: Hierarchies, group: Cgroup) -> None:
    def use_memory_and_time() -> None:
        held = bytearray(32 << 20)
        deadline = time.process_time() + 0.05
        while time.process_time() < deadline:
            held[0] += 1
            held[0] = 0

    assert run_inside(group, use_memory_and_time) == 0
    stats = group.stats()
    assert 40e6 < stats["cpu_ns"] < 5e9
    if hierarchies.of("memory"):
        assert stats["memory_peak_bytes"] > 30 << 20
        assert stats["memory_limit_bytes"] is None
        assert stats["memory_stat"]["inactive_file"] >= 0
    if hierarchies.of("pids"):
        assert stats["pids"] == 0
        assert stats["pids_limit"] is None


def test_a_memory_hog_is_killed_alone_and_counted(hierarchies: Hierarchies, group: Cgroup) -> None:
    version = (hierarchies.of("memory") or pytest.skip("no memory controller")).version
    file = "memory.limit_in_bytes" if version == 1 else "memory.max"
    group.apply([CgroupWrite("memory", file, str(24 << 20), "memory limit")])
    if version == 1 and os.path.exists(f"{group.paths['memory']}/memory.memsw.limit_in_bytes"):
        group.apply([CgroupWrite("memory", "memory.memsw.limit_in_bytes", str(24 << 20))])
    assert group.oom_kills() == 0
    status = run_inside(group, lambda: bytearray(256 << 20))
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert group.oom_kills() == 1


def test_limits_that_depend_on_each_other_are_written_in_any_order(
    hierarchies: Hierarchies, group: Cgroup
) -> None:
    """memory.memsw may never be below memory.limit; raising and lowering need opposite orders."""
    directory = group.paths.get("memory", "")
    if not os.path.exists(f"{directory}/memory.memsw.limit_in_bytes"):
        pytest.skip("this kernel counts no swap in version 1")
    for size in (64 << 20, 16 << 20, 128 << 20):
        group.apply(
            [
                CgroupWrite("memory", "memory.limit_in_bytes", str(size)),
                CgroupWrite("memory", "memory.memsw.limit_in_bytes", str(size)),
            ]
        )
        assert control_file.read_number(f"{directory}/memory.memsw.limit_in_bytes") == size


def test_a_limit_below_what_is_used_says_so(group: Cgroup) -> None:
    if "memory" not in group.paths:
        pytest.skip("version 2 reclaims and kills instead of refusing")
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        time.sleep(0.05)
        held = bytearray(32 << 20)
        os.write(write_fd, held[:1])
        time.sleep(60)
    group.attach(pid)
    os.read(read_fd, 1)
    try:
        # No swap: what is used cannot go anywhere.
        with pytest.raises(
            InvalidArgument, match="unable to set memory limit to 4194304 .current usage: [1-9]"
        ):
            group.apply(
                [CgroupWrite("memory", "memory.limit_in_bytes", str(4 << 20), "memory limit")]
            )
    finally:
        kill_and_reap(pid)
        os.close(read_fd)
        os.close(write_fd)


def test_an_invalid_value_names_the_limit_and_the_kernels_words(group: Cgroup) -> None:
    with pytest.raises(InvalidArgument, match="cannot set pids limit to -7: invalid argument"):
        group.apply([CgroupWrite("pids", "pids.max", "-7", "pids limit")])


def test_a_file_the_kernel_does_not_have_is_named(group: Cgroup) -> None:
    with pytest.raises(NotPermitted, match="this kernel has no memory.warp"):
        group.apply([CgroupWrite("memory", "memory.warp", "1", "warp factor")])


def test_groups_are_found_again_below_their_parent(hierarchies: Hierarchies, path: str) -> None:
    group = cgroup.create(hierarchies, path)
    parent, name = os.path.split(path)
    found = cgroup.list_groups(hierarchies, parent)[name]
    assert found.paths == group.paths
    found.remove()
    assert name not in cgroup.list_groups(hierarchies, parent)
    assert cgroup.list_groups(hierarchies, "/cuddy-nowhere") == {}


def test_a_group_is_rebuilt_from_its_recorded_paths(group: Cgroup, sleeper: int) -> None:
    again = Cgroup(group.paths)
    again.attach(sleeper)
    assert group.pids() == [sleeper]


def test_version_2_gives_controllers_from_the_root_down(
    hierarchies: Hierarchies, path: str
) -> None:
    """On a hybrid host with whichever controller version 1 has left: hugetlb, here."""
    unified = hierarchies.unified
    if unified is None or not unified.controllers:
        pytest.skip("no controller is in version 2 on this host")
    before = control_file.read(f"{unified.target}/cgroup.subtree_control")
    name = unified.controllers[0]
    group = cgroup.create(hierarchies, path, [name])
    try:
        assert name in (control_file.read(f"{group.unified}/cgroup.controllers") or "").split()
        if name == "hugetlb":
            group.apply([CgroupWrite("hugetlb", "hugetlb.2MB.max", str(4 << 20))])
            assert control_file.read_number(f"{group.unified}/hugetlb.2MB.max") == 4 << 20
    finally:
        group.remove()
        os.rmdir(os.path.dirname(group.unified))
        if name not in (before or "").split():
            control_file.write(f"{unified.target}/cgroup.subtree_control", f"-{name}")


def test_a_version_2_group_with_processes_gives_no_controllers(
    hierarchies: Hierarchies, path: str, sleeper: int
) -> None:
    unified = hierarchies.unified
    if unified is None or "hugetlb" not in unified.controllers:
        pytest.skip("no controller to try it with is in version 2 on this host")
    group = cgroup.create(hierarchies, path, ["hugetlb"])
    try:
        group.attach(sleeper)
        with pytest.raises(Exception, match="processes run in that group itself"):
            cgroup.create(hierarchies, f"{path}/below", ["hugetlb"])
    finally:
        kill_and_reap(sleeper)
        group.remove()
        os.rmdir(os.path.dirname(group.unified))
        control_file.write(f"{unified.target}/cgroup.subtree_control", "-hugetlb")


def test_a_group_that_gives_controllers_away_is_told(hierarchies: Hierarchies, path: str) -> None:
    """A container that runs containers: who joins it must go where its first process went."""
    unified = hierarchies.unified
    if unified is None or "hugetlb" not in unified.controllers:
        pytest.skip("no controller to try it with is in version 2 on this host")
    group = cgroup.create(hierarchies, path, ["hugetlb"])
    assert not group.is_divided()
    inner = cgroup.create(hierarchies, f"{path}/inner", ["hugetlb"])
    try:
        assert group.is_divided()
        assert run_inside(inner, lambda: None) == 0
        with pytest.raises(OSError, match="clone3"):
            run_inside(group, lambda: None)
    finally:
        group.remove()
        os.rmdir(os.path.dirname(group.unified))
        if hierarchies.mode == "hybrid":
            control_file.write(f"{unified.target}/cgroup.subtree_control", "-hugetlb")


def test_a_host_of_version_1_alone_divides_nothing(group: Cgroup) -> None:
    paths = {name: place for name, place in group.paths.items() if name != UNIFIED}
    assert not Cgroup(paths).is_divided()
