"""What a bind mount of a RUN shows of a tree: what COPY would copy, in its place on the disk.

What the ignore rules leave out is hidden by a layer of whiteouts over the directory, not copied
around; what belongs to the user is shown as root's by an idmapped mount. Where that cannot be, as
for files of several users, they are copied. A directory is never bound itself: a read-only mount
does not keep anybody from talking to a socket in it.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat

from cuddy.builder import tree as trees
from cuddy.builder.tree import Tree
from cuddy.errors import NotFound
from cuddy.kernel import idmap, mount, overlay, resolve
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Origin(NamedTuple):
    """Where a mount's files come from: layers, the lowest first, unless it is a tree.

    `key`: names what is in it, for a cache mount that begins with it.
    """

    chain_ids: tuple[str, ...] = ()
    tree: Tree | None = None
    key: str = ""


class Listing(NamedTuple):
    """What is seen of a directory: the directories in it, their names, and whose all is."""

    facts: dict[bytes, os.stat_result]
    seen: dict[bytes, set[bytes]]
    owners: set[tuple[int, int]]


class View(Closing):
    """A source in a tree. `inside`: its path there."""

    def __init__(self, tree: Tree, fd: int, inside: bytes) -> None:
        self.tree = tree
        self.fd = fd
        self.inside = inside
        self.status = os.fstat(fd)
        self.is_directory = stat.S_ISDIR(self.status.st_mode)
        self.owner = (self.status.st_uid, self.status.st_gid)

    @property
    def path(self) -> str:
        """By which this process and its children find it."""
        return f"/proc/self/fd/{self.fd}"

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def open_source(root_fd: int, source: str) -> int:
    """A path in a root, wherever links in it lead: not out of it. Raises NotFound."""
    path = posixpath.normpath("/" + source)
    try:
        return resolve.open_in_root(root_fd, path, os.O_PATH)
    except OSError as error:
        if error.errno not in trees.ABSENT:
            raise
        raise NotFound(f'"{path}": not found', hint="it is the source of a mount") from None


def look(tree: Tree, source: str) -> View:
    """A source in a tree. Raises NotFound if it is not there, or is ignored."""
    root_fd = reopen(tree)
    try:
        fd = open_source(root_fd, source)
    finally:
        os.close(root_fd)
    try:
        inside = path_of(fd)[len(path_of(tree.fd)) :].lstrip(b"/")
        view = View(tree, fd, inside)
        is_file = stat.S_ISREG(view.status.st_mode)
        if not (view.is_directory or is_file):
            raise NotFound(f'"{source}": not found', hint="it is neither file nor directory")
        if not trees.is_seen(tree, inside, view.is_directory):
            raise NotFound(f'"{source}": not found', hint=f"the {tree.name} ignores it")
    except BaseException:
        os.close(fd)
        raise
    return view


def reopen(tree: Tree) -> int:
    """The tree's root in our own mount namespace: of another one's nothing can be mounted here."""
    path = path_of(tree.fd)
    try:
        fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise NotFound(f"the {tree.name} is gone", hint=os.fsdecode(path)) from error
    if not os.path.samestat(os.fstat(fd), os.fstat(tree.fd)):
        os.close(fd)
        raise NotFound(f"the {tree.name} is gone", hint=f"{os.fsdecode(path)} is another one now")
    return fd


def path_of(fd: int) -> bytes:
    """Where an open file is."""
    return os.readlink(b"/proc/self/fd/%d" % fd)


def hide(view: View, listing: Listing, where: str) -> None:
    """Fill a directory with whiteouts of what the ignore rules leave out."""
    facts, seen = listing.facts, listing.seen
    mask_fd = os.open(where, DIRECTORY)
    made: set[bytes] = set()
    try:
        for path in facts:
            for name in hidden(view, path, seen[path]):
                make_way(mask_fd, path, facts, made)
                overlay.make_whiteout(trees.join(path, name), dir_fd=mask_fd)
        for path in sorted(made, reverse=True):
            set_attributes(mask_fd, path or b".", facts[path])
    finally:
        os.close(mask_fd)


def look_through(view: View) -> Listing:
    """What is seen of a directory, by the rules of its tree."""
    facts: dict[bytes, os.stat_result] = {b"": view.status}
    seen: dict[bytes, set[bytes]] = {b"": set()}
    owners = {view.owner}
    for found in trees.walk(view.tree, trees.Entry(view.inside, b"", view.status)):
        owners.add((found.status.st_uid, found.status.st_gid))
        if stat.S_ISDIR(found.status.st_mode):
            facts[found.path] = found.status
            seen.setdefault(found.path, set())
        if found.path:
            parent, _, name = found.path.rpartition(b"/")
            seen.setdefault(parent, set()).add(name)
    return Listing(facts, seen, owners)


def hidden(view: View, path: bytes, seen: set[bytes]) -> Iterator[bytes]:
    """The names in a directory that are not seen."""
    fd = trees.open_directory(view.tree.fd, trees.join(view.inside, path))
    if fd < 0:
        return
    try:
        names = os.listdir(fd)
    finally:
        os.close(fd)
    for name in map(os.fsencode, names):
        if name not in seen:
            yield name


def make_way(
    mask_fd: int, path: bytes, facts: dict[bytes, os.stat_result], made: set[bytes]
) -> None:
    """The directories that lead to a whiteout."""
    if path in made:
        return
    if path:
        make_way(mask_fd, path.rpartition(b"/")[0], facts, made)
        os.mkdir(path, 0o700, dir_fd=mask_fd)
    made.add(path)


def set_attributes(dir_fd: int, name: bytes, status: os.stat_result) -> None:
    """A directory over another one is what is seen of both; it is root's, as all in a context."""
    fd = os.open(name, DIRECTORY, dir_fd=dir_fd)
    try:
        os.fchmod(fd, stat.S_IMODE(status.st_mode))
        os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(fd)


