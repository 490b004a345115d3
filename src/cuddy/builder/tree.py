"""A tree of files that COPY, ADD and bind mounts read: the build context, a stage, an image.

What is in it, without what the context's ignore rules leave out; what a name in it means is told by
`sources`. The tree is a stranger's: directories are opened by descriptors and through no link, and
what is neither file nor directory is not opened at all. Sockets are not seen, as in docker.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.errors import InvalidArgument, NotFound
from cuddy.kernel import resolve
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.builder.dockerignore import Rules
    from cuddy.builder.patterns import Pattern

ABSENT = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.ENXIO, errno.ENODEV, errno.ESTALE)
)
"""What was there a moment ago, or has never been."""


class Tree(NamedTuple):
    """A tree by its root's descriptor. `name`: for messages, such as "build context".

    `index_key`: what `inputs` remembers its files by, "" for never. `owner`: whose the copies of
    its files are; None: as in the tree.
    """

    fd: int
    name: str
    ignore: Rules | None = None
    index_key: str = ""
    owner: tuple[int, int] | None = None


class Entry(NamedTuple):
    """A source. `path`: where it really is; `name`: what it is called, which a link's is its own.

    `only`: of a directory, what below it is meant (`--parents`).
    """

    path: bytes
    name: bytes
    status: os.stat_result
    only: Pattern | None = None


class Found(NamedTuple):
    """Something in an entry, or (b"") the entry. `name` in `dir_fd` it is until the next one.

    `is_on_the_way`: a directory that is not meant itself, but something in it.
    """

    path: bytes
    dir_fd: int
    name: bytes
    status: os.stat_result
    is_on_the_way: bool = False


def is_seen(tree: Tree, path: bytes, is_directory: bool) -> bool:
    """Whether the ignore rules leave a path in, or something in it."""
    if tree.ignore is None or not path or not tree.ignore.excludes(path):
        return True
    if not is_directory or not tree.ignore.may_hold(path):
        return False
    status = os.stat_result([stat.S_IFDIR, *[0] * 9])
    return any(True for _ in walk(tree, Entry(path, b"", status)))


def walk(tree: Tree, entry: Entry, exclude: Rules | None = None) -> Iterator[Found]:
    """An entry and what is in it: a directory first, then its files, then its directories, sorted.

    `exclude`: rules about paths below the entry, or about a file's name. What vanishes meanwhile is
    left out. Raises NotFound if the entry itself does.
    """
    if stat.S_ISDIR(entry.status.st_mode):
        yield from _Walk(tree, entry, exclude).run()
        return
    if exclude and exclude.excludes(entry.name):
        return
    parent, _, name = entry.path.rpartition(b"/")
    fd = open_directory(tree.fd, parent)
    try:
        status = os.stat(name, dir_fd=fd, follow_symlinks=False) if fd >= 0 else None
        if status is None or stat.S_ISDIR(status.st_mode):
            raise missing(tree, entry.path)
        yield Found(b"", fd, name, status)
    except FileNotFoundError:
        raise missing(tree, entry.path) from None
    finally:
        if fd >= 0:
            os.close(fd)


def missing(tree: Tree, path: bytes, hint: str = "") -> NotFound:
    """Docker's words for a source that is not there."""
    return NotFound(f'"/{os.fsdecode(path)}": not found', hint=hint or f"in the {tree.name}")


class _Directory:
    """A directory on its way to be looked into.

    `is_kept`: it is seen even if nothing in it is. `states`: how far the pattern has come that says
    what is meant; None: all below.
    """

    def __init__(
        self, path: bytes, above: _Directory | None, states: frozenset[int] | None
    ) -> None:
        self.path = path
        self.above = above
        self.states = states
        self.is_kept = True
        self.is_on_the_way = False
        self.was_told = False


