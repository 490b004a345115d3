"""A layer's changeset becomes a directory for overlayfs (layer.md, "Applying Changesets").

Everything in the archive is hostile. Nothing is created, changed or read outside the directory:
parents are opened by `tree`, the last part of a name is created and never followed (O_EXCL,
O_NOFOLLOW, mkdirat, linkat), `..` is refused, and of xattrs only those are taken that mean nothing
to overlayfs and to the host's security modules.

Directories stay 0700 and root's until the archive ends, so that no set-group-id bit leads files
astray. Layers are unpacked side by side, each without its parents; what depends on those comes back
as `Unfinished` and is done by `inheritance.finish`.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.errors import CorruptContent, NotPermitted
from cuddy.image import tar, walk
from cuddy.image.tree import ABSENT, MAX_DIRECTORIES, OPEN_DIRECTORY, Tree, join, shown, split
from cuddy.kernel import idmap, namespaces, overlay
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cuddy.image.tar import Member

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
AUFS = b".wh..wh."
"""Bookkeeping of aufs in old images: nothing to do with their content."""

MAX_ENTRIES = 5_000_000
MAX_LINKS = 100_000
MAX_WHITEOUTS = 500_000
SPECIAL_BITS = stat.S_ISUID | stat.S_ISGID
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC

ACCESS_LISTS = (b"system.posix_acl_access", b"system.posix_acl_default")

# What the kernel says of names and values that no file system holds: the archive's fault.
ARCHIVE_ERRNOS = frozenset(
    (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EINVAL, errno.EISDIR, errno.E2BIG,
     errno.ENOENT, errno.EXDEV, errno.EMLINK, errno.EEXIST, errno.EILSEQ, errno.ERANGE)
)  # fmt: skip


class Unfinished(NamedTuple):
    """What cannot be done without the layers below: paths relative to the layer's root."""

    implicit: list[bytes]  # directories that the archive passes through without describing them
    links: list[tuple[bytes, bytes]]  # (new name, target) of hard links to files of lower layers
    whiteouts: list[bytes]


class Directory(NamedTuple):
    """The attributes that a directory gets when the archive ends."""

    mode: int
    uid: int
    gid: int
    mtime_ns: int


def apply(chunks: Iterator[bytes], directory: str) -> tuple[int, Unfinished]:
    """Unpack a changeset's tar stream into an empty directory.

    Returns its bytes, as `walk.measure` counts them, and what is left to do. Raises CorruptContent,
    and OSError for what is the host's fault: no space, no permission.
    """
    previous = os.umask(0)
    try:
        unpacking = _Unpacking(Tree(directory))
        try:
            unpacking.run(tar.Stream(chunks))
            return unpacking.measured_bytes(), unpacking.unfinished()
        finally:
            unpacking.tree.close()
    finally:
        os.umask(previous)