def copy_attributes(status: os.stat_result, path: str) -> None:
    """The same for the uppermost one."""
    set_attributes(-100, os.fsencode(path), status)


def detach(fd: int) -> int:
    """What is at a descriptor, with all that is mounted below it, as a mount of its own."""
    flags = mount.OPEN_TREE_CLONE | mount.AT_RECURSIVE | mount.AT_EMPTY_PATH
    return mount.open_tree("", flags, dir_fd=fd)


def detach_view(view: View) -> int:
    """The same of a view; in it the tree's owner is who it is to be. Raises SystemFailure if the
    file system knows no such maps.
    """
    tree_fd, wanted = detach(view.fd), view.tree.owner
    if wanted is None or view.owner == wanted:
        return tree_fd
    # Imported here: root's own context needs none of it.
    from cuddy.engine import owner_map

    try:
        owner_map.apply(tree_fd, owner_map.Owner(*view.owner), owner_map.Owner(*wanted), view.path)
    except BaseException:
        os.close(tree_fd)
        raise
    return tree_fd


def copy_file(view: View, target: str) -> None:
    """A copy of a file that may be written to."""
    from cuddy.kernel import transfer

    reading = os.open(view.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        writing = os.open(target, flags, 0o600)
        try:
            transfer.copy_file(reading, writing, view.status)
            os.fchmod(writing, stat.S_IMODE(view.status.st_mode))
            idmap.chown(writing, *(view.tree.owner or view.owner))
            times = (view.status.st_atime_ns, view.status.st_mtime_ns)
            os.utime(writing, ns=times)
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def copy_seen(view: View, target: str) -> None:
    """Copy what is seen of a directory into another one, as COPY would. Raises as `copy.copy`."""
    # Imported here: hardly ever needed.
    from cuddy.builder.copy import Copying
    from cuddy.builder.instructions import Copy, Place

    instruction = Copy(Place(0, 0), "", False, ("/",), "/")
    target_fd, before = os.open(target, DIRECTORY), os.umask(0)
    try:
        with Copying(target_fd, instruction, view.tree, None) as copying:
            entry = trees.Entry(view.inside, b"", view.status)
            copying.take(view.tree, entry, unpacks=False)
        set_attributes(target_fd, b".", view.status)
    finally:
        os.umask(before)
        os.close(target_fd)


def copy_tree(source: str, target: str) -> None:
    """Copy what is in a directory into another one. Raises OSError, NotFound."""
    from cuddy.engine import volume_copy

    try:
        source_fd = os.open(source, DIRECTORY)
    except OSError as error:
        if error.errno != errno.ENOTDIR:
            raise
        raise NotFound("a cache mount's source is no directory") from None
    target_fd = os.open(target, DIRECTORY)
    try:
        volume_copy.copy_tree(source_fd, target_fd)
    finally:
        os.close(target_fd)
        os.close(source_fd)
