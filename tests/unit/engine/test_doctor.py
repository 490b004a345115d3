"""What doctor makes of a machine: each missing piece has its name and the command that mends it."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import doctor
from cuddy.engine.doctor import BROKEN, LESS, OK, Facts

PROGRAMS = {
    name: f"/usr/bin/{name}"
    for name in ("newuidmap", "newgidmap", "pasta", "fuse-overlayfs", "nft")
}
WELL = Facts(
    user="ann", uid=1000, uids=65536, gids=65536, programs=PROGRAMS, where="/home/ann",
    controllers=("cpu", "io", "memory", "pids"), run_root="/run/user/1000/cuddy",
)  # fmt: skip


def without(*names: str) -> dict[str, str]:
    return {name: path for name, path in PROGRAMS.items() if name not in names}


def test_a_machine_that_has_everything() -> None:
    findings = doctor.examine(WELL)
    assert {each.state for each in findings} == {OK}
    assert doctor.is_well(findings)
    assert not any(each.fix for each in findings)


@pytest.mark.parametrize(
    ("changes", "topic", "state", "fix"),
    [
        ({"max_namespaces": 0}, "user namespaces", BROKEN,
         "echo user.max_user_namespaces=28633 | sudo tee"),
        ({"clone_sysctl": "0", "refusal": "operation not permitted"}, "user namespaces", BROKEN,
         "echo kernel.unprivileged_userns_clone=1 | sudo tee"),
        ({"apparmor_restricts": True, "powerless": "permission denied"}, "user namespaces", BROKEN,
         "echo kernel.apparmor_restrict_unprivileged_userns=0 | sudo tee"),
        ({"refusal": "operation not permitted"}, "user namespaces", BROKEN, "seccomp=unconfined"),
        ({"uids": 0}, "/etc/subuid", LESS, "sudo usermod --add-subuids 100000-165535 ann"),
        ({"gids": 10, "free_id": 231072}, "/etc/subgid", LESS,
         "sudo usermod --add-subgids 231072-296607 ann"),
        ({"programs": without("newuidmap")}, "newuidmap", LESS, "sudo apt-get install uidmap"),
        ({"programs": without("newuidmap"), "packager": "dnf"}, "newuidmap", LESS,
         "sudo dnf install shadow-utils"),
        ({"unprivileged": ("newgidmap",)}, "newuidmap", LESS, "sudo chmod u+s /usr/bin/newgidmap"),
        ({"no_new_privileges": True}, "newuidmap", LESS, "log in anew"),
        ({"kernel": (5, 10), "programs": without("fuse-overlayfs")}, "kernel", BROKEN,
         "sudo apt-get install fuse-overlayfs"),
        ({"overlay": "invalid argument", "programs": without("fuse-overlayfs")}, "overlayfs",
         BROKEN, "sudo apt-get install fuse-overlayfs"),
        ({"overlay": "invalid argument", "devices": {"/dev/fuse": "closed"}}, "overlayfs", BROKEN,
         "sudo chmod 0666 /dev/fuse"),
        ({"overlay": "invalid argument", "devices": {"/dev/fuse": "absent"}}, "overlayfs", BROKEN,
         "sudo modprobe fuse"),
        ({"overlay": "invalid argument"}, "overlayfs", LESS, ""),
        ({"programs": without("pasta")}, "networks", LESS, "sudo apt-get install passt"),
        ({"devices": {"/dev/net/tun": "closed"}}, "networks", LESS, "sudo chmod 0666 /dev/net/tun"),
        ({"devices": {"/dev/net/tun": "absent"}}, "networks", LESS, "sudo modprobe tun"),
        ({"programs": without("nft")}, "firewall", LESS, "sudo apt-get install nftables"),
        ({"controllers": ("memory", "pids")}, "control groups", LESS, "Delegate=cpu cpuset io"),
        ({"controllers": (), "has_systemd": False, "group": "/sys/fs/cgroup/a"}, "control groups",
         LESS, "sudo chown ann /sys/fs/cgroup/a /sys/fs/cgroup/a/cgroup.procs"),
        ({"controllers": (), "cgroups": "hybrid"}, "control groups", LESS,
         "systemd.unified_cgroup_hierarchy=1"),
        ({"run_root": "/tmp/cuddy-run-1000"}, "running state", LESS, "loginctl enable-linger ann"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_with_what_mends_it(
    changes: dict[str, Any], topic: str, state: str, fix: str
) -> None:
    findings = doctor.examine(WELL._replace(**changes))
    wrong = [each for each in findings if each.state != OK]
    assert [(each.topic, each.state) for each in wrong] == [(topic, state)]
    assert fix in "\n".join(wrong[0].fix)
    assert doctor.is_well(findings) == (state != BROKEN)


def test_root_needs_less() -> None:
    topics = [each.topic for each in doctor.examine(WELL._replace(uid=0, uids=0, devices={}))]
    assert topics == ["kernel", "firewall", "control groups"]
