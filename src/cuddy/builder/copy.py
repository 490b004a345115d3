"""COPY and ADD: files of a tree on their way into an image under construction, as BuildKit does it.

Of a directory the content is copied: it is merged into what is there, and its own attributes do not
count. A file goes into the target if that is a directory or is called one (a slash at its end),
else it becomes the target. Links in the target's path lead where they would in a container; below
it none is followed: what is there is replaced, but a directory never by something else or the other
way round. All of it goes into the root of a snapshot, given by its descriptor, through
`image/deposit`: nothing that exists is ever opened to be written to.
"""

from __future__ import annotations

import os
import stat
import time

from cuddy import files
from cuddy.builder import chmod, chown, sources
from cuddy.builder.inputs import Stamp
from cuddy.builder.tree import Tree, join
from cuddy.errors import Conflict, InvalidArgument
from cuddy.image import tar
from cuddy.image.changeset import list_attributes, open_file, read_attributes
from cuddy.image.deposit import Deposit, Ownership
from cuddy.image.tar import NO_XATTRS, Member
from cuddy.image.tree import MAX_NAME
from cuddy.kernel import resolve, transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.instructions import Copy, Heredoc
    from cuddy.builder.tree import Entry, Found

DIRECTORY_MODE = 0o755
HEREDOC_MODE = 0o644
REPLACING = "cannot replace to directory {} with file"
SPECIAL_KINDS = {
    stat.S_IFLNK: tar.SYMLINK,
    stat.S_IFCHR: tar.CHARACTER,
    stat.S_IFBLK: tar.BLOCK_DEVICE,
    stat.S_IFIFO: tar.FIFO,
}


def copy(root_fd: int, instruction: Copy, tree: Tree, epoch: int | None = None) -> str:
    """Carry out a COPY whose target is absolute. Returns the stamp of what it has read: if that is
    not the one of the `inputs.Reading` before, something has changed in between.

    `epoch`: seconds, the time of what comes from a build context, and of new directories. Raises
    NotFound, Conflict, InvalidArgument, OSError.
    """
    before = os.umask(0)
    try:
        with Copying(root_fd, instruction, tree, epoch) as copying:
            copying.run()
            return copying.stamp.value() if tree.index_key else ""
    finally:
        os.umask(before)


class Placement(Deposit):
    """What is filled here is a whole root: links in it may say anything."""

    def check_link(self, path: bytes, target: bytes) -> None:
        """Every link is right."""

    def make_room(self, parent_fd: int, name: bytes, path: bytes, member: Member) -> None:
        """Remove what is in the way. Raises Conflict, in BuildKit's words."""
        try:
            super().make_room(parent_fd, name, path, member)
        except Conflict:
            is_new_directory = member.kind == tar.DIRECTORY
            told = "cannot copy to non-directory: {}" if is_new_directory else REPLACING
            raise Conflict(told.format(self.shown(path))) from None


