"""Entries are put into a directory in which files are already, by the rules of docker cp.

Both sides may be hostile: an archive that names what is outside, and a program that swaps files and
links in the directory while we work. So a name is taken apart here, each directory on the way is
opened by descriptor and not through a link, what is in the way is removed by name in its directory,
and everything is made anew (O_EXCL, mkdirat, linkat): nothing that exists is ever opened to be
written to. Directories that are there stay, and take the attributes of those that come.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.errors import Conflict, CorruptContent
from cuddy.image import tar
from cuddy.image.layer import CREATE, is_content_or_access, set_xattrs
from cuddy.image.tree import ABSENT, KEPT_OPEN, MAX_NAME, OPEN_DIRECTORY, join
from cuddy.kernel import idmap, namespaces, resolve
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from cuddy.image.tar import Member
    from cuddy.kernel.idmap import Maps

    Fill = Callable[[int], None]

ATTEMPTS = 16
"""To make something whose name somebody takes again and again."""
SPECIAL_BITS = stat.S_ISUID | stat.S_ISGID
IMPLIED_MODE = 0o755
"""Of directories that an archive passes through without describing them."""
ONE_OWNER = errno.EOVERFLOW
"""Of a mount with `map` there is only one owner, whose everything is (engine/owner_map.py)."""
DEVICES = (tar.CHARACTER, tar.BLOCK_DEVICE)


class Ownership(NamedTuple):
    """Whose the copies are: as the originals, one user's, or (none of both) the caller's."""

    is_kept: bool = False
    user: tuple[int, int] | None = None
    maps: Maps | None = None  # of whose ids these are, if not ours

    def of(self, member: Member) -> tuple[int, int]:
        """uid and gid for an entry; -1: as it is made."""
        if not (self.user or self.is_kept):
            return -1, -1
        owner = self.user or (member.uid, member.gid)
        return self.maps.outside(*owner) if self.maps else owner

    def mode(self, member: Member) -> int:
        """The mode of an entry.

        Whoever comes by another's files as their new owner does not get the powers with them that
        the old one gave away: no set-user-id programs, no devices that others may use.
        """
        if self.is_kept or self.user or member.kind == tar.DIRECTORY:
            return member.mode
        if member.kind in DEVICES:
            return member.mode & 0o600
        return member.mode & ~SPECIAL_BITS


class Deposit:
    """A directory that is being filled, inside `with`.

    `place`: how the user knows it, for messages. `find_directory`: opens a path below it that goes
    through links, where these may be followed. `is_root`: the archive is of a whole root, whose own
    attributes count, and in which links may say anything. `replaces`: a directory gives way to
    something else, and the other way round. `gives_way`: directories that are missing on the way
    are whose the entries are. The caller has umask 0.
    """

    def __init__(
        self,
        directory_fd: int,
        place: str,
        ownership: Ownership,
        find_directory: Callable[[bytes], int] | None = None,
        *,
        is_root: bool = False,
        replaces: bool = False,
        gives_way: bool = False,
    ) -> None:
        self.directory_fd = directory_fd
        self.place = place
        self.ownership = ownership
        self.find_directory = find_directory
        self.is_root = is_root
        self.replaces = replaces
        self.gives_way = gives_way
        self._open: dict[bytes, int] = {}
        self._directories: dict[bytes, Member] = {}

    def __enter__(self) -> Deposit:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """What came to be stays, also after an error, and gets the attributes it should have."""
        try:
            self.finish()
        except OSError:
            if error is None:
                raise
        finally:
            while self._open:
                os.close(self._open.popitem()[1])

    def add(self, member: Member, fill: Fill) -> None:
        """Make one entry; `fill(fd)` writes a file's content. Raises CorruptContent, Conflict."""
        path = self.clean(member.name)
        if not path:
            if self.is_root and member.kind == tar.DIRECTORY:
                self.describe(b"", member)
            return  # else the directory itself stays as it is
        parent, _, name = path.rpartition(b"/")
        for _ in range(ATTEMPTS):
            parent_fd = self.parent(parent)
            try:
                self.make(parent_fd, name, path, member, fill)
                return
            except FileExistsError:
                self.make_room(parent_fd, name, path, member)
        raise Conflict(f"{self.shown(path)} is made again by somebody as often as it is replaced")

    def finish(self) -> None:
        """Give the directories their attributes: making files in them has changed their times."""
        for path, member in reversed(self._directories.items()):
            try:
                fd = self.find(path)
            except OSError as error:
                if error.errno in ABSENT:
                    continue
                raise
            try:
                os.fchmod(fd, self.hand_over(fd, member))
                os.utime(fd, ns=(member.mtime_ns, member.mtime_ns))
            finally:
                os.close(fd)

    def clean(self, name: bytes) -> bytes:
        """A member's name as a path below the directory. Raises CorruptContent for one outside."""
        if len(name) > MAX_NAME:
            raise CorruptContent(f"the archive has a name of {len(name)} bytes")
        path = os.path.normpath(name.lstrip(b"/") or b".")
        if path == b".." or path.startswith(b"../"):
            shown = os.fsdecode(name)
            raise CorruptContent(f'"{shown}" is outside of "{self.place}"')
        return b"" if path == b"." else path

    def shown(self, path: bytes) -> str:
        """A path below the directory as the user knows it."""
        return os.path.join(self.place, os.fsdecode(path))

    def parent(self, path: bytes) -> int:
        """A directory below, made if it is missing; valid until the next call."""
        fd = self._open.get(path)
        if fd is None:
            fd = self.open_or_make(path)
            if len(self._open) >= KEPT_OPEN:
                os.close(self._open.pop(next(iter(self._open))))
            self._open[path] = fd
        return fd

    def open_or_make(self, path: bytes) -> int:
        name = path.rpartition(b"/")[2]
        near = self._open.get(above_of(path))
        try:
            if near is not None and name:
                return os.open(name, OPEN_DIRECTORY, dir_fd=near)
        except OSError as error:
            if error.errno not in ABSENT:
                raise
        found = self.find_or_none(path)
        if found is not None:
            return found
        lacking = [path]  # a path has up to 2000 names: too many for a function that calls itself
        while (higher := above_of(lacking[-1])) and not self.is_there(higher):
            lacking.append(higher)
        for each in reversed(lacking):
            self.make_implied(each)
        return os.open(name, OPEN_DIRECTORY, dir_fd=self.parent(above_of(path)))

    def make_implied(self, path: bytes) -> None:
        """A directory that something is in, in one that is there."""
        name, parent_fd = path.rpartition(b"/")[2], self.parent(above_of(path))
        try:
            os.mkdir(name, IMPLIED_MODE, dir_fd=parent_fd)
            if self.gives_way and (user := self.ownership.user):
                maps = self.ownership.maps
                idmap.chown(name, *(maps.outside(*user) if maps else user), dir_fd=parent_fd)
        except FileExistsError:  # a link that leads to nothing
            raise Conflict(f'"{self.shown(path)}" is not a directory') from None

    def find_or_none(self, path: bytes) -> int | None:
        """A directory, None if nothing is there. Raises Conflict for something else."""
        try:
            return self.find(path)
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise Conflict(f'"{self.shown(path)}" is not a directory') from None

    def is_there(self, path: bytes) -> bool:
        """Whether a directory is there. Raises as `find_or_none`."""
        found = self.find_or_none(path)
        if found is not None:
            os.close(found)
        return found is not None

    def find(self, path: bytes) -> int:
        """A directory that is there, through links if these may be followed. Raises OSError."""
        try:
            return self.open_below(path)
        except OSError as error:
            if error.errno not in ABSENT or not self.find_directory:
                raise
            return self.find_directory(path)

    def open_below(self, path: bytes) -> int:
        """A directory below to which no link leads. Raises OSError."""
        return resolve.open_beneath(self.directory_fd, path or b".", os.O_RDONLY | os.O_DIRECTORY)

    def make_room(self, parent_fd: int, name: bytes, path: bytes, member: Member) -> None:
        """Remove what is in the entry's place. Raises Conflict where Docker would not."""
        try:
            mode = os.stat(name, dir_fd=parent_fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if self.replaces and stat.S_ISDIR(mode) and member.kind != tar.DIRECTORY:
            self.forget_all(path)
            files.remove_below(parent_fd, os.fsdecode(name))
            return
        if stat.S_ISDIR(mode) != (member.kind == tar.DIRECTORY) and not self.replaces:
            old, new = ("directory", "non-directory")[:: 1 if stat.S_ISDIR(mode) else -1]
            raise Conflict(f'cannot overwrite {old} "{self.shown(path)}" with {new} "{self.place}"')
        if not stat.S_ISDIR(mode):
            try:
                os.unlink(name, dir_fd=parent_fd)
            except FileNotFoundError:
                pass  # somebody was quicker

    def forget_all(self, path: bytes) -> None:
        """A directory that is removed, with all below it."""
        below = path + b"/"
        for each in [each for each in self._open if each == path or each.startswith(below)]:
            os.close(self._open.pop(each))
        for each in [each for each in self._directories if (each + b"/").startswith(below)]:
            del self._directories[each]

    def make(self, parent_fd: int, name: bytes, path: bytes, member: Member, fill: Fill) -> None:
        """Make the entry where nothing is. Raises FileExistsError if something is again."""
        if member.kind == tar.FILE:
            self.make_file(parent_fd, name, member, fill)
        elif member.kind == tar.DIRECTORY:
            self.make_directory(parent_fd, name, path, member)
        elif member.kind == tar.LINK:
            self.make_link(parent_fd, name, path, member)
        else:
            self.make_special(parent_fd, name, path, member)

    def make_file(self, parent_fd: int, name: bytes, member: Member, fill: Fill) -> None:
        mode = self.ownership.mode(member)
        fd = os.open(name, CREATE, mode & ~SPECIAL_BITS, dir_fd=parent_fd)
        try:
            fill(fd)
            mode = self.hand_over(fd, member)
            if mode & SPECIAL_BITS:
                os.fchmod(fd, mode)  # only now: it is whole, and its owner's
            self.set_attributes(fd, member)
            os.utime(fd, ns=(member.mtime_ns, member.mtime_ns))
        finally:
            os.close(fd)

    def hand_over(self, fd: int, member: Member) -> int:
        """Give an open file or directory to whom it shall belong; the mode that it may have now."""
        uid, gid = self.ownership.of(member)
        mode = self.ownership.mode(member)
        if uid >= 0:
            try:
                idmap.chown(fd, uid, gid)
            except OSError as error:
                if error.errno != ONE_OWNER:
                    raise
                mode &= ~SPECIAL_BITS
        return mode

    def set_attributes(self, fd: int, member: Member) -> None:
        """Extended attributes; powers over the system (capabilities) only with the owner."""
        xattrs = member.xattrs
        if xattrs and not (self.ownership.is_kept or self.ownership.user):
            xattrs = {name: xattrs[name] for name in xattrs if name.startswith(b"user.")}
        if xattrs:
            set_xattrs(fd, xattrs, is_content_or_access if self.is_root else None)

    def make_directory(self, parent_fd: int, name: bytes, path: bytes, member: Member) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=parent_fd)
        except FileExistsError:
            if not is_directory(parent_fd, name):
                raise
        self.describe(path, member)

    def describe(self, path: bytes, member: Member) -> None:
        """A directory that is there shall have a member's attributes."""
        if member.xattrs:
            self.set_attributes(self.parent(path), member)
        self._directories[path] = member

    def make_link(self, parent_fd: int, name: bytes, path: bytes, member: Member) -> None:
        """A second name for a file that came before."""
        above, _, old = self.clean(member.link).rpartition(b"/")
        refusal = CorruptContent(f'"{self.shown(path)}" is a hard link to a directory')
        if not old:
            raise refusal
        # Both parents are needed at once; the second look-up may close what the first has opened.
        kept = os.dup(parent_fd)
        try:
            source_fd = self.parent(above)
            if is_directory(source_fd, old):
                raise refusal
            os.link(old, name, src_dir_fd=source_fd, dst_dir_fd=kept, follow_symlinks=False)
        except FileNotFoundError:
            raise CorruptContent(
                f'"{self.shown(path)}" is a hard link to what is not there'
            ) from None
        finally:
            os.close(kept)

    def make_special(self, parent_fd: int, name: bytes, path: bytes, member: Member) -> None:
        """Symbolic links, devices and fifos: made by one call, no descriptor of their own."""
        uid, gid = self.ownership.of(member)
        if member.kind == tar.SYMLINK:
            if not self.is_root:
                self.check_link(path, member.link)
            os.symlink(member.link, name, dir_fd=parent_fd)
        else:
            kind = {
                tar.CHARACTER: stat.S_IFCHR,
                tar.BLOCK_DEVICE: stat.S_IFBLK,
                tar.FIFO: stat.S_IFIFO,
            }[member.kind]
            device = os.makedev(*member.device)
            if kind != stat.S_IFIFO and not namespaces.is_initial("user"):
                return  # in a user namespace nobody can make a device, or open it
            os.mknod(name, kind | self.ownership.mode(member), device, dir_fd=parent_fd)
        try:
            if uid >= 0:
                idmap.chown(name, uid, gid, dir_fd=parent_fd)
            times = (member.mtime_ns, member.mtime_ns)
            os.utime(name, ns=times, dir_fd=parent_fd, follow_symlinks=False)
        except FileNotFoundError:
            pass  # somebody has removed it
        except OSError as error:
            if error.errno != ONE_OWNER:
                raise

    def check_link(self, path: bytes, target: bytes) -> None:
        """Refuse what Docker refuses: a relative link that leads out of the directory."""
        top = os.fsencode(os.path.normpath(self.place))
        above = os.path.dirname(join(top, path))
        led = os.path.normpath(os.path.join(above, target.lstrip(b"/")))
        if led != top and not led.startswith(top.rstrip(b"/") + b"/"):
            raise CorruptContent(f'invalid symlink "{self.shown(path)}" -> "{os.fsdecode(target)}"')


def above_of(path: bytes) -> bytes:
    """The directory that something is in."""
    return path.rpartition(b"/")[0]


def is_directory(parent_fd: int, name: bytes) -> bool:
    """Whether an entry is a directory. Raises FileNotFoundError."""
    return stat.S_ISDIR(os.stat(name, dir_fd=parent_fd, follow_symlinks=False).st_mode)
