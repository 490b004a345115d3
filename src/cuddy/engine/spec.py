"""From a container's record to config.json: the decisions, all pure. `runtime` does the doing."""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.engine import default_profile, defaults, docker_profile, limits, mounts, process
from cuddy.kernel import capabilities
from cuddy.runtime.bundle import INIT_ANNOTATION
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.users import Identity
    from cuddy.runtime.spec import (
        Capabilities,
        Config,
        ConsoleSize,
        Device,
        Linux,
        MountEntry,
        Process,
    )

OCI_VERSION = "1.2.0"
OWN_DEVICES = frozenset(
    f"/dev/{name}" for name in ("pts", "shm", "mqueue", "console", "ptmx", "fd", "hugepages")
)


class Host(NamedTuple):
    """What of this machine shapes a container."""

    kernel: tuple[int, int]
    machine: str
    capabilities: frozenset[str]  # what the engine itself has
    devices: tuple[Device, ...] = ()  # every device of the host: for --privileged only
    cpus: int = 1


def this_host(container: Container) -> Host:
    """The machine we are on; its devices only for whoever gets them all."""
    release = os.uname().release.split(".")
    minor = "".join(c if c.isdigit() else " " for c in release[1]).split()
    privileged = container["HostConfig"]["Privileged"]
    return Host(
        (int(release[0]), int(minor[0]) if minor else 0),
        os.uname().machine,
        capabilities.own(),
        tuple(host_devices("/dev")) if privileged else (),
        os.cpu_count() or 1,
    )


def host_devices(directory: str) -> list[Device]:
    """Every device node below the host's /dev, but those that a container has of its own."""
    found: list[Device] = []
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.path in OWN_DEVICES or entry.is_symlink():
                continue
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                found += host_devices(entry.path)
            elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
                found.append(device(entry.path, status))
    return found


def device(path: str, status: os.stat_result) -> Device:
    """A device node as config.json has it."""
    return {
        "path": path,
        "type": "c" if stat.S_ISCHR(status.st_mode) else "b",
        "major": os.major(status.st_rdev),
        "minor": os.minor(status.st_rdev),
        "fileMode": status.st_mode & 0o777,
        "uid": status.st_uid,
        "gid": status.st_gid,
    }


def build_spec(
    container: Container, identity: Identity, host: Host, size: ConsoleSize | None = None
) -> Config:
    """config.json of a container whose root file system stands at `rootfs` in its bundle."""
    host_config = container["HostConfig"]
    config: Config = {
        "ociVersion": OCI_VERSION,
        "root": {"path": "rootfs", "readonly": host_config["ReadonlyRootfs"]},
        "process": build_process(container, identity, host, size),
        "mounts": build_mounts(container),
        "linux": build_linux(container, host),
        "annotations": notes(container),
    }
    config["hostname"] = container["Config"]["Hostname"]
    if domainname := container["Config"]["Domainname"]:
        config["domainname"] = domainname
    return config


def notes(container: Container) -> dict[str, str]:
    """What other tools may like to know, and what our own runtime is told beyond the standard."""
    found = {"org.opencontainers.image.ref.name": container["Config"]["Image"]}
    if container["HostConfig"]["Init"]:
        found[INIT_ANNOTATION] = "true"
    return found


def build_process(
    container: Container, identity: Identity, host: Host, size: ConsoleSize | None
) -> Process:
    """What runs, as whom, with which power."""
    config, host_config = container["Config"], container["HostConfig"]
    words = [container["Path"], *container["Args"]]
    result: Process = {
        "terminal": config["Tty"],
        "user": {
            "uid": identity.uid,
            "gid": identity.gid,
            "additionalGids": list(identity.groups),
        },
        "args": words,
        "env": with_home(config["Env"], identity),
        "cwd": config["WorkingDir"] or "/",
        "capabilities": capability_sets(granted(host_config, host), identity.uid),
        "rlimits": limits.rlimits(host_config),
        "noNewPrivileges": no_new_privileges(host_config),
    }
    if size and config["Tty"]:
        result["consoleSize"] = size
    return result


def with_home(environment: list[str], identity: Identity) -> list[str]:
    """HOME from the image's passwd file, unless somebody said otherwise."""
    if any(entry.startswith("HOME=") for entry in environment):
        return environment
    return [*environment, f"HOME={identity.home}"]


