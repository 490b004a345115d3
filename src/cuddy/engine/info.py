"""Info: what this engine is, what it has, and what the host under it offers."""

from __future__ import annotations

import os
import sys

from cuddy import __version__
from cuddy.engine import containers
from cuddy.image import store
from cuddy.kernel import cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home

API_VERSION = "1.45"
MIN_API_VERSION = "1.24"


def version() -> dict[str, Any]:
    """The shape of Docker's GET /version."""
    system = os.uname()
    return {
        "Platform": {"Name": "cuddy"},
        "Version": __version__,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": MIN_API_VERSION,
        "Os": "linux",
        "Arch": architecture(system.machine),
        "KernelVersion": system.release,
        "PythonVersion": sys.version.split()[0],
    }


def architecture(machine: str) -> str:
    """The machine's name as Go, and so the OCI, writes it."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def info(home: Home) -> dict[str, Any]:
    """The shape of Docker's GET /info, as far as it means something here."""
    records = containers.list_containers(home, all=True)
    running = sum(record["State"]["Running"] for record in records)
    system = os.uname()
    return {
        "ID": "",
        "Containers": len(records),
        "ContainersRunning": running,
        "ContainersPaused": 0,
        "ContainersStopped": len(records) - running,
        "Images": len(store.list_images(home.storage)),
        "Driver": "overlay",
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": "2" if cgroup.find().mode == "v2" else "1",
        "CgroupMode": cgroup.find().mode,
        "KernelVersion": system.release,
        "OperatingSystem": operating_system(),
        "OSType": "linux",
        "Architecture": system.machine,
        "NCPU": len(os.sched_getaffinity(0)),
        "MemTotal": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "CuddyRootDir": home.root,
        "CuddyRunRoot": home.run_root,
        "DockerRootDir": home.root,
        "Name": system.nodename,
        "ServerVersion": __version__,
        "DefaultRuntime": "cuddy-runtime",
        "SecurityOptions": ["name=seccomp,profile=builtin", "name=cgroupns"],
    }


def operating_system() -> str:
    """PRETTY_NAME of os-release(5)."""
    try:
        with open("/etc/os-release", errors="replace") as file:
            for line in file.read(1 << 16).splitlines():
                if line.startswith("PRETTY_NAME="):
                    return line.partition("=")[2].strip("\"'")
    except OSError:
        pass
    return "Linux"
