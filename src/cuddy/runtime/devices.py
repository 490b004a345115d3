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
from cuddy.runtime.mount_plan import check_text, clean
from cuddy.runtime.targets import make_leaf, make_parents

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
MAJORS, MINORS = 1 << 12, 1 << 20
"""How many numbers the kernel has: linux/kdev_t.h."""
CORE = ("core", "/proc/kcore")
"""If this kernel has it."""
KINDS = {"c": stat.S_IFCHR, "u": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}


def make_devices(config: Config, root_fd: int, *, in_user_namespace: bool) -> None:
    """Fill the container's /dev. Raises SystemFailure."""
    dev_fd = -1
    # Modes as they are asked for from the first: to change one later goes by a name, and where /dev
    # is no tmpfs of ours, others may have put a link to a file of the host's there meanwhile.
    umask = os.umask(0)
    try:
        dev_fd = open_dev(root_fd)
        for device in wanted(config):
            make_node(device, root_fd, bind=in_user_namespace)
        make_links(dev_fd)
    except OSError as error:
        raise SystemFailure.from_os("cannot fill /dev of the container", error) from error
    finally:
        os.umask(umask)
        if dev_fd >= 0:
            os.close(dev_fd)


def open_dev(root_fd: int) -> int:
    """The container's /dev, made if its image has none. No link may stand in its place."""
    try:
        os.mkdir("dev", 0o755, dir_fd=root_fd)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.EROFS):
            raise
    return resolve.open_beneath(root_fd, "dev", os.O_RDONLY | os.O_DIRECTORY)


def wanted(config: Config) -> list[Device]:
    """What every container has, and what the config adds."""
    default: list[Device] = [
        {"path": f"/dev/{name}", "type": "c", "major": major, "minor": minor}
        for name, major, minor in DEFAULT_NODES
    ]
    return default + config["linux"].get("devices", [])


def check(config: Config) -> None:
    """Refuse devices that there cannot be. Raises InvalidArgument."""
    for device in config["linux"].get("devices", []):
        check_text(device["path"])
        kind_of(device)
        number_of(device)


def kind_of(device: Device) -> int:
    """The kind of file that a device is (inode(7)). Raises InvalidArgument."""
    if device["type"] not in KINDS:
        raise InvalidArgument(f"device {device['path']}: unknown type {device['type']!r}")
    return KINDS[device["type"]]


def number_of(device: Device) -> int:
    """The number of a device; a fifo has none, whatever is said."""
    if device["type"] == "p":
        return 0
    major, minor = device.get("major", 0), device.get("minor", 0)
    if not (0 <= major < MAJORS and 0 <= minor < MINORS):
        raise InvalidArgument(f"device {device['path']}: there is no number {major}:{minor}")
    return os.makedev(major, minor)


def mode_of(device: Device) -> int:
    """Who may use it."""
    return device.get("fileMode", 0o666) & 0o777


def make_node(device: Device, root_fd: int, *, bind: bool) -> None:
    """One device: a node of its own, or the host's bound there where mknod(2) is not allowed."""
    path, kind, number = clean(device["path"]), kind_of(device), number_of(device)
    make_parents(root_fd, path)
    if bind and device["type"] != "p":
        bind_node(device, path, root_fd)
        return
    parent_fd = resolve.open_in_root(root_fd, os.path.dirname(path), os.O_PATH | os.O_DIRECTORY)
    name = os.path.basename(path)
    try:
        os.mknod(name, kind | mode_of(device), number, dir_fd=parent_fd)
    except FileExistsError:
        status = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
        if stat.S_IFMT(status.st_mode) != kind or status.st_rdev != number:
            raise
    else:
        if device.get("uid") or device.get("gid"):
            os.chown(
                name, device.get("uid", 0), device.get("gid", 0), dir_fd=parent_fd,
                follow_symlinks=False,
            )  # fmt: skip
    finally:
        os.close(parent_fd)


def bind_node(device: Device, path: str, root_fd: int) -> None:
    """Show the host's device, unless the creator has made one. It is looked at by descriptors that
    cannot open it.
    """
    try:
        target_fd = resolve.open_in_root(root_fd, path, os.O_PATH)
    except FileNotFoundError:
        make_leaf(root_fd, path, directory=False)
        target_fd = resolve.open_in_root(root_fd, path, os.O_PATH)
    try:
        status = os.fstat(target_fd)
        kind, number = kind_of(device), number_of(device)
        if stat.S_IFMT(status.st_mode) == kind and status.st_rdev == number:
            return
        source_fd = open_host_node(device, path)
        try:
            attach_node(source_fd, target_fd)
        finally:
            os.close(source_fd)
    finally:
        os.close(target_fd)


def attach_node(source_fd: int, target_fd: int) -> None:
    """Bind an open device to a place, where nothing but the device can be used."""
    flags = mount.OPEN_TREE_CLONE | mount.AT_EMPTY_PATH
    tree_fd = mount.open_tree("", flags, dir_fd=source_fd)
    try:
        sets = mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NOEXEC
        mount.mount_setattr(tree_fd, sets, propagation=mount.MS_PRIVATE)
        mount.move_mount(tree_fd, "", dir_fd=target_fd)
    finally:
        os.close(tree_fd)


def open_host_node(device: Device, path: str) -> int:
    """A node of the host's with the device's number: at the same path, or where the kernel says."""
    number, kind = number_of(device), kind_of(device)
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
    """The links of /dev; what is there already stays."""
    links = (*LINKS, CORE) if os.path.exists(CORE[1]) else LINKS
    for name, target in links:
        try:
            os.symlink(target, name, dir_fd=dev_fd)
        except FileExistsError:
            pass
