"""Where the sources of COPY and ADD go in an image.

Links in the target's path lead where they would in a container, and to what is not there yet, too;
what is missing on the way is made. Paths in the image are without a slash at the beginning, and no
link is left in them, as `tree` has them.
"""

from __future__ import annotations

import os
import stat

from cuddy.builder import sources
from cuddy.builder.tree import Tree, join
from cuddy.errors import Conflict, InvalidArgument
from cuddy.image import tar
from cuddy.image.deposit import SPECIAL_BITS, Deposit
from cuddy.image.tar import NO_XATTRS, Member
from cuddy.image.tree import MAX_NAME
from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.instructions import Copy

DIRECTORY_MODE = 0o755
REPLACING = "cannot replace to directory {} with file"


class Placement(Deposit):
    """What is filled here is a whole root: links in it may say anything."""

    def check_link(self, path: bytes, target: bytes) -> None:
        """Every link is right."""

    def described(self, path: bytes) -> Member | None:
        """What a directory is to be like in the end, if anything was said of it."""
        return self._directories.get(path)

    def make_special(self, parent_fd: int, name: bytes, path: bytes, member: Member) -> None:
        """As it is, with all of its mode: chown(2) takes some bits, and nobody else is here."""
        super().make_special(parent_fd, name, path, member)
        if member.kind != tar.SYMLINK and member.mode & SPECIAL_BITS:
            os.chmod(name, member.mode, dir_fd=parent_fd)

    def make_room(self, parent_fd: int, name: bytes, path: bytes, member: Member) -> None:
        """Remove what is in the way. Raises Conflict, in BuildKit's words."""
        try:
            super().make_room(parent_fd, name, path, member)
        except Conflict:
            is_new_directory = member.kind == tar.DIRECTORY
            told = "cannot copy to non-directory: {}" if is_new_directory else REPLACING
            raise Conflict(told.format(self.shown(path))) from None


class Target:
    """The target of one instruction. `user`: whose the directories are that are made."""

    def __init__(
        self, root_fd: int, copy: Copy, deposit: Placement, user: tuple[int, int], now_ns: int
    ) -> None:
        if "\0" in copy.target or len(copy.target) > MAX_NAME:
            raise InvalidArgument(f"{copy.target[:100]!r} is no path")
        self.root = Tree(root_fd, "image")
        self.path = copy.target
        self.verb = "ADD" if copy.is_add else "COPY"
        self.deposit = deposit
        self.user = user
        self.now_ns = now_ns
        self._directory: bytes | None = None
        self._taken: dict[bytes, bytes] = {}  # files that became the target itself

    def directory(self, mode: int) -> bytes:
        """The target as a directory. Raises Conflict if it is something else.

        It is looked up once, even if what goes into it replaces a link on the way.
        """
        if self._directory is None:
            self._directory = self.make_directories(self.path, mode)
        return self._directory

    def date(self, path: bytes, mtime_ns: int) -> None:
        """Give a directory a time, and leave the rest of it as it is."""
        if path and (member := self.as_it_is(path)):
            self.deposit.add(member._replace(mtime_ns=mtime_ns), nothing)

    def as_it_is(self, path: bytes) -> Member | None:
        """A directory that is there already, with the attributes that it has or will have."""
        if member := self.deposit.described(path):
            return member
        status = self.look(path)
        if status is None or not stat.S_ISDIR(status.st_mode):
            return None
        return Member(
            path, tar.DIRECTORY, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, 0,
            status.st_mtime_ns, b"", (0, 0), 0, NO_XATTRS, None,
        )  # fmt: skip

    def file(self, name: bytes, mode: int) -> bytes:
        """Where a file of this name goes: into the target if that is a directory or is called one.

        Raises Conflict, and InvalidArgument if it would replace another source.
        """
        if self.path.endswith(("/", "/.")):
            return join(self.directory(mode), name)
        self.make_directories(os.path.dirname(self.path), mode)
        found = sources.follow(self.root, sources.clean(self.path))
        status = self.look(found)
        if status and stat.S_ISDIR(status.st_mode):
            return join(found, name)
        # If it was a link, it may lead into directories that are not there.
        self.make_directories("/" + os.fsdecode(found.rpartition(b"/")[0]), mode)
        if found in self._taken:
            raise InvalidArgument(
                f"When using {self.verb} with more than one source file, the destination must be a"
                " directory and end with a /",
                hint=f'"{os.fsdecode(name)}" would replace "{os.fsdecode(self._taken[found])}"',
            )
        self._taken[found] = name
        return found

    def make_directories(self, path: str, mode: int) -> bytes:
        """A directory and those above it, made if they are missing; its path without links."""
        found = sources.follow(self.root, sources.clean(path))
        walked = b""
        for part in found.split(b"/") if found else ():
            walked = join(walked, part)
            status = self.look(walked)
            if status is None:
                self.deposit.add(
                    Member(
                        walked, tar.DIRECTORY, mode, *self.user, 0, self.now_ns, b"", (0, 0), 0,
                        NO_XATTRS, None,
                    ),
                    nothing,
                )  # fmt: skip
            elif not stat.S_ISDIR(status.st_mode):
                raise Conflict(f"cannot copy to non-directory: /{os.fsdecode(walked)}")
        return found

    def look(self, path: bytes) -> os.stat_result | None:
        """What is at a path to which no link leads; None for nothing."""
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

    def open(self, path: bytes) -> int:
        """A directory of the image, to be read and filled. Raises OSError."""
        return resolve.open_beneath(self.root.fd, path or b".", os.O_RDONLY | os.O_DIRECTORY)


def nothing(_: int) -> None:
    """Fills nothing."""
