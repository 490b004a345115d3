"""COPY and ADD: files of a tree on their way into an image under construction, as BuildKit does it.

Of a directory the content is copied: it is merged into what is there, and its own attributes do not
count. Below the target no link is followed: what is there is replaced, but a directory never by
something else or the other way round. All of it goes into the root of a snapshot, given by its
descriptor, through `image/deposit`: nothing that exists is ever opened to be written to.
"""

from __future__ import annotations

import os
import stat
import time

from cuddy import files
from cuddy.builder import chmod, chown, sources, target
from cuddy.builder.inputs import Stamp
from cuddy.builder.tree import join, walk
from cuddy.errors import InvalidArgument
from cuddy.image import tar
from cuddy.image.changeset import SPECIAL_KINDS, list_attributes, open_file, read_attributes
from cuddy.image.deposit import Ownership
from cuddy.image.tar import NO_XATTRS, Member
from cuddy.kernel import transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from cuddy.builder.instructions import Copy, Heredoc
    from cuddy.builder.remote_sources import RemoteSources
    from cuddy.builder.tree import Entry, Found, Tree

HEREDOC_MODE = 0o644
NOBODY_ELSE = (0, 0)


def copy(
    root_fd: int,
    instruction: Copy,
    tree: Tree,
    epoch: int | None = None,
    remote: RemoteSources | None = None,
) -> str:
    """Carry out a COPY or ADD whose target is absolute.

    Returns the stamp of what it has read of the tree: if that is not the one of the
    `inputs.Reading` before, something has changed in between. `epoch`: seconds, the time of what
    comes from a build context, and of new directories. `remote`: brings what ADD names by URL.

    Raises NotFound, Conflict, InvalidArgument, CorruptContent, OSError, and what `remote` does.
    """
    before = os.umask(0)
    try:
        with Copying(root_fd, instruction, tree, epoch) as copying:
            copying.limit = remote.settings.max_layer_bytes if remote else 0
            copying.run(remote)
            return copying.stamp.value() if copying.is_stamped else ""
    finally:
        os.umask(before)