class _Unpacking:
    """One archive on its way into one tree."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.size_bytes = 0
        self.owner = (os.geteuid(), os.getegid())
        self.has_devices = namespaces.is_initial("user")
        self.has_owners = self.has_devices or not idmap.is_single()
        self.directories: dict[bytes, Directory] = {}
        self.links: list[tuple[bytes, bytes]] = []
        self.whiteouts: list[bytes] = []
        tree.note(b"")

    def run(self, stream: tar.Stream) -> None:
        self.stream = stream
        for count, member in enumerate(tar.members(stream)):
            if count == MAX_ENTRIES:
                raise CorruptContent(f"the layer has more than {MAX_ENTRIES} entries")
            try:
                self.add(member)
            except OSError as error:
                raise _blame(member, error) from error
        self.tree.forget()
        self.check_links()
        for path, attributes in self.directories.items():
            self.finish_directory(path, attributes)

    def unfinished(self) -> Unfinished:
        return Unfinished(list(self.tree.implicit), self.links, self.whiteouts)

    def measured_bytes(self) -> int:
        """What is there; only duplicate names make it differ from what came."""
        return walk.measure(self.tree.root_fd) if self.tree.has_replaced else self.size_bytes

    def add(self, member: Member) -> None:
        """Make one entry, whatever it is. Who is alone in a user namespace owns everything."""
        if not self.has_owners:
            member = member._replace(uid=0, gid=0)
        parent, name = split(member.name)
        if b".wh." in parent and _is_below_whiteout(parent):
            return
        if name.startswith(WHITEOUT):
            self.add_whiteout(parent, name)
        elif member.kind == tar.FILE and name:
            self.add_file(self.tree.directory(parent), name, member)
        elif member.kind == tar.DIRECTORY:
            self.add_directory(parent, name, member)
        elif not name:
            raise CorruptContent("the layer's root is not a directory")
        elif member.kind == tar.LINK:
            self.add_link(parent, name, member)
        else:
            self.add_special(parent, name, member)

    def add_file(self, parent_fd: int, name: bytes, member: Member) -> None:
        mode = member.mode
        try:
            fd = os.open(name, CREATE, mode, dir_fd=parent_fd)
        except FileExistsError:
            self.tree.remove(parent_fd, name)
            fd = os.open(name, CREATE, mode, dir_fd=parent_fd)
        try:
            if member.sparse is not None:
                self.write_sparse(fd, member)
            elif member.size:
                self.stream.copy(member.size, lambda piece: _write(fd, piece))
            if (member.uid, member.gid) != self.owner:
                os.fchown(fd, member.uid, member.gid)
                if mode & SPECIAL_BITS:
                    os.fchmod(fd, mode)  # chown(2) has cleared them
            if member.xattrs:
                set_xattrs(fd, member.xattrs)  # last: both writing and chown clear capabilities
            os.utime(fd, ns=(member.mtime_ns, member.mtime_ns))
        finally:
            os.close(fd)
        self.size_bytes += member.size

    def write_sparse(self, fd: int, member: Member) -> None:
        os.ftruncate(fd, member.size)
        for offset, length in member.sparse or ():
            os.lseek(fd, offset, os.SEEK_SET)
            self.stream.copy(length, lambda piece: _write(fd, piece))

    def add_directory(self, parent: bytes, name: bytes, member: Member) -> None:
        """Make a directory, or say more about one that is there."""
        path = join(parent, name)
        if name:
            self.make_directory(self.tree.directory(parent), name)
        self.tree.implicit.pop(path, None)
        self.directories[path] = Directory(member.mode, member.uid, member.gid, member.mtime_ns)
        if len(self.directories) > MAX_DIRECTORIES:
            raise CorruptContent(f"the layer has more than {MAX_DIRECTORIES} directories")
        if member.xattrs:
            set_xattrs(self.tree.directory(path), member.xattrs)

    def make_directory(self, parent_fd: int, name: bytes) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent_fd)
            return
        except FileExistsError:
            status = os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
        if overlay.is_whiteout(status):
            self.tree.make_again(parent_fd, name)
        elif not stat.S_ISDIR(status.st_mode):
            self.tree.remove(parent_fd, name)
            os.mkdir(name, 0o700, dir_fd=parent_fd)

    def add_whiteout(self, parent: bytes, name: bytes) -> None:
        """Hide what layers below have: one name, or all of a directory.

        What this same layer has under that name stays, whichever comes first (layer.md).
        """
        if name == OPAQUE:
            overlay.make_opaque(self.tree.directory(parent))
            return
        hidden = name.removeprefix(WHITEOUT)
        if name.startswith(AUFS):
            return
        if hidden in (b"", b".", b".."):
            raise CorruptContent(f"the layer has a whiteout of nothing: {shown(name)}")
        parent_fd = self.tree.directory(parent)
        try:
            overlay.make_whiteout(hidden, dir_fd=parent_fd)
        except FileExistsError:
            status = os.stat(hidden, dir_fd=parent_fd, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                overlay.make_opaque(self.tree.directory(join(parent, hidden)))
            return
        self.whiteouts.append(join(parent, hidden))
        if len(self.whiteouts) > MAX_WHITEOUTS:
            raise CorruptContent(f"the layer has more than {MAX_WHITEOUTS} whiteouts")

    def add_link(self, parent: bytes, name: bytes, member: Member) -> None:
        """A second name for a file of this layer; of a lower one, later."""
        target_parent, target = split(member.link)
        if not target or target.startswith(WHITEOUT):
            raise CorruptContent(f"the layer's entry {shown(member.name)} is a link to nothing")
        parent_fd = self.tree.directory(parent)
        found = self.tree.status(join(target_parent, target))
        if found is None:
            self.links.append((join(parent, name), join(target_parent, target)))
            if len(self.links) > MAX_LINKS:
                raise CorruptContent(f"the layer has more than {MAX_LINKS} links to lower layers")
            return
        if stat.S_ISDIR(found.st_mode) or overlay.is_whiteout(found):
            raise CorruptContent(f"the layer's entry {shown(member.name)} links to no file")
        existing = self.tree.status(join(parent, name))
        if existing and os.path.samestat(existing, found):
            return
        if existing:
            self.tree.remove(parent_fd, name)
        target_fd = self.tree.find(target_parent)
        try:
            os.link(target, name, src_dir_fd=target_fd, dst_dir_fd=parent_fd, follow_symlinks=False)
        finally:
            os.close(target_fd)

    def add_special(self, parent: bytes, name: bytes, member: Member) -> None:
        """Symbolic links, devices and fifos: made by one call, no descriptor of their own."""
        parent_fd = self.tree.directory(parent)
        if member.kind == tar.CHARACTER and member.device == (0, 0):
            self.add_whiteout(parent, WHITEOUT + name)  # that is what overlayfs will see in it
            return
        if member.kind in (tar.CHARACTER, tar.BLOCK_DEVICE) and not self.has_devices:
            return  # in a user namespace nobody can make one, or open it
        try:
            _make_special(parent_fd, name, member)
        except FileExistsError:
            self.tree.remove(parent_fd, name)
            _make_special(parent_fd, name, member)
        if member.kind == tar.SYMLINK:
            self.size_bytes += len(member.link)
        if (member.uid, member.gid) != self.owner:
            os.chown(name, member.uid, member.gid, dir_fd=parent_fd, follow_symlinks=False)
            if member.mode & SPECIAL_BITS and member.kind != tar.SYMLINK:
                os.chmod(name, member.mode, dir_fd=parent_fd)  # chown(2) has cleared them
        times = (member.mtime_ns, member.mtime_ns)
        os.utime(name, ns=times, dir_fd=parent_fd, follow_symlinks=False)

    def check_links(self) -> None:
        """A link may point to a lower layer's file, but not to a later entry of its own."""
        for name, target in self.links:
            if self.tree.status(target) is not None:
                raise CorruptContent(
                    f"the layer's entry {shown(name)} links to the later entry {shown(target)}"
                )

    def finish_directory(self, path: bytes, attributes: Directory) -> None:
        parent, _, name = path.rpartition(b"/")
        try:
            parent_fd = self.tree.find(parent)
        except OSError as error:
            if error.errno in ABSENT:
                return  # a later entry replaced it
            raise
        try:
            fd = os.open(name or b".", OPEN_DIRECTORY, dir_fd=parent_fd)
        except OSError as error:
            if error.errno in ABSENT:
                return
            raise
        finally:
            os.close(parent_fd)
        try:
            os.fchown(fd, attributes.uid, attributes.gid)
            os.fchmod(fd, attributes.mode)
            os.utime(fd, ns=(attributes.mtime_ns, attributes.mtime_ns))
        finally:
            os.close(fd)


