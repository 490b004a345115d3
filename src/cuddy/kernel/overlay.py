"""overlayfs: a stack of read-only directories with one writable on top becomes one `Mount`.

Whiteouts (a character device 0:0) and opaque directories (an xattr) are how an upper directory says
that something below it is gone: Documentation/filesystems/overlayfs.rst.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.kernel import mount, namespaces
from cuddy.kernel.mount import MS_RDONLY, Mount

OPAQUE = "trusted.overlay.opaque"
OPAQUE_USER = "user.overlay.opaque"
OPAQUE_FUSE = "user.fuseoverlayfs.opaque"
FUSE_WHITEOUT = b".wh."
NOTE_MODE = 0o700
FUSE_NOTES = (b".wh..wh..opq", b".wh..opq")
"""Files by which fuse-overlayfs says the same, which no container sees."""
REFUSALS = (errno.EINVAL, errno.EPERM, errno.EACCES, errno.ENODEV, errno.EOPNOTSUPP)
"""What mount(2) says of an overlay that it does not do here."""
USERXATTR = "userxattr,"
"""In a user namespace nobody may write trusted.*: the marks are user.* attributes (from 5.11)."""
SELF_CONTAINED = "index=off,metacopy=off,redirect_dir=nofollow"
"""An upper directory holds whole files and directories whatever the module's defaults are: it can
become a layer, and no mark in it leads to others."""
VOLATILE = ",volatile"
"""Nothing is synced, neither when a program asks for it nor at the end. In return the mount leaves
a mark in its work directory, by which the kernel refuses the next one: the machine may have gone
down in between, and files with it (overlayfs.rst, "Volatile mount"). From Linux 5.10 on."""
PAGE_BYTES = 4096
"""mount(2) takes one page of options; longer stacks are named by descriptors."""


def plan(lower_dirs: list[str], upper_dir: str, work_dir: str, target: str) -> Mount:
    """The overlay of `lower_dirs` (topmost first) under `upper_dir`, or read-only without one."""
    marks = "" if namespaces.is_initial("user") else USERXATTR
    options = f"{marks}lowerdir={':'.join(escape(path) for path in lower_dirs)}"
    if upper_dir:
        options += f",upperdir={escape(upper_dir)},workdir={escape(work_dir)},{SELF_CONTAINED}"
        return Mount("overlay", target, "overlay", 0, options)
    return Mount("overlay", target, "overlay", MS_RDONLY, options)


def volatile(plan: Mount) -> Mount:
    """The same mount for files that nobody will need again."""
    return plan._replace(data=plan.data + VOLATILE) if "workdir=" in plan.data else plan


def perform(plan: Mount) -> None:
    """Make an overlay mount, however many layers it has (500 is the kernel's limit).

    One that the mark of a volatile mount stands in the way of is made all the same: the caller
    knows that nobody has it mounted. One that cannot be volatile is not. What the kernel does not
    let a user namespace have is made by fuse-overlayfs, where that is. Raises OSError.
    """
    try:
        perform_in_kernel(plan)
    except OSError as error:
        if error.errno not in REFUSALS or namespaces.is_initial("user"):
            raise
        # Imported here, as few need it.
        from cuddy.kernel import fuse_overlay

        if not fuse_overlay.is_there():
            raise
        if complaint := fuse_overlay.perform(plan):
            raise OSError(error.errno, complaint, plan.target) from error


def perform_in_kernel(plan: Mount) -> None:
    """The same without that program."""
    try:
        _perform(plan)
    except OSError as error:
        if error.errno != errno.EINVAL or ",workdir=" not in plan.data:
            raise
        work = plan.data.rpartition(",workdir=")[2].partition(f",{SELF_CONTAINED}")[0]
        files.remove_tree(f"{split(work)[0]}/work/incompat")
        _perform(plan._replace(data=plan.data.removesuffix(VOLATILE)))


def _perform(plan: Mount) -> None:
    """When the options outgrow the page that mount(2) takes, each lower directory is opened and
    named by its descriptor, relative to /proc/self/fd.
    """
    if len(os.fsencode(plan.data)) < PAGE_BYTES:
        mount.perform(plan)
        return
    marks, _, rest = plan.data.partition("lowerdir=")
    lower, comma, rest = rest.partition(",upperdir=")
    opened = [os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        for path in split(lower):
            opened.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        os.chdir("/proc/self/fd")
        names = ":".join(map(str, opened[1:]))
        mount.perform(plan._replace(data=f"{marks}lowerdir={names}{comma}{rest}"))
    finally:
        os.fchdir(opened[0])
        for fd in opened:
            os.close(fd)


def split(escaped: str) -> list[str]:
    """The paths of an escaped `lowerdir` option."""
    paths = [""]
    characters = iter(escaped)
    for character in characters:
        if character == ":":
            paths.append("")
        else:
            paths[-1] += next(characters) if character == "\\" else character
    return paths


def escape(path: str) -> str:
    """A path as overlayfs's option parser wants it: backslash, colon and comma escaped."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def make_whiteout(name: str | bytes, *, dir_fd: int) -> None:
    """Say that `name` of the layers below is gone."""
    try:
        os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=dir_fd)
    except PermissionError:
        if namespaces.is_initial("user"):
            raise
        # On an overlay nobody can make one; only fuse-overlayfs will be able to use it there.
        note = FUSE_WHITEOUT + os.fsencode(name)
        os.close(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, NOTE_MODE, dir_fd=dir_fd))


def hidden_by(name: bytes, status: os.stat_result) -> bytes:
    """Which name of the layers below an entry says to be gone, in either way; b"" if none."""
    if is_whiteout(status):
        return name
    is_note = stat.S_IMODE(status.st_mode) == NOTE_MODE and not status.st_size
    if not name.startswith(FUSE_WHITEOUT) or not (is_note and stat.S_ISREG(status.st_mode)):
        return b""
    if name in FUSE_NOTES or namespaces.is_initial("user"):
        return b""
    return name.removeprefix(FUSE_WHITEOUT)


def is_whiteout(status: os.stat_result) -> bool:
    """Whether this is the 0:0 device that hides a name of the layers below."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def opaque_marks() -> tuple[str, ...]:
    """The attributes by which a directory is opaque: in a user namespace they are others. The first
    is the one to set.
    """
    return (OPAQUE,) if namespaces.is_initial("user") else (OPAQUE_USER, OPAQUE_FUSE)


def make_opaque(dir_fd: int) -> None:
    """Say that nothing of the same directory below shows through."""
    os.setxattr(dir_fd, opaque_marks()[0], b"y")


def is_opaque(path: str | bytes | int) -> bool:
    """Whether a directory hides the same directory below. Raises OSError other than 'no xattr'."""
    return any(_is_marked(path, mark) for mark in opaque_marks())


def _is_marked(path: str | bytes | int, mark: str) -> bool:
    try:
        return os.getxattr(path, mark) == b"y"
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return False
        raise
