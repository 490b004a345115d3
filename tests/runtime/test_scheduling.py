"""How a container's processes are scheduled: by their config, whatever the caller's are."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

import pytest

from bundles import PATH, Bundle, Runtime

CPUS = sorted(os.sched_getaffinity(0))
many = pytest.mark.skipif(len(CPUS) < 2, reason="one CPU only")


def exec_process(runtime: Runtime, *args: str, **fields: object) -> str:
    file = runtime.directory / "process.json"
    file.write_text(json.dumps({"args": args, "cwd": "/", "env": [PATH], **fields}))
    return runtime.ok("exec", "--process", file, "box")


def nice_and_policy(stat: str) -> tuple[int, int]:
    """Fields 19 and 41 of proc(5)'s stat."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[16]), int(fields[38])


class TestScheduler:
    def test_it_is_the_configs(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["scheduler"] = {"policy": "SCHED_BATCH", "nice": 7}
        pid = runtime.started(bundle.script("sleep 1000"))
        assert nice_and_policy(Path(f"/proc/{pid}/stat").read_text()) == (7, 3)
        # And that of those who come after it, unless they say otherwise.
        stat = runtime.ok("exec", "box", "cat", "/proc/self/stat")
        assert nice_and_policy(stat) == (7, 3)
        idle = {"policy": "SCHED_IDLE"}
        stat = exec_process(runtime, "cat", "/proc/self/stat", scheduler=idle)
        assert nice_and_policy(stat)[1] == 5

    def test_one_that_cannot_be_leaves_nothing(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["scheduler"] = {"policy": "SCHED_OTHER", "nice": 20}
        result = runtime.create(bundle)
        assert result.code != 0
        assert "nice 20" in result.err
        assert not list(runtime.directory.glob("state/*"))

    def test_a_priority_of_io(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.process["ioPriority"] = {"class": "IOPRIO_CLASS_IDLE"}
        bundle.process["scheduler"] = {"policy": "SCHED_OTHER", "nice": 1}
        assert runtime.run(bundle.runs("true")).code == 0


class TestCpus:
    @many
    def test_the_callers_cpus_are_not_the_containers(
        self, runtime: Runtime, bundle: Bundle
    ) -> None:
        own = os.sched_getaffinity(0)
        os.sched_setaffinity(0, CPUS[:1])
        try:
            pid = runtime.started(bundle.script("sleep 1000"))
            inside = runtime.ok("exec", "box", "grep", "Cpus_allowed_list", "/proc/self/status")
        finally:
            os.sched_setaffinity(0, own)
        assert os.sched_getaffinity(pid) == own
        line = next(
            each
            for each in Path("/proc/self/status").read_text().splitlines()
            if each.startswith("Cpus_allowed_list")
        )
        assert inside.strip() == line

    @many
    def test_an_exec_can_have_its_own(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.started(bundle.script("sleep 1000"))
        affinity = {"initial": str(CPUS[0]), "final": str(CPUS[1])}
        words = ("grep", "Cpus_allowed_list", "/proc/self/status")
        out = exec_process(runtime, *words, execCPUAffinity=affinity)
        assert out.split()[1] == str(CPUS[1])
        out = exec_process(runtime, *words, execCPUAffinity={"initial": str(CPUS[0])})
        # Before Linux 6.2 whoever enters a group is given all CPUs of that one; the specification
        # leaves both open.
        version = tuple(map(int, os.uname().release.split(".")[:2]))
        kept = out.split()[1] == str(CPUS[0])
        assert kept == (version >= (6, 2)), out


class TestMemoryAndPersonality:
    @pytest.mark.skipif(not os.path.exists("/proc/self/numa_maps"), reason="a kernel without NUMA")
    def test_a_memory_policy(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["memoryPolicy"] = {"mode": "MPOL_INTERLEAVE", "nodes": "0"}
        runtime.started(bundle.script("sleep 1000"))
        assert "interleave:0" in runtime.ok("exec", "box", "cat", "/proc/self/numa_maps")
        assert "interleave:0" in runtime.ok("exec", "box", "cat", "/proc/1/numa_maps")

    @pytest.mark.skipif(platform.machine() != "x86_64", reason="other names elsewhere")
    def test_a_personality(self, runtime: Runtime, bundle: Bundle) -> None:
        bundle.linux["personality"] = {"domain": "LINUX32"}
        (bundle.rootfs / "bin/uname").symlink_to("busybox")
        runtime.started(bundle.script("uname -m >/tmp/first; sleep 1000"))
        assert runtime.ok("exec", "box", "uname", "-m") == "i686"
        assert (bundle.rootfs / "tmp/first").read_text() == "i686\n"
