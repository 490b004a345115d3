"""Making the view of a trial: mounts in a mount namespace of our own, then it becomes the root."""

from __future__ import annotations

import errno
import os
import stat

from cuddy.engine import trial_plan
from cuddy.engine.trial_plan import BIND, DEVICES, FROZEN, OVERLAY, SPLIT, Kinds, Part
from cuddy.kernel import mount, namespaces, overlay, pivot_root, transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

NODES = ("null", "zero", "full", "random", "urandom", "tty", "fuse", "net/tun")
LINKS = (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
         ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"))  # fmt: skip
SHARED = ("/tmp", "/var/tmp")
"""Where every user has files."""
LARGEST_COPY = 4 << 20
"""Larger files of a split directory are not copied, but shown read-only."""

Copied = dict[str, dict[str, list[int]]]


def decide(closed: Collection[str], own: Collection[str]) -> list[Part]:
    """The parts of the view of this machine as it is now. `own`: where the caller works."""
    ask = Kinds(is_directory, names_in, file_kind)
    points = mount.list_mounts()
    if namespaces.is_initial("user"):
        return trial_plan.plan(points, ask, closed=closed)
    places = {topmost(os.path.realpath(path)) for path in own if is_directory(path)}
    places |= {path for path in SHARED if is_directory(path)}
    return trial_plan.plan(points, ask, closed=closed, own=places - {"/"}, splits=True)


def topmost(path: str) -> str:
    """The uppermost directory on the way to a path from which on all are the caller's."""
    while (above := os.path.dirname(path)) != path and os.stat(above).st_uid == os.geteuid():
        path = above
    return path


def is_directory(path: str) -> bool:
    """Whether a path is a directory that is no link."""
    return stat.S_ISDIR(mode_of(path))


def file_kind(path: str) -> str:
    """How a split directory shows something in it that is no directory."""
    try:
        status = os.lstat(path)
    except OSError:
        return ""
    if stat.S_ISSOCK(status.st_mode) or stat.S_ISFIFO(status.st_mode):
        return BIND  # of use only as itself
    if not stat.S_ISREG(status.st_mode):
        return ""
    is_copied = status.st_size <= LARGEST_COPY and os.access(path, os.R_OK)
    return "" if is_copied else FROZEN


def mode_of(path: str) -> int:
    """Kind and permissions; 0 if there is nothing."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def names_in(path: str) -> list[str]:
    """What is in a directory, as far as we may look."""
    try:
        return os.listdir(path)
    except OSError:
        return []


def prepare(where: str, parts: list[Part]) -> Copied:
    """Make the directories that the parts write to, of a trial in `where`; what was copied."""
    copied: Copied = {}
    for part in parts:
        if not os.path.lexists(part.path):
            continue  # it has just gone
        if part.kind == OVERLAY:
            for kind in ("upper", "work"):
                os.mkdir(f"{where}/{kind}/{part.number}", 0o755)
            imitate(part.path, f"{where}/upper/{part.number}")
        elif part.kind == SPLIT:
            skeleton = f"{where}/tree{part.path}".rstrip("/")
            os.makedirs(skeleton, exist_ok=True)
            copied[part.path] = fill(part.path, skeleton)
    for part in parts:
        if part.kind != SPLIT and os.path.dirname(part.path) in copied:
            # What may not be listed.
            make_place(part.path, f"{where}/tree{part.path}")
    # From the innermost on: what a user may not write to takes nothing any more.
    for part in reversed(parts):
        if part.kind == SPLIT:
            imitate(part.path, f"{where}/tree{part.path}".rstrip("/"))
    return copied


def make_place(path: str, target: str) -> None:
    """A place to mount at, if nothing has made it."""
    if os.path.lexists(target):
        return
    if is_directory(path):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def imitate(path: str, copy: str) -> None:
    """Give a directory owner and permissions of another, as far as we can."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return  # it has just gone
    mode = stat.S_IMODE(status.st_mode)
    try:
        os.chown(copy, status.st_uid, status.st_gid)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EPERM):
            raise
        # It will be the user's: where the user may write nothing, permissions say so.
        mode = 0o755 if os.access(path, os.W_OK) else 0o555
    os.chmod(copy, mode)