def _write(fd: int, piece: memoryview) -> None:
    while piece:
        piece = piece[os.write(fd, piece) :]


def _is_below_whiteout(parent: bytes) -> bool:
    """Whether the path leads into aufs's bookkeeping. Raises CorruptContent for other whiteouts."""
    hidden = [part for part in parent.split(b"/") if part.startswith(WHITEOUT)]
    if any(not part.startswith(AUFS) for part in hidden):
        raise CorruptContent(f"the layer has entries below a whiteout: {shown(parent)}")
    return bool(hidden)


def _make_special(parent_fd: int, name: bytes, member: Member) -> None:
    if member.kind == tar.SYMLINK:
        os.symlink(member.link, name, dir_fd=parent_fd)
        return
    kind = {
        tar.CHARACTER: stat.S_IFCHR,
        tar.BLOCK_DEVICE: stat.S_IFBLK,
        tar.FIFO: stat.S_IFIFO,
    }[member.kind]
    os.mknod(name, kind | member.mode, os.makedev(*member.device), dir_fd=parent_fd)


def set_xattrs(
    fd: int, xattrs: dict[bytes, bytes], is_wanted: Callable[[bytes], bool] | None = None
) -> None:
    """Set those attributes that are content; file systems without them go without."""
    for name, value in xattrs.items():
        if (is_wanted or is_content)(name):
            try:
                os.setxattr(fd, name, value)
            except OSError as error:
                if error.errno != errno.ENOTSUP:
                    raise


def is_content(xattr: bytes) -> bool:
    """Whether an attribute belongs to the image: the user's own, and capabilities of programs.

    Not trusted.* and those of user.*, by which overlayfs is told what to show, and not the labels
    of the host's security modules.
    """
    if xattr.startswith(b"user."):
        return not xattr.startswith((b"user.overlay.", b"user.fuseoverlayfs."))
    return xattr == b"security.capability"


def is_content_or_access(xattr: bytes) -> bool:
    """Whether an attribute belongs to a volume: there access lists (acl(5)) do, too."""
    return is_content(xattr) or xattr in ACCESS_LISTS


def _blame(member: Member, error: OSError) -> Exception:
    """CorruptContent where the archive asked for the impossible, otherwise the error itself."""
    if error.errno not in ARCHIVE_ERRNOS:
        return error
    if error.errno == errno.EINVAL and not idmap.are_mapped(member.uid, member.gid):
        return NotPermitted(
            f"{shown(member.name)} belongs to {member.uid}:{member.gid}, which your user namespace"
            " does not have", hint="'cuddy doctor' tells how to get more ids",
        )  # fmt: skip
    reason = os.strerror(error.errno).lower()
    return CorruptContent(f"the layer's entry {shown(member.name)} cannot be made: {reason}")
