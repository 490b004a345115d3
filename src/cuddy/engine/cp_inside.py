"""A place in a container or a volume as one side of a copy: what its path means, what is there.

`root_fd` is the root of its files, in a view of the worker's own (inside.py, volume_view.py): no
path, whatever links are in it, leads out of that.
"""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.engine import cp_paths, inside
from cuddy.errors import InvalidArgument, NotFound, NotPermitted
from cuddy.image import gather
from cuddy.image.layer import is_content
from cuddy.image.tree import join
from cuddy.kernel import resolve
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cuddy.engine.cp_paths import Decision, Source, Target
    from cuddy.engine.inside import Located
    from cuddy.image.gather import Found
    from cuddy.kernel.idmap import Maps

KERNEL_DIRECTORIES = (b"dev", b"proc", b"sys")
"""Of a whole root they are left empty where they are the kernel's: Docker does not see them."""
NOT_THERE = (FileNotFoundError, NotADirectoryError)


class FoundSource(NamedTuple):
    """A source inside: the entry `name` of a directory, and what is to be copied of it."""

    located: Located
    source: Source
    stream_name: bytes  # in a tar it is called by its own name, a link aside


class FoundTarget(NamedTuple):
    """A target inside, after all links."""

    located: Located | None
    path: str
    target: Target


class Inside(NamedTuple):
    """The files of a container or volume. `name`: what the user called it."""

    root_fd: int
    name: str
    kind: str = "container"
    maps: Maps | None = None  # of its users, if they are not the host's

    def missing(self, path: str) -> NotFound:
        """Docker's words for what is not inside."""
        return NotFound(f"Could not find the file {path} in {self.kind} {self.name}")

    def find_source(self, path: str, *, follow: bool) -> FoundSource:
        """What a tidy path inside means. Raises NotFound, InvalidArgument."""
        name = cp_paths.name_of(path)
        try:
            found = inside.locate(self.root_fd, path)
        except FileNotFoundError:
            raise self.missing(path) from None
        except NotADirectoryError:
            raise InvalidArgument(f"lstat {path}: not a directory") from None
        if follow:
            try:
                found = inside.follow(self.root_fd, found)
            except NOT_THERE as error:
                raise self.missing(error.filename) from None
        if found.status is None:
            raise self.missing(found.path)
        own_name = name if found.name == gather.ITSELF else found.name
        if found.is_directory and found.name != gather.ITSELF:
            fd = os.open(found.name, inside.OPEN | os.O_NOFOLLOW, dir_fd=found.parent_fd)
            found = found._replace(parent_fd=fd, name=gather.ITSELF)
        return FoundSource(found, cp_paths.Source(name, found.is_directory), own_name)

    def gather(
        self,
        found: FoundSource,
        *,
        as_name: bytes = b"",
        streamed: bool = False,
        is_wanted: Callable[[bytes], bool] = is_content,
    ) -> Iterator[Found]:
        """The entries of a source inside. `is_wanted`: extended attributes."""
        closed = frozenset[bytes]()
        if (
            found.located.is_directory
            and self.kind == "container"
            and os.path.samestat(os.fstat(found.located.parent_fd), os.fstat(self.root_fd))
        ):
            closed = frozenset(
                name for name in KERNEL_DIRECTORIES if is_mounted(self.root_fd, name)
            )
        wanted = found.stream_name if streamed else as_name
        located = found.located
        gathered = gather.gather(located.parent_fd, located.name, wanted, closed, is_wanted)
        return as_inside(gathered, self.maps) if self.maps else gathered

    def find_target(self, path: str) -> FoundTarget:
        """What a path inside means as a destination. Raises NotFound, InvalidArgument."""
        if not path:  # as Docker has it: the root, but not as a directory that is there
            return FoundTarget(None, "/.", cp_paths.Target(b"", asserts_directory=True))
        tidy = cp_paths.inside(path)
        asserts = cp_paths.asserts_directory(tidy)
        try:
            found = inside.locate(self.root_fd, tidy)
        except NOT_THERE:
            name = os.fsencode(cp_paths.split(tidy)[1])
            bare = tidy if cp_paths.means_contents(tidy) else tidy.rstrip("/")
            return FoundTarget(None, bare, cp_paths.Target(name, asserts_directory=asserts))
        try:
            found = inside.follow(self.root_fd, found)
        except NOT_THERE as error:
            raise self.missing(os.path.dirname(error.filename)) from None
        mode = found.status.st_mode if found.status else 0
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise InvalidArgument(
                f'destination "{self.name}:{path}" must be a directory or a regular file: '
                "got a device"
            )
        exists = found.status is not None
        target = cp_paths.Target(found.name, exists, found.is_directory, asserts)
        return FoundTarget(found, found.path.rstrip("/") or "/", target)

    def open_target(self, into: FoundTarget, decision: Decision) -> int:
        """The directory to put things into. Raises NotFound, InvalidArgument."""
        located = into.located
        if located is None:
            parent = os.path.dirname(into.path)
            try:
                fd = resolve.open_in_root(self.root_fd, parent, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                raise self.missing(parent) from None
            except NotADirectoryError:
                raise InvalidArgument("extraction point is not a directory") from None
        else:
            name = located.name if decision.into_itself else gather.ITSELF
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(name, flags, dir_fd=located.parent_fd)
        if os.fstatvfs(fd).f_flag & os.ST_RDONLY:
            is_root = files.mount_of(fd) == files.mount_of(self.root_fd)
            own = "container rootfs" if self.kind == "container" else f"volume {self.name}"
            what = own if is_root else "mounted volume"
            raise NotPermitted(f"{what} is marked read-only")
        return fd

    def finder(self, shown: str) -> Callable[[bytes], int]:
        """Opens a path below the target through links, which lead somewhere inside or nowhere."""
        top = os.fsencode(shown)
        flags = os.O_RDONLY | os.O_DIRECTORY
        return lambda path: resolve.open_in_root(self.root_fd, join(top, path), flags)


def is_mounted(root_fd: int, name: bytes) -> bool:
    """Whether another file system begins there."""
    try:
        status = os.stat(name, dir_fd=root_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_dev != os.fstat(root_fd).st_dev


def shown_target(into: FoundTarget, decision: Decision) -> str:
    """The directory that a copy goes into, as the user knows it."""
    return into.path if decision.into_itself else os.path.dirname(into.path) or "/"


def as_inside(gathered: Iterator[Found], maps: Maps) -> Iterator[Found]:
    """Entries with the owners that they have for those inside."""
    for each in gathered:
        uid, gid = maps.inside(each.member.uid, each.member.gid)
        yield each._replace(member=each.member._replace(uid=uid, gid=gid))
