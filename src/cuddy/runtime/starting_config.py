"""A config to begin with, which people then change: what `cuddy-runtime spec` writes.

It runs a shell with few powers in a root file system that it cannot write to.
"""

from __future__ import annotations

from cuddy.runtime.bundle import OCI_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.spec import Config, Linux, MountEntry, Process

CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
NAMESPACES = ("pid", "network", "ipc", "uts", "mount")
MASKED = [
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
]  # fmt: skip
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
NOTHING_SPECIAL = ["nosuid", "noexec", "nodev"]


def make(*, cgroup_namespace: bool) -> Config:
    """For root. `cgroup_namespace`: as runc has it on a host with control groups version 2."""
    kinds = (*NAMESPACES, *(["cgroup"] if cgroup_namespace else []))
    return {
        "ociVersion": OCI_VERSION,
        "process": process(),
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "cuddy",
        "mounts": mounts(),
        "linux": {
            "resources": {"devices": [{"allow": False, "access": "rwm"}]},
            "namespaces": [{"type": kind} for kind in kinds],
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
        },
    }


def process() -> Process:
    """A shell at a terminal."""
    return {
        "terminal": True,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TERM=xterm",
        ],
        "cwd": "/",
        "capabilities": {
            "bounding": CAPABILITIES,
            "effective": CAPABILITIES,
            "permitted": CAPABILITIES,
        },
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    }


def mounts() -> list[MountEntry]:
    """What programs expect to be there."""
    return [
        entry("/proc", "proc", "proc"),
        entry("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        entry(
            "/dev/pts", "devpts", "devpts",
            "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5",
        ),
        entry("/dev/shm", "tmpfs", "shm", *NOTHING_SPECIAL, "mode=1777", "size=65536k"),
        entry("/dev/mqueue", "mqueue", "mqueue", *NOTHING_SPECIAL),
        entry("/sys", "sysfs", "sysfs", *NOTHING_SPECIAL, "ro"),
        entry("/sys/fs/cgroup", "cgroup", "cgroup", *NOTHING_SPECIAL, "relatime", "ro"),
    ]  # fmt: skip


def entry(destination: str, kind: str, source: str, *options: str) -> MountEntry:
    """One mount; no options are no list, as runc writes it."""
    made: MountEntry = {"destination": destination, "type": kind, "source": source}
    if options:
        made["options"] = list(options)
    return made


def for_user(config: Config, uid: int, gid: int) -> Config:
    """The same for an ordinary user: as root of a user namespace with one id, on the host's
    network, without limits.
    """
    linux: Linux = {**config["linux"]}
    del linux["resources"]
    kept = [entry for entry in linux["namespaces"] if entry["type"] != "network"]
    linux["namespaces"] = [*kept, {"type": "user"}]
    linux["uidMappings"] = [{"containerID": 0, "hostID": uid, "size": 1}]
    linux["gidMappings"] = [{"containerID": 0, "hostID": gid, "size": 1}]
    changed: Config = {**config}
    changed["mounts"] = [
        rootless(mount) for mount in config["mounts"] if mount["destination"] != "/sys/fs/cgroup"
    ]
    changed["linux"] = linux
    return changed


def rootless(mount: MountEntry) -> MountEntry:
    """A mount without what a user namespace may not have."""
    if mount["destination"] == "/sys":
        # A sysfs of one's own needs a network namespace of one's own.
        return entry("/sys", "none", "/sys", "rbind", *NOTHING_SPECIAL, "ro")
    options = [each for each in mount.get("options", []) if each[:4] not in ("gid=", "uid=")]
    changed: MountEntry = {**mount}
    if options:
        changed["options"] = options
    return changed