def granted(host_config: dict[str, Any], host: Host) -> frozenset[str]:
    """The capabilities asked for, as far as the engine has them itself."""
    wanted = process.capability_set(
        host_config["CapAdd"], host_config["CapDrop"], privileged=host_config["Privileged"]
    )
    return wanted & host.capabilities


def capability_sets(names: frozenset[str], uid: int) -> Capabilities:
    """Root gets them now; another user only what a set-uid program may regain: the bounding set.

    Inheritable and ambient are always empty (CVE-2022-24769).
    """
    bounding = sorted(names)
    current = bounding if uid == 0 else []
    return {
        "bounding": bounding,
        "permitted": current,
        "effective": current,
        "inheritable": [],
        "ambient": [],
    }


def no_new_privileges(host_config: dict[str, Any]) -> bool:
    """Whether set-uid programs are powerless inside."""
    value = process.security(host_config["SecurityOpt"]).get("no-new-privileges", "false")
    return value in ("", "true")


def build_mounts(container: Container) -> list[MountEntry]:
    """The kernel's file systems, then the managed files, then the user's mounts, outermost
    first.
    """
    host_config = container["HostConfig"]
    found = defaults.mounts(host_config["ShmSize"], writable=host_config["Privileged"])
    if host_config["IpcMode"] == "host":
        found = [entry for entry in found if entry["destination"] != "/dev/mqueue"]
    targets = {bind["Destination"] for bind in container["Mounts"]}
    for name, path in (
        ("/etc/resolv.conf", container["ResolvConfPath"]),
        ("/etc/hostname", container["HostnamePath"]),
        ("/etc/hosts", container["HostsPath"]),
    ):
        if name not in targets:
            found.append(mounts.bind_entry(path, name))
    own = mounts.build_entries(container)
    replaced = {entry["destination"] for entry in own}
    return [e for e in found if not is_replaced(e["destination"], replaced)] + own


def is_replaced(destination: str, replaced: set[str]) -> bool:
    """Whether the user put something of their own there; a /dev of theirs is theirs wholly."""
    return destination in replaced or ("/dev" in replaced and destination.startswith("/dev/"))


def build_linux(container: Container, host: Host) -> Linux:
    """Namespaces, resources, seccomp and masks."""
    host_config = container["HostConfig"]
    options = process.security(host_config["SecurityOpt"])
    linux: Linux = {
        "namespaces": [{"type": kind} for kind in namespaces_of(host_config)],
        "resources": limits.resources(host_config),
        "cgroupsPath": f"/cuddy/{container['Id']}",
    }
    if host_config["NetworkMode"] != "host":
        linux["sysctl"] = dict(defaults.NETWORK_SYSCTLS)
    if propagation := mounts.root_propagation(container["Mounts"]):
        linux["rootfsPropagation"] = propagation
    if host_config["Privileged"]:
        linux["devices"] = list(host.devices)
    elif "systempaths" not in options:
        linux["maskedPaths"] = [*defaults.MASKED_PATHS, *thermal_paths(host.cpus)]
        linux["readonlyPaths"] = list(defaults.READONLY_PATHS)
    if profile := seccomp_profile(options, host_config, host):
        linux["seccomp"] = profile
    return linux


def namespaces_of(host_config: dict[str, Any]) -> list[str]:
    """The namespaces of its own that the container gets."""
    shared = {
        kind
        for kind, field in (("network", "NetworkMode"), ("pid", "PidMode"), ("ipc", "IpcMode"))
        if host_config[field] == "host"
    }
    return [kind for kind in defaults.NAMESPACES if kind not in shared]


def thermal_paths(cpus: int) -> list[str]:
    """Thermal throttling counters of each CPU, a channel between tenants (GHSA-6fw5-f8r9-fgfm)."""
    pattern = "/sys/devices/system/cpu/cpu{}/thermal_throttle"
    return [pattern.format(number) for number in range(cpus)]


def seccomp_profile(
    options: dict[str, str], host_config: dict[str, Any], host: Host
) -> dict[str, Any]:
    """The filter: Docker's default, the user's own, or none."""
    choice = options.get("seccomp", "unconfined" if host_config["Privileged"] else "builtin")
    if choice == "unconfined":
        return {}
    names = granted(host_config, host)
    if choice == "builtin":
        return default_profile.build(names, host.kernel, host.machine)
    return docker_profile.specialize(files.parse_json(choice), names, host.kernel, host.machine)
