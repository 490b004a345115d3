"""What this runtime can do, in the specification's terms (features.md and features-linux.md).

Callers ask once, before they ask for things: containerd for idmapped mounts and recursively
read-only ones. The words are those of the tables that the config is read by.
"""

from __future__ import annotations

import os

from cuddy.kernel import capabilities, mount, namespaces
from cuddy.runtime import filter_program, mount_plan, profile
from cuddy.runtime.bundle import OCI_VERSION
from cuddy.runtime.schema import HOOK_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OLDEST = "1.0.0"


def describe() -> dict[str, Any]:
    """The features document."""
    return {
        "ociVersionMin": OLDEST,
        "ociVersionMax": OCI_VERSION,
        "hooks": list(HOOK_KINDS),
        "mountOptions": mount_options(),
        "linux": linux(),
        "annotations": {},
        "potentiallyUnsafeConfigAnnotations": [],
    }


def mount_options() -> list[str]:
    """Every option of mounts that is not the file system's own."""
    return sorted({*mount.OPTIONS, *mount.PROPAGATION, *mount_plan.RECURSIVE, *mount_plan.EXTRAS})


def linux() -> dict[str, Any]:
    """What is particular to Linux."""
    return {
        "namespaces": sorted(namespaces.FLAGS),
        "capabilities": list(capabilities.NAMES),
        "cgroup": {"v1": True, "v2": True, "systemd": True, "systemdUser": True, "rdma": True},
        "seccomp": {
            "enabled": True,
            "actions": sorted(profile.ACTIONS),
            "operators": sorted(filter_program.COMPARE),
            "archs": [f"SCMP_ARCH_{name}" for name in sorted(families())],
            "knownFlags": sorted(profile.FLAGS),
            "supportedFlags": sorted(profile.FLAGS),
        },
        "apparmor": {"enabled": True},
        "selinux": {"enabled": False},
        "intelRdt": {"enabled": False},
        "mountExtensions": {"idmap": {"enabled": True}},
        "netDevices": {"enabled": False},
    }


def families() -> set[str]:
    """Machines whose system calls can be filtered here."""
    own = profile.FAMILIES.get(os.uname().machine, ())
    return {name.upper() for name in own}