class Copying:
    """One COPY. Paths in the image are without a slash at the beginning, as `tree` has them."""

    def __init__(self, root_fd: int, instruction: Copy, tree: Tree, epoch: int | None) -> None:
        if "\0" in instruction.target or len(instruction.target) > MAX_NAME:
            raise InvalidArgument(f"{instruction.target[:100]!r} is no path")
        self.root = Tree(root_fd, "image")
        self.instruction = instruction
        self.tree = tree
        self.stamp = Stamp()
        self.owner = chown.identify(root_fd, instruction.chown) if instruction.chown else None
        self.mode = chmod.parse(instruction.chmod) if instruction.chmod else None
        self.now_ns = time.time_ns() if epoch is None else epoch * 1_000_000_000
        is_dated = epoch is not None and tree.owner is not None
        self.mtime_ns = self.now_ns if is_dated else None
        self.deposit = Placement(root_fd, "/", Ownership(is_kept=True))
        self.taken: dict[bytes, bytes] = {}  # files that became the target itself
        self._links: dict[tuple[int, int], bytes] = {}

    def __enter__(self) -> Copying:
        self.deposit.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.deposit.__exit__(*error)  # type: ignore[arg-type]

    def run(self) -> None:
        """All sources, in their order."""
        place = b""
        entry = None
        for each, found in sources.select(self.tree, self.instruction):
            if each is not entry:
                entry = each
                self._links.clear()
                place = self.place(entry)
            self.put(found, place)
        for heredoc in self.instruction.heredocs:
            self.write(heredoc)

    def place(self, entry: Entry) -> bytes:
        """Where a source goes: the directory that is filled, or the file that is made."""
        if stat.S_ISDIR(entry.status.st_mode):
            return self.make_directories(self.instruction.target)
        return self.place_file(entry.name)

    def place_file(self, name: bytes) -> bytes:
        """Where a file goes, which has this name."""
        target = self.instruction.target
        if target.endswith(("/", "/.")):
            return join(self.make_directories(target), name)
        self.make_directories(os.path.dirname(target))
        found = sources.follow(self.root, sources.clean(target))
        status = self.look(found)
        if status and stat.S_ISDIR(status.st_mode):
            return join(found, name)
        self.make_directories("/" + os.fsdecode(found.rpartition(b"/")[0]))
        if found in self.taken:
            verb = "ADD" if self.instruction.is_add else "COPY"
            raise InvalidArgument(
                f"When using {verb} with more than one source file, the destination must be a "
                "directory and end with a /",
                hint=f'"{os.fsdecode(name)}" would replace "{os.fsdecode(self.taken[found])}"',
            )
        self.taken[found] = name
        return found

    def make_directories(self, target: str) -> bytes:
        """A directory of the image and those above it, made if they are missing; its real path."""
        path = sources.follow(self.root, sources.clean(target))
        mode = self.mode.octal if self.mode and self.mode.octal is not None else DIRECTORY_MODE
        uid, gid = self.owner or (0, 0)
        walked = b""
        for part in path.split(b"/") if path else ():
            walked = join(walked, part)
            status = self.look(walked)
            if status is None:
                self.deposit.add(
                    Member(
                        walked, tar.DIRECTORY, mode & 0o777, uid, gid, 0, self.now_ns, b"", (0, 0),
                        0, NO_XATTRS, None,
                    ),
                    nothing,
                )  # fmt: skip
            elif not stat.S_ISDIR(status.st_mode):
                raise Conflict(f"cannot copy to non-directory: /{os.fsdecode(walked)}")
        return path

    def look(self, path: bytes) -> os.stat_result | None:
        """What is in the image at a path to which no link leads; None for nothing."""
        try:
            fd = resolve.open_beneath(self.root.fd, path or b".", sources.LOOK)
        except OSError as error:
            if error.errno in sources.UNREACHABLE:
                return None
            raise
        try:
            return os.fstat(fd)
        finally:
            os.close(fd)

    def put(self, found: Found, place: bytes) -> None:
        """One file or directory of a source."""
        name = join(place, found.path)
        mode = found.status.st_mode
        if stat.S_ISDIR(mode):
            self.stamp.add(found.path, found.status)
            if found.path:
                self.put_directory(name, found)
        elif not stat.S_ISREG(mode):
            self.stamp.add(found.path, found.status)
            self.put_special(name, found)
        elif self.is_first(name, found.status):
            self.put_file(name, found)
        else:
            self.stamp.add(found.path, found.status)
            first = self._links[found.status.st_dev, found.status.st_ino]
            self.deposit.add(self.member(name, tar.LINK, found.status, link=first), nothing)

    def put_file(self, name: bytes, found: Found) -> None:
        fd = open_file(found.dir_fd, found.name)
        if fd < 0:
            return  # gone meanwhile; the stamp tells
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return
            xattrs = read_attributes(fd, list_attributes(fd))
            member = self.member(name, tar.FILE, status, xattrs=xattrs)
            self.deposit.add(member, lambda to: transfer.copy_file(fd, to, status))
            if self.tree.index_key:
                self.stamp.add(found.path, os.fstat(fd))
        finally:
            os.close(fd)

    def put_directory(self, name: bytes, found: Found) -> None:
        fd = open_file(found.dir_fd, found.name)
        try:
            xattrs = read_attributes(fd, list_attributes(fd))
        finally:
            os.close(fd)
        member = self.member(name, tar.DIRECTORY, found.status, xattrs=xattrs)
        if found.is_on_the_way and (there := self.look(name)):
            # BuildKit gives it the mode of the one it is passed through for, and nothing else.
            member = member._replace(
                mode=stat.S_IMODE(found.status.st_mode), uid=there.st_uid, gid=there.st_gid,
                mtime_ns=there.st_mtime_ns, xattrs=NO_XATTRS,
            )  # fmt: skip
        self.deposit.add(member, nothing)

    def put_special(self, name: bytes, found: Found) -> None:
        """Symbolic links, devices and fifos."""
        kind = SPECIAL_KINDS[stat.S_IFMT(found.status.st_mode)]
        link = b""
        if kind == tar.SYMLINK:
            try:
                link = os.readlink(found.name, dir_fd=found.dir_fd)
            except OSError:
                return  # gone meanwhile
        self.deposit.add(self.member(name, kind, found.status, link=link), nothing)

    def write(self, heredoc: Heredoc) -> None:
        """A file whose content is in the Dockerfile."""
        data = heredoc.content.encode("utf-8", "surrogateescape")
        place = self.place_file(os.fsencode(os.path.basename(heredoc.name)))
        uid, gid = self.owner or (0, 0)
        mode = self.mode.apply(stat.S_IFREG | HEREDOC_MODE) if self.mode else HEREDOC_MODE
        member = Member(
            place, tar.FILE, mode, uid, gid, len(data), self.now_ns, b"", (0, 0), len(data),
            NO_XATTRS, None,
        )  # fmt: skip
        self.deposit.add(member, lambda to: files.write_all(to, data))

    def is_first(self, name: bytes, status: os.stat_result) -> bool:
        """Whether a file of several names has not been met in this source before."""
        if status.st_nlink == 1:
            return True
        return self._links.setdefault((status.st_dev, status.st_ino), name) == name

    def member(
        self,
        name: bytes,
        kind: int,
        status: os.stat_result,
        *,
        link: bytes = b"",
        xattrs: dict[bytes, bytes] = NO_XATTRS,
    ) -> Member:
        """What becomes of something in the image."""
        mode = self.mode.apply(status.st_mode) if self.mode else stat.S_IMODE(status.st_mode)
        uid, gid = self.owner or self.tree.owner or (status.st_uid, status.st_gid)
        device = (0, 0)
        if kind in (tar.CHARACTER, tar.BLOCK_DEVICE):
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        mtime_ns = status.st_mtime_ns if self.mtime_ns is None else self.mtime_ns
        size = status.st_size if kind == tar.FILE else 0
        return Member(name, kind, mode, uid, gid, size, mtime_ns, link, device, size, xattrs, None)


def nothing(_: int) -> None:
    """Fills nothing."""
