"""Capabilities of a container's program: what it gets, what it is told that it cannot get."""

from __future__ import annotations

import pytest

from bundles import OTHER, Bundle, Runtime
from cuddy.kernel import lsm

KINDS = ("bounding", "effective", "inheritable", "permitted", "ambient")
CAP_KILL, CAP_CHOWN = 5, 0


def sets(result: object) -> dict[str, int]:
    """The five masks that `grep Cap /proc/self/status` has printed."""
    assert result.code == 0, result.err  # type: ignore[attr-defined]
    lines = [line.split() for line in result.out.splitlines()]  # type: ignore[attr-defined]
    return {name.removeprefix("Cap").rstrip(":"): int(mask, 16) for name, mask in lines}


def ask(bundle: Bundle, **wanted: list[str]) -> Bundle:
    bundle.process["capabilities"] = wanted
    return bundle.runs("grep", "Cap", "/proc/self/status")


@pytest.mark.skipif(bool(OTHER), reason="runc fails, crun refuses")
def test_a_capability_that_nobody_has_is_told_and_left_out(
    runtime: Runtime, bundle: Bundle
) -> None:
    wanted = ["CAP_KILL", "CAP_WARP", "no capability"]
    result = runtime.run(ask(bundle, **dict.fromkeys(KINDS, wanted)))
    assert set(sets(result).values()) == {1 << CAP_KILL}
    assert "level=warning" in result.err
    assert "unknown or unavailable capabilities: CAP_WARP no capability" in result.err


def test_an_ambient_capability_that_is_not_inheritable_is_told(
    runtime: Runtime, bundle: Bundle
) -> None:
    both = ["CAP_KILL", "CAP_CHOWN"]
    ask(bundle, bounding=both, permitted=both, inheritable=["CAP_KILL"], ambient=both)
    result = runtime.run(bundle)
    assert sets(result)["Amb"] == 1 << CAP_KILL
    assert "can't raise ambient capability CAP_CHOWN: operation not permitted" in result.err


def test_without_proc_a_program_has_its_capabilities(runtime: Runtime, bundle: Bundle) -> None:
    """They are asked of the kernel, not read from a file that is the container's."""
    bundle.without_mount("/proc")
    (bundle.rootfs / "proc").rmdir()
    (bundle.rootfs / "file").touch()
    assert runtime.run(bundle.script("chown 7 /file && stat -c %u /file")).out == "7"


def test_exec_has_its_capabilities_whatever_proc_says(runtime: Runtime, bundle: Bundle) -> None:
    """Where the container's root has power over its mounts, /proc says what it likes."""
    for kind in ("bounding", "permitted", "effective"):
        bundle.process["capabilities"][kind] = ["CAP_SYS_ADMIN", "CAP_CHOWN"]
    bundle.script("touch /file; mount -t tmpfs x /proc; echo up; exec sleep 60")
    runtime.started(bundle)
    runtime.wait_for_output()
    assert runtime("exec", "box", "busybox", "chown", "7", "/file").code == 0
    assert runtime("exec", "box", "stat", "-c", "%u", "/file").out == "7"


@pytest.mark.skipif(lsm.has_apparmor() or lsm.has_selinux(), reason="a security module is here")
@pytest.mark.parametrize("field", ["apparmorProfile", "selinuxLabel", "mountLabel"])
def test_a_security_modules_work_without_one_is_refused_before_anything_is_made(
    runtime: Runtime, bundle: Bundle, field: str
) -> None:
    owner = bundle.linux if field == "mountLabel" else bundle.process
    owner[field] = "mine"
    result = runtime.create(bundle)
    assert result.code == 1
    assert "AppArmor is not enabled" in result.err or "selinux is disabled" in result.err
    assert not list(runtime.state_root.glob("*"))


@pytest.mark.skipif(lsm.has_apparmor(), reason="AppArmor is here")
def test_without_apparmor_everybody_is_unconfined(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["apparmorProfile"] = "unconfined"
    assert runtime.run(bundle.runs("echo", "out")).out == "out"
