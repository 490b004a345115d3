"""What every container gets unless its options say otherwise: Docker's defaults, or stricter."""

from __future__ import annotations

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.runtime.spec import Device, MountEntry

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

ROUND_THE_RULES = {
    "CAP_NET_ADMIN": "changes the rules",
    "CAP_NET_RAW": "sends packets past the rules",
    "CAP_SYS_ADMIN": "enters other namespaces",
    "CAP_SYS_PTRACE": "takes over processes that have more power",
    "CAP_SYS_MODULE": "changes the kernel",
    "CAP_SYS_RAWIO": "changes the kernel",
    "CAP_BPF": "changes what the network does",
    "CAP_PERFMON": "changes what the network does",
    "CAP_DAC_READ_SEARCH": "opens files of the host",
    "CAP_SYS_BOOT": "changes the kernel",
}
"""Capabilities that a container under egress control never has, and what each of them does."""
CAPABILITIES = frozenset(
    f"CAP_{name}"
    for name in (
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID",
        "SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    )
)  # fmt: skip

MASKED_PATHS = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
]
READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

MAX_GID = 2147483647

NAMESPACES = ("mount", "uts", "ipc", "pid", "network", "cgroup")

# Devices a container may use (cgroup rules; the first line denies everything).
DEVICE_RULES: list[dict[str, Any]] = [
    {"allow": False, "access": "rwm"},
    # Making a node harms nobody: opening it is what the rules below decide.
    {"allow": True, "type": "c", "access": "m"},
    {"allow": True, "type": "b", "access": "m"},
    *(
        {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
        for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2))
    ),
    {"allow": True, "type": "c", "major": 136, "access": "rwm"},
]
ALL_DEVICES: list[dict[str, Any]] = [{"allow": True, "access": "rwm"}]


class Granted(NamedTuple):
    """The devices a container gets: nodes, and the rules that let it use them."""

    nodes: tuple[Device, ...] = ()
    rules: tuple[dict[str, Any], ...] = tuple(DEVICE_RULES)


def network_sysctls(max_gid: int) -> dict[str, str]:
    """In a network of its own nobody but the container is in the way of port 80, and ping needs no
    raw socket: Docker's defaults since 20.10.
    """
    return {
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ping_group_range": f"0 {max_gid}",
    }


def mounts(shm_size: int, *, writable: bool, writable_cgroups: bool = False) -> list[MountEntry]:
    """The kernel's file systems; `writable` for --privileged."""
    mode = "rw" if writable else "ro"
    cgroup_mode = "rw" if writable or writable_cgroups else "ro"
    return [
        entry("/proc", "proc", "proc", "nosuid", "noexec", "nodev"),
        entry("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        entry(
            "/dev/pts", "devpts", "devpts",
            "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5",
        ),
        entry("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", mode),
        entry("/sys/fs/cgroup", "cgroup", "cgroup", cgroup_mode, "nosuid", "noexec", "nodev"),
        entry("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
        entry(
            "/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777",
            f"size={shm_size}",
        ),
    ]  # fmt: skip


def entry(destination: str, fstype: str, source: str, *options: str) -> MountEntry:
    """One mount of config.json."""
    return {
        "destination": destination,
        "type": fstype,
        "source": source,
        "options": list(options),
    }