class _Walk:
    """One walk. Each directory is opened from the tree's root: depth costs no descriptors."""

    def __init__(self, tree: Tree, entry: Entry, exclude: Rules | None) -> None:
        self.root_fd = tree.fd
        self.top = entry.path
        self.ignore = tree.ignore
        self.exclude = exclude
        self.only = entry.only

    def run(self) -> Iterator[Found]:
        top = _Directory(b"", None, frozenset((0,)) if self.only else None)
        if self.ignore and self.top and self.ignore.excludes(self.top):
            top.is_kept = False
        pending = [top]
        while pending:
            directory = pending.pop()
            fd = open_directory(self.root_fd, join(self.top, directory.path))
            if fd < 0:
                continue
            try:
                if directory.is_kept:
                    yield from self.tell_above(directory)
                    directory.was_told = True
                    yield Found(directory.path, fd, b".", os.fstat(fd))
                below: list[_Directory] = []
                yield from self.inside(fd, directory, below)
                pending += reversed(below)
            finally:
                os.close(fd)

    def inside(self, fd: int, above: _Directory, below: list[_Directory]) -> Iterator[Found]:
        """The files in a directory; its directories are noted in `below`."""
        with os.scandir(fd) as entries:
            found = sorted((os.fsencode(entry.name), entry) for entry in entries)
        is_plain = self.ignore is None and self.exclude is None and above.states is None
        for name, entry in found:
            path = above.path + b"/" + name if above.path else name
            if entry.is_dir(follow_symlinks=False):
                if directory := self.enter(above, path, name):
                    below.append(directory)
                continue
            if not is_plain and not self.is_wanted(above, path, name):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISSOCK(status.st_mode):
                continue
            if not above.was_told:
                yield from self.tell_above(_Directory(b"", above, None))
            yield Found(path, fd, name, status)

    def is_wanted(self, above: _Directory, path: bytes, name: bytes) -> bool:
        """Whether a file is copied."""
        if self.ignore and self.ignore.excludes(join(self.top, path)):
            return False
        if self.exclude and self.exclude.excludes(path):
            return False
        return above.states is None or self.fits(above.states, path, name)

    def fits(self, states: frozenset[int], path: bytes, name: bytes) -> bool:
        """Whether the pattern says that this is meant."""
        assert self.only is not None
        if not self.only.segments:
            return self.only.fits(path)
        return any(leaf is None or leaf.fits(name) for leaf in self.only.leaves(states))

    def enter(self, above: _Directory, path: bytes, name: bytes) -> _Directory | None:
        """A directory in another one; None if nothing of it can be wanted."""
        directory = _Directory(path, above, None)
        full = join(self.top, path)
        if self.ignore and self.ignore.excludes(full):
            directory.is_kept = False
            if not self.ignore.may_hold(full):
                return None
        if self.exclude and self.exclude.excludes(path):
            directory.is_on_the_way = True
            if not self.exclude.may_hold(path):
                return None
        if above.states is not None and not self.fits(above.states, path, name):
            assert self.only is not None
            directory.is_on_the_way = True
            segments = self.only.segments
            directory.states = self.only.below(above.states, name) if segments else above.states
            if not directory.states:
                return None
        directory.is_kept = directory.is_kept and not directory.is_on_the_way
        return directory

    def tell_above(self, directory: _Directory) -> Iterator[Found]:
        """The directories that it lies in, those that have not been told of."""
        way: list[_Directory] = []
        above = directory.above
        while above and not above.was_told:
            way.append(above)
            above = above.above
        for each in reversed(way):
            each.was_told = True
            fd = open_directory(self.root_fd, join(self.top, each.path))
            if fd < 0:
                continue
            try:
                yield Found(each.path, fd, b".", os.fstat(fd), each.is_on_the_way)
            finally:
                os.close(fd)


def open_directory(root_fd: int, path: bytes) -> int:
    """A directory of a tree; -1 if there is none any more. Raises InvalidArgument."""
    try:
        return resolve.open_beneath(root_fd, path or b".", os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            shown = os.fsdecode(path[:100])
            raise InvalidArgument(f"too long a path: {shown!r} ...") from None
        if error.errno not in ABSENT:
            raise
        return -1


def join(above: bytes, name: bytes) -> bytes:
    """A path below another one; either may be empty."""
    return above + b"/" + name if above and name else above or name
