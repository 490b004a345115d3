"""/dev of a container: the few nodes every program expects, those the config adds, and the links.

Made by descriptors inside the fresh tmpfs, so that nothing of the image can stand in the way
(runtime-spec, config-linux.md "Default Devices").
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import mount, resolve
from cuddy.runtime.mount_plan import clean
from cuddy.runtime.rootfs import make_leaf, make_parents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.spec import Config, Device

# name, major, minor: Documentation/admin-guide/devices.txt
DEFAULT_NODES = (
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
)
LINKS = (
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
)
KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


def make_devices(config: Config, root_fd: int, *, in_user_namespace: bool) -> None:
    """Fill the container's /dev. Raises SystemFailure."""
    dev_fd = resolve.open_beneath(root_fd, "dev", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name, major, minor in DEFAULT_NODES:
            node: Device = {"path": f"/dev/{name}", "type": "c", "major": major, "minor": minor}
            make_node(node, root_fd, bind=in_user_namespace)
        for device in config["linux"].get("devices", []):
            make_node(device, root_fd, bind=in_user_namespace)
        make_links(dev_fd)
    except OSError as error:
        raise SystemFailure.from_os("cannot fill /dev of the container", error) from error
    finally:
        os.close(dev_fd)


def make_node(device: Device, root_fd: int, *, bind: bool) -> None:
    """One device: a node of its own, or the host's bound there where mknod(2) is not allowed."""
    path = clean(device["path"])
    if device["type"] not in KINDS:
        raise InvalidArgument(f"device {path}: unknown type {device['type']!r}")
    make_parents(root_fd, path)
    if bind and device["type"] != "p":
        bind_node(device, path, root_fd)
        return
    parent_fd = resolve.open_in_root(root_fd, os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
    name = os.path.basename(path)
    mode = device.get("fileMode", 0o666) & 0o777
    number = os.makedev(device.get("major", 0), device.get("minor", 0))
    try:
        os.mknod(name, KINDS[device["type"]] | mode, number, dir_fd=parent_fd)
    except FileExistsError:
        status = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
        if stat.S_IFMT(status.st_mode) != KINDS[device["type"]] or status.st_rdev != number:
            raise
    else:
        # The process's umask took bits from the mode; chmod by the parent's descriptor puts them
        # back: nobody else can reach this tmpfs yet.
        os.chmod(f"/proc/self/fd/{parent_fd}/{name}", mode)
        if device.get("uid") or device.get("gid"):
            os.chown(
                name, device.get("uid", 0), device.get("gid", 0), dir_fd=parent_fd,
                follow_symlinks=False,
            )  # fmt: skip
    finally:
        os.close(parent_fd)


def bind_node(device: Device, path: str, root_fd: int) -> None:
    """Show the host's device. It is looked at by descriptors that cannot open it."""
    source_fd = open_host_node(device, path)
    try:
        number = os.fstat(source_fd).st_rdev
        try:
            target_fd = resolve.open_in_root(root_fd, path, os.O_PATH)
        except FileNotFoundError:
            make_leaf(root_fd, path, directory=False)
            target_fd = resolve.open_in_root(root_fd, path, os.O_PATH)
        try:
            if os.fstat(target_fd).st_rdev != number:
                mount.bind(f"/proc/self/fd/{source_fd}", f"/proc/self/fd/{target_fd}")
        finally:
            os.close(target_fd)
    finally:
        os.close(source_fd)


def open_host_node(device: Device, path: str) -> int:
    """A node of the host's with the device's number: at the same path, or where the kernel says."""
    number = os.makedev(device.get("major", 0), device.get("minor", 0))
    kind = KINDS[device["type"]]
    folder = "block" if kind == stat.S_IFBLK else "char"
    uevent = f"/sys/dev/{folder}/{os.major(number)}:{os.minor(number)}/uevent"
    for place in (path, *names_in(uevent)):
        try:
            fd = os.open(place, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        status = os.fstat(fd)
        if stat.S_IFMT(status.st_mode) == kind and status.st_rdev == number:
            return fd
        os.close(fd)
    raise FileNotFoundError(errno.ENOENT, "no such device on this host", path)


def names_in(uevent: str) -> list[str]:
    """Where udev or the kernel has put a device."""
    try:
        with open(uevent) as file:
            lines = file.read(4096).splitlines()
    except OSError:
        return []
    return [f"/dev/{line[8:]}" for line in lines if line.startswith("DEVNAME=")]


def make_links(dev_fd: int) -> None:
    """The links of /dev; one that is there already stays."""
    for name, target in LINKS:
        try:
            os.symlink(target, name, dir_fd=dev_fd)
        except FileExistsError:
            pass
