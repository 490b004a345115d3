"""Kernel settings of a container: linux.sysctl (config-linux.md, "Sysctl").

Only what belongs to a namespace of the container's own may be set; the rest is the whole machine's.
"""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import mount, namespaces, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.bundle import Bundle

DIRECTORIES = {"net/": "network", "fs/mqueue/": "ipc"}
IPC_NAMES = ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced")
NAMES = {f"kernel/{name}": "ipc" for name in IPC_NAMES} | {
    "kernel/domainname": "uts",
}


def path_of(name: str) -> str:
    """Path below /proc/sys: the first separator, dot or slash, decides what the other means."""
    dot, slash = name.find("."), name.find("/")
    if slash >= 0 and not 0 <= dot < slash:
        return name
    return name.translate({ord("."): "/", ord("/"): "."})


def check(bundle: Bundle) -> None:
    """Refuse settings that are not the container's to make. Raises InvalidArgument."""
    for name, value in bundle.config["linux"].get("sysctl", {}).items():
        path = path_of(name)
        if path == "kernel/hostname" or (
            path == "kernel/domainname" and bundle.config.get("domainname", value) != value
        ):
            field = path.removeprefix("kernel/")
            raise InvalidArgument(f'sysctl "{name}" conflicts with OCI "{field}" field')
        kind = NAMES.get(path, "")
        for directory, its_kind in DIRECTORIES.items():
            if path.startswith(directory):
                kind = its_kind
        if not kind:
            raise InvalidArgument(f"sysctl {name} is the host's: it belongs to no namespace")
        if not has_own(bundle, kind):
            raise InvalidArgument(f"sysctl {name} needs a {kind} namespace")


def has_own(bundle: Bundle, kind: str) -> bool:
    """Whether it has a namespace of that kind that is not ours."""
    if path := bundle.namespace_path(kind):
        try:
            return not os.path.samefile(path, f"/proc/self/ns/{namespaces.LINKS[kind]}")
        except OSError:
            return True  # to join it will fail
    return bundle.has_namespace(kind)


def write(root_fd: int, settings: dict[str, str]) -> None:
    """Make the settings through the container's /proc. Raises SystemFailure."""
    if not settings:
        return
    sys_fd = resolve.open_beneath(root_fd, "proc/sys", os.O_PATH | os.O_DIRECTORY)
    try:
        if mount.magic_of(sys_fd) != mount.PROC_SUPER_MAGIC:  # CVE-2019-16884: an image's own files
            raise SystemFailure("cannot set sysctls: no proc is mounted at /proc")
        for name, value in settings.items():
            write_one(sys_fd, name, value)
    finally:
        os.close(sys_fd)


def write_one(sys_fd: int, name: str, value: str) -> None:
    """Make one setting."""
    try:
        fd = resolve.open_beneath(sys_fd, path_of(name), os.O_WRONLY)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot set sysctl {name}", error) from error