def fill(path: str, skeleton: str) -> dict[str, list[int]]:
    """Give a split directory's copy its places to mount at, links, and copies of its files."""
    copied = {}
    for name in names_in(path):
        source, target = os.path.join(path, name), os.path.join(skeleton, name)
        mode = mode_of(source)
        if stat.S_ISDIR(mode):
            os.makedirs(target, exist_ok=True)
        elif stat.S_ISLNK(mode):
            os.symlink(os.readlink(source), target)
        elif stat.S_ISREG(mode) and copy_file(source, target):
            status = os.lstat(target)
            copied[name] = [status.st_mode, status.st_size, status.st_mtime_ns]
        elif mode and not stat.S_ISCHR(mode) and not stat.S_ISBLK(mode):
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return copied


def copy_file(source: str, target: str) -> bool:
    """Copy a file; False, with an empty one in its place, if it is to be mounted there."""
    if file_kind(source):
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return False
    try:
        given = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False  # it has just gone
    out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        status = os.fstat(given)
        transfer.copy_file(given, out, status)
        # It will be the user's, who may not write to all that there is.
        mode = stat.S_IMODE(status.st_mode)
        os.fchmod(out, mode if os.access(source, os.W_OK) else mode & ~0o222)
        os.utime(out, ns=(status.st_atime_ns, status.st_mtime_ns))
        return True
    finally:
        os.close(given)
        os.close(out)


def enter(where: str, parts: list[Part], say: Callable[[str], None]) -> None:
    """Make the view and go there, as a process of one thread. Raises OSError.

    `say`: is told what of the host is shown read-only, as no overlay over it is possible.
    """
    namespaces.unshare(namespaces.CLONE_NEWNS)
    mount.set_propagation("/", mount.MS_PRIVATE | mount.MS_REC)
    root = f"{where}/root"
    # Taken before anything is mounted, which else would be among it.
    trees = {part.path: take(part.path) for part in parts if part.kind in (BIND, FROZEN)}
    for part in parts:
        target = f"{root}{part.path}".rstrip("/")
        if part.kind == OVERLAY:
            if os.path.isdir(part.path) and os.path.isdir(target):
                cover(where, part, target, say)
        elif part.kind == SPLIT:
            if part.path == "/":
                mount.bind(f"{where}/tree", target)
        elif part.kind == DEVICES:
            make_devices(target)
        elif trees[part.path] >= 0 and os.path.lexists(target):
            put(trees.pop(part.path), target, frozen=part.kind == FROZEN)
    for tree_fd in trees.values():
        if tree_fd >= 0:
            os.close(tree_fd)
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        pivot_root.pivot_root(fd)
    finally:
        os.close(fd)


def cover(where: str, part: Part, target: str, say: Callable[[str], None]) -> None:
    """An overlay over a directory of the host's."""
    upper, work = (f"{where}/{kind}/{part.number}" for kind in ("upper", "work"))
    try:
        plan = overlay.plan([part.path], upper, work, target)
        overlay.perform_in_kernel(plan._replace(flags=mount.MS_NODEV))
    except OSError as error:
        if part.path == "/" or error.errno not in overlay.REFUSALS + (errno.ELOOP,):
            raise
        say(part.path)
        clone(part.path, target, frozen=True)


def clone(source: str, target: str, *, frozen: bool) -> None:
    """The host's own at a place of the view, with all that is mounted below."""
    put(take(source), target, frozen=frozen)


def take(source: str) -> int:
    """The host's own, attached nowhere; -1 if it is not there any more."""
    flags = mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE | mount.AT_SYMLINK_NOFOLLOW
    try:
        return mount.open_tree(source, flags)
    except FileNotFoundError:
        return -1


def put(tree_fd: int, target: str, *, frozen: bool) -> None:
    """Attach what was taken. Closes the descriptor."""
    try:
        if frozen:
            mount.mount_setattr(tree_fd, mount.MOUNT_ATTR_RDONLY, recursive=True)
        mount.move_mount(tree_fd, target)
    finally:
        os.close(tree_fd)


def make_devices(target: str) -> None:
    """A /dev in which no disk can be written to."""
    mount.mount("tmpfs", target, "tmpfs", mount.MS_NOSUID, "mode=755")
    for name in NODES:
        source, place = f"/dev/{name}", f"{target}/{name}"
        if not stat.S_ISCHR(mode_of(source)):
            continue
        os.makedirs(os.path.dirname(place), exist_ok=True)
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        clone(source, place, frozen=False)
    for name, text in LINKS:
        os.symlink(text, f"{target}/{name}")
    os.mkdir(f"{target}/pts")
    clone("/dev/pts", f"{target}/pts", frozen=False)
    os.mkdir(f"{target}/shm")
    options = mount.MS_NOSUID | mount.MS_NODEV
    mount.mount("tmpfs", f"{target}/shm", "tmpfs", options, "mode=1777")