class Copying:
    """One COPY or ADD."""

    def __init__(self, root_fd: int, instruction: Copy, tree: Tree, epoch: int | None) -> None:
        self.instruction = instruction
        self.tree = tree
        self.stamp = Stamp()
        is_read = not all(map(sources.is_remote, instruction.sources))
        self.is_stamped = bool(tree.index_key) and is_read
        self.owner = owner_of(root_fd, instruction)
        self.mode = chmod.parse(instruction.chmod) if instruction.chmod else None
        # BuildKit gives an octal mode also to the directories that it makes on the way.
        octal = self.mode.octal if self.mode else None
        self.directory_mode = target.DIRECTORY_MODE if octal is None else octal & 0o777
        self.now_ns = time.time_ns() if epoch is None else epoch * 1_000_000_000
        self.is_dated = epoch is not None
        self.deposit = target.Placement(root_fd, "/", Ownership(is_kept=True))
        user = self.owner or NOBODY_ELSE
        self.target = target.Target(root_fd, instruction, self.deposit, user, self.now_ns)
        self.excluded = sources.excluded(instruction)
        self.limit = 0  # of what an archive may come to, 0: what is believable
        self._links: dict[tuple[int, int], bytes] = {}

    def __enter__(self) -> Copying:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.deposit.__exit__(kind, error, trace)

    def run(self, remote: RemoteSources | None) -> None:
        """All sources, in their order."""
        copy = self.instruction
        for source in copy.sources:
            if not sources.is_remote(source):
                unpacks = copy.is_add if copy.unpack is None else copy.unpack
                for entry in sources.find(self.tree, source, parents=copy.parents):
                    self.take(self.tree, entry, unpacks=unpacks)
            elif remote is None:
                raise InvalidArgument(f"{source}: nothing can be fetched here")
            else:
                brought = remote.bring(copy, source)
                self.take(brought.tree, brought.entry, unpacks=bool(copy.unpack))
        for heredoc in copy.heredocs:
            self.write(heredoc)

    def take(self, tree: Tree, entry: Entry, *, unpacks: bool) -> None:
        """One source. `unpacks`: if it is an archive, what is in it is meant."""
        self._links.clear()
        place = None
        for found in walk(tree, entry, self.excluded):
            is_file = not found.path and stat.S_ISREG(found.status.st_mode)
            if is_file and unpacks and self.unpack(tree, found):
                continue
            if place is None:
                place = self.place(tree, entry)
            self.put(tree, found, join(place, found.path))

    def place(self, tree: Tree, entry: Entry) -> bytes:
        """Where a source goes: the directory that is filled, or the file that is made."""
        if not stat.S_ISDIR(entry.status.st_mode):
            return self.target.file(entry.name, self.directory_mode)
        place = self.target.directory(self.directory_mode)
        # Of the source's own attributes its time is taken over, as BuildKit does.
        self.target.date(place, self.member(tree, place, tar.DIRECTORY, entry.status).mtime_ns)
        return place

    def note(self, tree: Tree, found: Found, status: os.stat_result) -> None:
        """Something of the tree that may change has been read."""
        if tree is self.tree and self.is_stamped:
            self.stamp.add(found.path, status)

    def unpack(self, tree: Tree, found: Found) -> bool:
        """Put what is in an archive into the target; False if a file is none."""
        from cuddy.builder import add

        fd = open_file(found.dir_fd, found.name)
        if fd < 0:
            return False
        try:
            if not add.is_archive(fd):
                return False
            path = self.target.directory(target.DIRECTORY_MODE)
            directory_fd = self.target.open(path)
            try:
                add.unpack(fd, directory_fd, f"/{os.fsdecode(path)}", self.owner, self.limit)
            finally:
                os.close(directory_fd)
            self.note(tree, found, os.fstat(fd))
            return True
        finally:
            os.close(fd)

    def put(self, tree: Tree, found: Found, name: bytes) -> None:
        """One thing of a source; the directory that is one has its place already."""
        status = found.status
        kind = stat.S_IFMT(status.st_mode)
        first = b"" if kind == stat.S_IFDIR else self.first_name(name, status)
        if kind == stat.S_IFREG and not first:
            self.put_file(tree, found, name)
            return
        self.note(tree, found, status)
        if kind == stat.S_IFDIR:
            if found.path:
                self.put_directory(tree, found, name)
        elif first:
            self.deposit.add(self.member(tree, name, tar.LINK, status, link=first), target.nothing)
        else:
            self.put_special(tree, found, name)

    def put_file(self, tree: Tree, found: Found, name: bytes) -> None:
        fd = open_file(found.dir_fd, found.name)
        if fd < 0:
            return  # gone meanwhile; the stamp tells
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return
            xattrs = read_attributes(fd, list_attributes(fd))
            member = self.member(tree, name, tar.FILE, status, xattrs=xattrs)
            self.deposit.add(member, lambda to: transfer.copy_file(fd, to, status))
            self.note(tree, found, os.fstat(fd))
        finally:
            os.close(fd)

    def put_directory(self, tree: Tree, found: Found, name: bytes) -> None:
        fd = open_file(found.dir_fd, found.name)
        if fd < 0:
            return
        try:
            xattrs = read_attributes(fd, list_attributes(fd))
        finally:
            os.close(fd)
        member = self.member(tree, name, tar.DIRECTORY, found.status, xattrs=xattrs)
        if found.is_on_the_way and (there := self.target.as_it_is(name)):
            # BuildKit gives it the mode of the one it is passed through for, and nothing else.
            member = there._replace(mode=stat.S_IMODE(found.status.st_mode))
        self.deposit.add(member, target.nothing)

    def put_special(self, tree: Tree, found: Found, name: bytes) -> None:
        """Symbolic links, devices and fifos."""
        kind = SPECIAL_KINDS[stat.S_IFMT(found.status.st_mode)]
        link = b""
        if kind == tar.SYMLINK:
            try:
                link = os.readlink(found.name, dir_fd=found.dir_fd)
            except OSError:
                return  # gone meanwhile
        self.deposit.add(self.member(tree, name, kind, found.status, link=link), target.nothing)

    def write(self, heredoc: Heredoc) -> None:
        """A file whose content is in the Dockerfile."""
        data = heredoc.content.encode("utf-8", "surrogateescape")
        name = os.fsencode(os.path.basename(heredoc.name))
        place = self.target.file(name, self.directory_mode)
        mode = self.mode.apply(stat.S_IFREG | HEREDOC_MODE) if self.mode else HEREDOC_MODE
        member = Member(
            place, tar.FILE, mode, *self.target.user, len(data), self.now_ns, b"", (0, 0),
            len(data), NO_XATTRS, None,
        )  # fmt: skip
        self.deposit.add(member, lambda to: files.write_all(to, data))

    def first_name(self, name: bytes, status: os.stat_result) -> bytes:
        """Where the same file was put before under another name; b"" if it was not."""
        if status.st_nlink == 1:
            return b""
        first = self._links.setdefault((status.st_dev, status.st_ino), name)
        return b"" if first == name else first

    def member(
        self,
        tree: Tree,
        name: bytes,
        kind: int,
        status: os.stat_result,
        *,
        link: bytes = b"",
        xattrs: dict[bytes, bytes] = NO_XATTRS,
    ) -> Member:
        """What becomes of something in the image."""
        mode = self.mode.apply(status.st_mode) if self.mode else stat.S_IMODE(status.st_mode)
        uid, gid = self.owner or tree.owner or (status.st_uid, status.st_gid)
        device = (0, 0)
        if kind in (tar.CHARACTER, tar.BLOCK_DEVICE):
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
        # What a context's files are of depends on when they were checked out; others' do not.
        is_dated = self.is_dated and tree is self.tree and tree.owner is not None
        mtime_ns = self.now_ns if is_dated else status.st_mtime_ns
        size = status.st_size if kind == tar.FILE else 0
        return Member(name, kind, mode, uid, gid, size, mtime_ns, link, device, size, xattrs, None)


def owner_of(root_fd: int, instruction: Copy) -> tuple[int, int] | None:
    """Whose the copies are by `--chown`. Raises InvalidArgument."""
    if not instruction.chown:
        return None
    try:
        return chown.identify(root_fd, instruction.chown)
    except InvalidArgument as error:
        if not instruction.link:
            raise
        hint = "with --link the image's files are not looked at: use numbers"
        raise InvalidArgument(error.message, hint=hint) from None
