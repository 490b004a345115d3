"""Info: what this engine is, what it has, and what the host under it offers."""

from __future__ import annotations

import os
import sys

from cuddy import __version__, files
from cuddy.engine import containers, host_config
from cuddy.image import store
from cuddy.kernel import cgroup, mount, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.kernel.cgroup_hierarchies import Hierarchies

FORWARDING = "/proc/sys/net/ipv4/ip_forward"
API_VERSION = "1.45"
MIN_API_VERSION = "1.24"


def version() -> dict[str, Any]:
    """The shape of Docker's GET /version."""
    system = os.uname()
    own = {
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MIN_API_VERSION,
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": architecture(system.machine),
        "KernelVersion": system.release,
        "BuildTime": "",
    }
    engine = {"Name": "Engine", "Version": __version__, "Details": own | {"Experimental": "false"}}
    return {
        "Platform": {"Name": "cuddy"},
        "Components": [engine],
        "Version": __version__,
        **own,
        "PythonVersion": sys.version.split()[0],
    }


def architecture(machine: str) -> str:
    """The machine's name as Go, and so the OCI, writes it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def info(home: Home) -> dict[str, Any]:
    """The shape of Docker's GET /info, in its order; of Swarm and plugins only that there are none.

    Raises CorruptContent, SystemFailure.
    """
    hierarchies = cgroup.find_own()
    found = {
        "ID": engine_id(home),
        **counts(home),
        "Driver": "overlay",
        "DriverStatus": [["Backing Filesystem", filesystem_of(home.root)]],
        "Plugins": plugins(),
        **limits_kept(hierarchies),
        "IPv4Forwarding": read_text(FORWARDING).strip() == "1",
        "Debug": False,
        "NFd": len(files.list_directory("/proc/self/fd")),
        "NGoroutines": 0,
        "SystemTime": files.now(),
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": "2" if hierarchies.mode == "v2" else "1",
        "CgroupMode": hierarchies.mode,
        "NEventsListener": 0,
        **about_host(),
        **about_engine(home),
    }
    return found | {"Warnings": warnings(found)}


def about_host() -> dict[str, Any]:
    """What this machine is."""
    system = os.uname()
    return {
        "KernelVersion": system.release,
        **operating_system(),
        "OSType": "linux",
        "Architecture": system.machine,
        "IndexServerAddress": "https://index.docker.io/v1/",
        "NCPU": len(os.sched_getaffinity(0)),
        "MemTotal": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "GenericResources": None,
    }


def about_engine(home: Home) -> dict[str, Any]:
    """What this engine is, and what it is not."""
    # Imported here: `version` needs a part of this module only.
    from cuddy.engine import other_runtimes

    no_swarm = {"NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive",
                "ControlAvailable": False, "Error": "", "RemoteManagers": None}  # fmt: skip
    return {
        "DockerRootDir": home.root,
        "CuddyRootDir": home.root,
        "CuddyRunRoot": home.run_root,
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": os.uname().nodename,
        "Labels": [],
        "ExperimentalBuild": False,
        "ServerVersion": __version__,
        "Runtimes": {host_config.RUNTIME: {"path": "cuddy-runtime"}} | other_runtimes.installed(),
        "DefaultRuntime": host_config.RUNTIME,
        "Swarm": no_swarm,
        "LiveRestoreEnabled": True,
        "Isolation": "",
        "InitBinary": "cuddy",
        "SecurityOptions": [
            "name=seccomp,profile=builtin",
            *([] if namespaces.is_initial("user") else ["name=rootless"]),
            "name=cgroupns",
        ],
    }


def counts(home: Home) -> dict[str, int]:
    """How many containers there are of which kind, and images."""
    states = [each["State"]["Status"] for each in containers.list_containers(home, all=True)]
    running, paused = states.count("running"), states.count("paused")
    return {
        "Containers": len(states),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(states) - running - paused,
        "Images": len(store.list_images(home.storage)),
    }


def engine_id(home: Home) -> str:
    """The same for a home on a machine for ever, and not for any other: machine-id(5)."""
    import hashlib  # not for `version` either

    machine = read_text("/etc/machine-id").strip() or os.uname().nodename
    digest = hashlib.sha256(f"{machine}\0{home.root}".encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))


def read_text(path: str) -> str:
    """A small text of the host's; nothing if it is not there."""
    try:
        return files.read_bytes(os.path.realpath(path), limit=1 << 16).decode(errors="replace")
    except (OSError, ValueError):
        return ""


def filesystem_of(path: str) -> str:
    """The type of the file system that a path is on."""
    around = [each for each in mount.list_mounts() if mount.contains(each.target, path)]
    return max(around, key=lambda each: len(each.target)).fstype if around else "unknown"


def plugins() -> dict[str, Any]:
    """What docker has as plugins, and we as parts."""
    # Imported here, as below: `version` is asked for often, and knows nothing of this.
    from cuddy.engine import logoptions

    drivers = sorted(set(logoptions.DRIVERS) - {"none"})
    networks = ["bridge", "host", "ipvlan", "macvlan", "null"]
    return {"Volume": ["local"], "Network": networks, "Authorization": None, "Log": drivers}


def limits_kept(hierarchies: Hierarchies) -> dict[str, bool]:
    """Which limits the kernel can keep."""
    from cuddy.engine import support

    needs = {field: need for need in support.NEEDS for field in need.fields}
    names = {
        "MemoryLimit": "Memory",
        "CpuCfsPeriod": "CpuPeriod",
        "CpuCfsQuota": "CpuQuota",
        "CPUShares": "CpuShares",
        "CPUSet": "CpusetCpus",
        "PidsLimit": "PidsLimit",
        "OomKillDisable": "OomKillDisable",
    }
    found = {name: support.has(hierarchies, needs[field]) for name, field in names.items()}
    swap = support.Need((), "memory", "memory.memsw.limit_in_bytes", "memory.swap.max", "")
    return {"MemoryLimit": found.pop("MemoryLimit"), "SwapLimit": support.has(hierarchies, swap),
            **found}  # fmt: skip


def warnings(found: Mapping[str, Any]) -> list[str] | None:
    """What a container may miss here, in Docker's words; None if nothing. Pure."""
    missing = {
        "MemoryLimit": "No memory limit support",
        "SwapLimit": "No swap limit support",
        "CPUShares": "No cpu shares support",
        "CpuCfsQuota": "No cpu cfs quota support",
        "CPUSet": "No cpuset support",
        "PidsLimit": "No pids limit support",
        "IPv4Forwarding": "IPv4 forwarding is disabled",
    }
    return [f"WARNING: {text}" for name, text in missing.items() if not found[name]] or None


def operating_system() -> dict[str, str]:
    """PRETTY_NAME and VERSION_ID of os-release(5)."""
    said = {"PRETTY_NAME": "Linux", "VERSION_ID": ""}
    for line in read_text("/etc/os-release").splitlines():
        name, _, value = line.partition("=")
        if name in said:
            said[name] = value.strip("\"'")
    return {"OperatingSystem": said["PRETTY_NAME"], "OSVersion": said["VERSION_ID"]}
