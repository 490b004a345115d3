"""Where a container's processes are counted: linux.cgroupsPath, --cgroup-manager, and no right."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bundles import CGROUP, Bundle, Runtime
from console import Result, wait_until
from cuddy.kernel import cgroup


def groups_of(pid: int) -> dict[str, str]:
    """Where a process is, by controllers."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return {line.split(":")[1]: line.split(":", 2)[2] for line in lines}


def test_a_container_is_in_its_group_in_every_hierarchy(runtime: Runtime, bundle: Bundle) -> None:
    pid = runtime.created(bundle)
    assert set(groups_of(pid).values()) == {f"/{CGROUP}/box"}
    runtime.ok("delete", "box")
    assert not cgroup.list_groups(cgroup.find(), f"/{CGROUP}")


@pytest.mark.parametrize("path", ["", "of-its-own"])
def test_without_an_absolute_path_it_is_beside_its_creator(
    runtime: Runtime, bundle: Bundle, path: str
) -> None:
    name = f"{CGROUP}-box"
    bundle.linux["cgroupsPath"] = f"{name}/{path}" if path else ""
    runtime.made(name)
    given = {"stdout": None, "stderr": None, "capture_output": False}
    assert runtime("create", "--bundle", bundle.write().path, name, **given).code == 0
    own = {h.controllers: h.own.rstrip("/") for h in cgroup.find().all if h.version == 1}
    own = own or {(): os.path.dirname(cgroup.find().all[0].own).rstrip("/")}
    found = groups_of(runtime.pid(name))
    for controllers, place in own.items():
        expected = bundle.linux["cgroupsPath"] or name
        assert found[",".join(controllers)] == f"{place}/{expected}"
    runtime.ok("delete", name)
    for hierarchy in cgroup.find().all if path else ():
        os.rmdir(os.path.dirname(hierarchy.directory(bundle.linux["cgroupsPath"])))


class TestDisabled:
    """--cgroup-manager disabled: podman's --cgroups=disabled."""

    def test_a_container_stays_where_its_creator_is(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.program += ["--cgroup-manager", "disabled"]
        pid = runtime.started(bundle.script("echo up; sleep 60"))
        assert groups_of(pid) == groups_of(os.getpid())
        assert not cgroup.list_groups(cgroup.find(), f"/{CGROUP}")
        runtime.ok("delete", "--force", "box")
        assert runtime.wait(pid) == -9

    def test_limits_are_refused(self, runtime: Runtime, bundle: Bundle) -> None:
        runtime.program += ["--cgroup-manager", "disabled"]
        bundle.linux["resources"] = {"pids": {"limit": 10}, "devices": [{"allow": False}]}
        result = runtime.run(bundle.runs("true"))
        assert result.code == 1
        assert "limits unavailable (pids) because cgroups are disabled" in result.err


READ_ONLY = """
for target in $(awk '$3 ~ /^cgroup/ {print $2}' /proc/self/mounts); do
    mount -o remount,bind,ro "$target" || exit 99
done
exec unshare --user --map-root-user "$@"
"""


class TestWithoutRight:
    """Root of a user namespace, who may not make groups: what every ordinary user can be."""

    @pytest.fixture
    def rootless(self, runtime: Runtime, bundle: Bundle) -> Runtime:
        runtime.program = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", *runtime.program]
        bundle.linux["cgroupsPath"] = ""
        bundle.namespace("user")
        for field in ("uidMappings", "gidMappings"):
            bundle.linux[field] = [{"containerID": 0, "hostID": 0, "size": 1}]
        return runtime

    def run(self, runtime: Runtime, bundle: Bundle) -> Result:
        return runtime("run", "--bundle", bundle.write().path, "box")

    def test_it_runs_without_a_group(self, rootless: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
        result = self.run(rootless, bundle.script("cat /proc/self/cgroup"))
        assert result.code == 0, result.err
        assert "box" not in result.out

    def test_a_limit_is_refused_with_the_reason(self, rootless: Runtime, bundle: Bundle) -> None:
        bundle.linux["resources"] = {"memory": {"limit": 1 << 26}}
        result = self.run(rootless, bundle)
        assert result.code == 1
        assert re.search(
            r"limits unavailable \(memory\) because cannot .* control group .*: read-only",
            result.err,
        )
        assert "Delegate=yes" in result.err

    def test_an_explicit_path_is_refused_as_well(self, rootless: Runtime, bundle: Bundle) -> None:
        bundle.linux["cgroupsPath"] = f"/{CGROUP}/box"
        result = self.run(rootless, bundle)
        assert result.code == 1
        assert "cannot make the control group" in result.err


def test_a_container_that_ends_leaves_no_group(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.run(bundle.runs("true")).code == 0
    wait_until(lambda: not cgroup.list_groups(cgroup.find(), f"/{CGROUP}"))


def second(runtime: Runtime, bundle: Bundle) -> Result:
    """An attempt to create another container in the group of "box"."""
    bundle.linux["cgroupsPath"] = f"/{CGROUP}/box"
    runtime.made("second")
    return runtime("create", "--bundle", bundle.write().path, "second")


def test_a_group_with_processes_is_nobody_elses(runtime: Runtime, bundle: Bundle) -> None:
    pid = runtime.created(bundle)
    result = second(runtime, bundle)
    assert result.code == 1
    assert "container's cgroup is not empty: 1 process(es) found" in result.err
    assert runtime.pid() == pid


def test_a_frozen_group_is_not_taken_for_a_dead_containers(
    runtime: Runtime, bundle: Bundle
) -> None:
    group = cgroup.create(cgroup.find(), f"/{CGROUP}/box", everywhere=True)
    try:
        group.freeze()
        assert "container's cgroup unexpectedly frozen" in second(runtime, bundle).err
    finally:
        group.remove()


def test_a_signal_for_all_reaches_processes_that_outlive_the_first(
    runtime: Runtime, bundle: Bundle
) -> None:
    bundle.namespace("pid", None)
    pid = runtime.started(bundle.script("sleep 60 & echo up; exec sleep 60"))
    runtime.wait_for_output()
    os.kill(pid, 9)
    runtime.wait(pid)
    wait_until(lambda: runtime.status() == "stopped")
    assert runtime("kill", "box", "TERM").code == 1
    runtime.ok("kill", "--all", "box", "TERM")
    wait_until(lambda: not cgroup.list_groups(cgroup.find(), f"/{CGROUP}")["box"].pids())


def test_sigkill_ends_what_somebody_has_frozen_in_version_1(
    runtime: Runtime, bundle: Bundle
) -> None:
    freezer = cgroup.find().of("freezer") or pytest.skip("there is no freezer of version 1")
    pid = runtime.started(bundle.script("echo up; sleep 60"))
    runtime.wait_for_output()
    Path(freezer.directory(f"/{CGROUP}/box"), "freezer.state").write_text("FROZEN")
    runtime.ok("kill", "box", "KILL")
    assert runtime.wait(pid) == -9
