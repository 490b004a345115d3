"""From a container's record to config.json: the decisions, all pure. `runtime` does the doing."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import (
    default_profile,
    defaults,
    docker_profile,
    limits,
    mount_entries,
    network_files,
    process,
    sharing,
)
from cuddy.engine.defaults import Granted
from cuddy.kernel import capabilities, namespaces
from cuddy.runtime.bundle import ALONE, INIT_ANNOTATION, OCI_VERSION
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.engine.cdi import Edits
    from cuddy.engine.container import Container
    from cuddy.engine.users import Identity
    from cuddy.runtime.spec import (
        Config,
        ConsoleSize,
        Linux,
        MountEntry,
        Namespace,
        Process,
    )


class Host(NamedTuple):
    """What of this machine shapes a container."""

    kernel: tuple[int, int]
    machine: str
    capabilities: frozenset[str]  # what the engine itself has
    devices: Granted = Granted()
    block_devices: Mapping[str, tuple[int, int]] = {}  # numbers of those that limits name
    cpus: int = 1
    namespaces: Mapping[str, str] = {}  # paths of those that are another container's
    edits: Edits | None = None  # for devices that vendors have named
    max_gid: int = defaults.MAX_GID  # the highest that there is


def this_host(container: Container) -> Host:
    """The machine we are on; of its devices those that the container asks for.

    Raises InvalidArgument for a device that is not there.
    """
    release = os.uname().release.split(".")
    minor = "".join(c if c.isdigit() else " " for c in release[1]).split()
    config = container["HostConfig"]
    return Host(
        (int(release[0]), int(minor[0]) if minor else 0),
        os.uname().machine,
        capabilities.own(),
        find_devices(config),
        number_devices(config),
        os.cpu_count() or 1,
        edits=find_edits(config["DeviceRequests"]),
        max_gid=defaults.MAX_GID if namespaces.is_initial("user") else highest_gid(),
    )


def highest_gid() -> int:
    """The highest group of the user namespace that cuddy is in."""
    from cuddy.kernel import idmap

    return min(defaults.MAX_GID, max(r.container_id + r.size - 1 for r in idmap.own_maps()[1]))


def find_devices(config: dict[str, Any]) -> Granted:
    """The devices that a container gets. Raises InvalidArgument."""
    if not (config["Privileged"] or config["Devices"] or config["DeviceCgroupRules"]):
        return Granted()
    # Imported here: most containers have only the usual ones.
    from cuddy.engine import devices

    return devices.gather(config)


def number_devices(config: dict[str, Any]) -> Mapping[str, tuple[int, int]]:
    """The numbers of the block devices that limits name. Raises InvalidArgument."""
    if not limits.are_set(config):
        return {}
    # Imported here, as below: most containers have no limits.
    from cuddy.engine import resources

    return resources.numbers_of(config)


def find_edits(requests: list[dict[str, Any]]) -> Edits | None:
    """What the devices need that vendors have named. Raises InvalidArgument."""
    if not requests:
        return None
    from cuddy.engine import cdi

    return cdi.find(requests)


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
    if host_config["UTSMode"] != "host":
        config["hostname"] = container["Config"]["Hostname"]
        if domainname := container["Config"]["Domainname"]:
            config["domainname"] = domainname
    if host.edits:
        from cuddy.engine import cdi

        cdi.apply(config, host.edits)
    return config


def notes(container: Container) -> dict[str, str]:
    """What other tools may like to know, and what our own runtime is told beyond the standard."""
    found = {"org.opencontainers.image.ref.name": container["Config"]["Image"]}
    found |= container["HostConfig"]["Annotations"]
    if container["HostConfig"]["Init"]:
        found[INIT_ANNOTATION] = ALONE if "Sandbox" in container else "true"
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
            # The primary group as well, or what is denied to it is not (CVE-2022-2989).
            "additionalGids": sorted({identity.gid, *identity.groups}),
        },
        "args": words,
        "env": process.with_home(process.variables(config), identity.home),
        "cwd": config["WorkingDir"] or "/",
        "capabilities": process.capability_sets(
            process.granted(host_config, host.capabilities), identity.uid
        ),
        "rlimits": limits.rlimits(host_config),
        "noNewPrivileges": no_new_privileges(host_config),
    }
    if (profile := process.apparmor_profile(host_config)) not in ("", "unconfined"):
        result["apparmorProfile"] = profile
    if score := host_config["OomScoreAdj"]:
        result["oomScoreAdj"] = score
    if size and config["Tty"]:
        result["consoleSize"] = size
    return result


def no_new_privileges(host_config: dict[str, Any]) -> bool:
    """Whether set-uid programs are powerless inside."""
    value = process.security(host_config["SecurityOpt"]).get("no-new-privileges", "false")
    return value in process.TRUE


def build_mounts(container: Container) -> list[MountEntry]:
    """The kernel's file systems, then the user's mounts, outermost first, then the files that we
    manage: what the user mounts above them must not hide them.
    """
    own = mount_entries.build_entries(container)
    replaced = {entry["destination"] for entry in own}
    found = [e for e in kernel_mounts(container) if not is_replaced(e["destination"], replaced)]
    ours = list(network_files.entries(container))
    if container["HostConfig"]["IDMappings"]:
        for entry in ours:
            entry["options"].append("idmap")
    return [*found, *own, *ours]


def kernel_mounts(container: Container) -> list[MountEntry]:
    """What the kernel shows, and the memory shared with whoever has the same ipc namespace."""
    config = container["HostConfig"]
    options = process.security(config["SecurityOpt"])
    found = defaults.mounts(
        config["ShmSize"],
        writable=config["Privileged"],
        writable_cgroups=options.get("writable-cgroups", "false") in process.TRUE,
    )
    own = [entry for entry in found if entry["destination"] != "/dev/shm"]
    if config["IpcMode"] == "none":
        return own
    if config["IpcMode"] == "host":
        return [*own, shared_memory("/dev/shm")]
    if sharing.peer_of(config["IpcMode"]):
        return [*own, shared_memory(sharing.MEMORY)]
    return found


def shared_memory(source: str) -> MountEntry:
    """Somebody else's /dev/shm as the container's."""
    return defaults.entry("/dev/shm", "bind", source, "bind", "nosuid", "nodev", "noexec")


def is_replaced(destination: str, replaced: set[str]) -> bool:
    """Whether the user put something of their own there; a /dev of theirs is theirs wholly."""
    return destination in replaced or ("/dev" in replaced and destination.startswith("/dev/"))


def build_linux(container: Container, host: Host) -> Linux:
    """Namespaces, resources, seccomp and masks."""
    host_config = container["HostConfig"]
    options = process.security(host_config["SecurityOpt"])
    linux: Linux = {
        "namespaces": namespaces_of(host_config, host.namespaces),
        "resources": build_resources(host_config, host),
        "cgroupsPath": f"{limits.cgroup_parent(host_config)}/{container['Id']}",
        "devices": list(host.devices.nodes),
    }
    own_network = host_config["NetworkMode"] != "host" and "network" not in host.namespaces
    network = defaults.network_sysctls(host.max_gid) if own_network else {}
    if propagation := mount_entries.root_propagation(container["Mounts"]):
        linux["rootfsPropagation"] = propagation
    if host_config["IDMappings"]:
        # Imported here: most containers have the host's users.
        from cuddy.engine import userns

        network = userns.apply(linux, container, network)
    linux["sysctl"] = network | host_config["Sysctls"]
    if masked := host_config["MaskedPaths"]:
        linux["maskedPaths"] = [*masked, *thermal_paths(host.cpus)]
    linux["readonlyPaths"] = list(host_config["ReadonlyPaths"] or ())
    if profile := seccomp_profile(options, host_config, host):
        linux["seccomp"] = profile
    return linux


def build_resources(host_config: dict[str, Any], host: Host) -> dict[str, Any]:
    """What the container may use, and which devices."""
    found: dict[str, Any] = {"devices": list(host.devices.rules)}
    if not limits.are_set(host_config):
        return found
    from cuddy.engine import resources

    return resources.resources(host_config, host.block_devices) | found


def namespaces_of(host_config: dict[str, Any], paths: Mapping[str, str]) -> list[Namespace]:
    """The namespaces that the container gets, or joins by their paths."""
    fields = {
        "network": "NetworkMode", "pid": "PidMode", "ipc": "IpcMode", "uts": "UTSMode",
        "cgroup": "CgroupnsMode",
    }  # fmt: skip
    shared = {kind for kind, field in fields.items() if host_config[field] == "host"}
    found: list[Namespace] = []
    kinds = (*(("user",) if host_config["IDMappings"] else ()), *defaults.NAMESPACES)
    for kind in kinds:
        if kind in paths:
            found.append({"type": kind, "path": paths[kind]})
        elif kind not in shared:
            found.append({"type": kind})
    return found


def thermal_paths(cpus: int) -> list[str]:
    """Thermal throttling counters of each CPU, a channel between tenants (GHSA-6fw5-f8r9-fgfm)."""
    pattern = "/sys/devices/system/cpu/cpu{}/thermal_throttle"
    return [pattern.format(number) for number in range(cpus)]


def seccomp_profile(
    options: dict[str, str], host_config: dict[str, Any], host: Host
) -> dict[str, Any]:
    """The filter: Docker's default, the user's own, or none."""
    choice = options.get("seccomp", "unconfined" if host_config["Privileged"] else "builtin")
    names = process.granted(host_config, host.capabilities)
    if choice in ("unconfined", "builtin") and host_config.get("Egress"):
        # Imported here: few containers are under egress control.
        from cuddy.engine import egress_powers

        return egress_powers.seccomp_profile(choice, host_config, names, host.kernel, host.machine)
    if choice == "unconfined":
        return {}
    if choice == "builtin":
        return default_profile.build(names, host.kernel, host.machine)
    return docker_profile.specialize(files.parse_json(choice), names, host.kernel, host.machine)
