"""Cp: files and directories from a container to the host or the other way, or as a tar.

    gather (a tree, entry by entry) ─┐            ┌─▶ deposit (into a tree)
    tar, from standard input ────────┴─ entries ──┴─▶ tar, to standard output

A worker reaches into the container (inside.py); what it opens and mounts ends with it. Files go
from one side to the other within the kernel. Of a container that does not run, the lock keeps it
from starting only while something is copied into it.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.engine import container, containers, cp_paths, events, export, inside, users
from cuddy.errors import InvalidArgument, NotFound, SystemFailure
from cuddy.image import blobs, compression, gather, tar, tar_writer, workers
from cuddy.image.deposit import Deposit, Ownership
from cuddy.image.tree import ABSENT, join
from cuddy.kernel import resolve, transfer
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cuddy.engine.container import Container
    from cuddy.engine.cp_paths import Decision, Source, Target
    from cuddy.engine.home import Home
    from cuddy.engine.inside import Located
    from cuddy.image.gather import Found
    from cuddy.image.tar import Member
    from cuddy.image.workers import Send

    Progress = Callable[[int], None]

KERNEL_DIRECTORIES = (b"dev", b"proc", b"sys")
"""Of a whole root they are left empty where they are the kernel's: Docker does not see them."""
NOT_THERE = (FileNotFoundError, NotADirectoryError)
CHANGED = ABSENT | {errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY}
"""What the kernel answers where something was a moment ago, or was not."""
REPORT_EVERY_BYTES = 1 << 22


class Options(NamedTuple):
    """What the user says of a copy."""

    archive: bool = False  # keep owners, and give what goes in to the container's user
    follow_link: bool = False  # copy what the source, if it is a link, leads to


def cp_out(
    home: Home,
    name: str,
    path: str,
    target: str,
    options: Options,
    progress: Progress | None = None,
) -> int:
    """Copy from a container to an absolute path of the host, or as a tar to descriptor 1 ("-").

    `progress` is told how many bytes have been copied. Returns how many it were, counted as a tar.
    Raises NotFound, InvalidArgument, Conflict, CorruptContent, SystemFailure, OSError.
    """
    goal = None if target == cp_paths.STREAM else cp_paths.look_at_target(target)
    container_id = containers.find_id(home, name)
    if not path:
        raise InvalidArgument(f"no path is given for container {name}")

    def work(session: _Session, root_fd: int) -> int:
        found = _find_source(root_fd, session, cp_paths.inside(path), options)
        if goal is None:
            return session.stream(_gather_from(root_fd, found, streamed=True))
        decision = cp_paths.decide(found.source, goal.found)
        into_fd = os.open(goal.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        deposit = Deposit(into_fd, goal.parent, Ownership(is_kept=options.archive))
        return session.put(_gather_from(root_fd, found, as_name=decision.name), deposit)

    return _copy(home, container_id, name, work, "archive-path", progress, writable=False)


def cp_in(
    home: Home, source: str, name: str, path: str, options: Options,
    progress: Progress | None = None,
) -> int:  # fmt: skip
    """Copy an absolute path of the host, or a tar from descriptor 0 ("-"), into a container.

    Else as `cp_out`.
    """
    container_id = containers.find_id(home, name)
    origin = None
    if source != cp_paths.STREAM:
        origin = cp_paths.look_at_source(source, follow=options.follow_link)

    def work(session: _Session, root_fd: int) -> int:
        user = session.user(root_fd) if options.archive else None
        ownership = Ownership(is_kept=True, user=user)
        into = _find_target(root_fd, session, path)
        if origin is None:
            if not into.target.is_directory:
                raise InvalidArgument(f'destination "{name}:{path}" must be a directory')
            decision = cp_paths.Decision(True, b"")
        else:
            decision = cp_paths.decide(origin.found, into.target)
        directory_fd = session.open_target(root_fd, into, decision)
        shown = into.path if decision.into_itself else os.path.dirname(into.path) or "/"
        deposit = Deposit(directory_fd, shown, ownership, _finder(root_fd, shown))
        if origin is None:
            return session.unpack(deposit)
        parent_fd = os.open(origin.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        found = gather.gather(parent_fd, origin.entry, decision.name)
        return session.put(found, deposit)

    return _copy(home, container_id, name, work, "extract-to-dir", progress, writable=True)


def _copy(
    home: Home, container_id: str, name: str, work: Callable[[_Session, int], int], action: str,
    progress: Progress | None, *, writable: bool,
) -> int:  # fmt: skip
    """Have a worker do it."""

    def reach_in(send: Send) -> None:
        os.umask(0)
        with container.lock(home, container_id) as lock:
            record = containers.read(home, container_id, locked=True)
            session = _Session(home, record, name, send if progress else None)
            view = inside.open_view(home, record, writable=writable)
            if not view.is_writable:
                lock.close()
            total = work(session, view.root_fd)
            if writable or not record["State"]["Running"]:
                export.check_unchanged(home, record)
        events.emit_container(home, action, record)
        send(total=total)

    try:
        with workers.Crew() as crew:
            worker = crew.start("copy", reach_in)
            told = worker.finish(progress and (lambda message: progress(message.get("done", 0))))
    except OSError as error:
        if error.errno not in CHANGED:
            raise
        why = os.strerror(error.errno).lower()
        hint = "did something change meanwhile? then try again"
        raise SystemFailure(f"cannot copy all of it: {why}", hint=hint) from None
    total: int = told["total"]
    return total


class _Source(NamedTuple):
    """A source inside: the entry `name` of a directory, and what is to be copied of it."""

    located: Located
    source: Source
    stream_name: bytes  # in a tar it is called by its own name, a link aside


class _Target(NamedTuple):
    """A target inside, after all links."""

    located: Located | None
    path: str
    target: Target


def _find_source(root_fd: int, session: _Session, path: str, options: Options) -> _Source:
    """What a tidy path inside means. Raises NotFound, InvalidArgument."""
    name = cp_paths.name_of(path)
    try:
        found = inside.locate(root_fd, path)
    except FileNotFoundError:
        raise session.missing(path) from None
    except NotADirectoryError:
        raise InvalidArgument(f"lstat {path}: not a directory") from None
    if options.follow_link:
        try:
            found = inside.follow(root_fd, found)
        except NOT_THERE as error:
            raise session.missing(error.filename) from None
    if found.status is None:
        raise session.missing(found.path)
    own_name = name if found.name == gather.ITSELF else found.name
    if found.is_directory and found.name != gather.ITSELF:
        fd = os.open(found.name, inside.OPEN | os.O_NOFOLLOW, dir_fd=found.parent_fd)
        found = found._replace(parent_fd=fd, name=gather.ITSELF)
    return _Source(found, cp_paths.Source(name, found.is_directory), own_name)


def _gather_from(
    root_fd: int, found: _Source, *, as_name: bytes = b"", streamed: bool = False
) -> Iterator[Found]:
    """The entries of a source inside."""
    closed = frozenset[bytes]()
    if found.located.is_directory and os.path.samestat(
        os.fstat(found.located.parent_fd), os.fstat(root_fd)
    ):
        closed = frozenset(name for name in KERNEL_DIRECTORIES if _is_mounted(root_fd, name))
    wanted = found.stream_name if streamed else as_name
    return gather.gather(found.located.parent_fd, found.located.name, wanted, closed)


def _is_mounted(root_fd: int, name: bytes) -> bool:
    """Whether another file system begins there."""
    try:
        status = os.stat(name, dir_fd=root_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_dev != os.fstat(root_fd).st_dev


def _find_target(root_fd: int, session: _Session, path: str) -> _Target:
    """What a path inside means as a destination. Raises NotFound, InvalidArgument."""
    if not path:  # as Docker has it: the root, but not as a directory that is there
        return _Target(None, "/.", cp_paths.Target(b"", asserts_directory=True))
    tidy = cp_paths.inside(path)
    asserts = cp_paths.asserts_directory(tidy)
    try:
        found = inside.locate(root_fd, tidy)
    except NOT_THERE:
        name = os.fsencode(cp_paths.split(tidy)[1])
        bare = tidy if cp_paths.means_contents(tidy) else tidy.rstrip("/")
        return _Target(None, bare, cp_paths.Target(name, asserts_directory=asserts))
    try:
        found = inside.follow(root_fd, found)
    except NOT_THERE as error:
        raise session.missing(os.path.dirname(error.filename)) from None
    mode = found.status.st_mode if found.status else 0
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise InvalidArgument(
            f'destination "{session.name}:{path}" must be a directory or a regular file: '
            "got a device"
        )
    exists = found.status is not None
    target = cp_paths.Target(found.name, exists, found.is_directory, asserts)
    return _Target(found, found.path.rstrip("/") or "/", target)


def _finder(root_fd: int, shown: str) -> Callable[[bytes], int]:
    """Opens a path below the target through links, which lead somewhere inside or nowhere."""
    top = os.fsencode(shown)
    flags = os.O_RDONLY | os.O_DIRECTORY
    return lambda path: resolve.open_in_root(root_fd, join(top, path), flags)


class _Session:
    """One copy: the container, and how much has been copied."""

    def __init__(self, home: Home, record: Container, name: str, send: Send | None) -> None:
        self.home = home
        self.record = record
        self.name = name
        self._send = send
        self._reported = 0
        self.total = len(tar_writer.END)

    def missing(self, path: str) -> NotFound:
        """Docker's words for what is not inside."""
        return NotFound(f"Could not find the file {path} in container {self.name}")

    def user(self, root_fd: int) -> tuple[int, int] | None:
        """Who the container's user is, if it has one."""
        wanted = self.record["Config"]["User"]
        if not wanted:
            return None
        identity = users.read_identity(root_fd, wanted)
        return identity.uid, identity.gid

    def open_target(self, root_fd: int, into: _Target, decision: Decision) -> int:
        """The directory to put things into. Raises NotFound, InvalidArgument."""
        located = into.located
        if located is None:
            parent = os.path.dirname(into.path)
            try:
                fd = resolve.open_in_root(root_fd, parent, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                raise self.missing(parent) from None
            except NotADirectoryError:
                raise InvalidArgument("extraction point is not a directory") from None
        else:
            name = located.name if decision.into_itself else gather.ITSELF
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(name, flags, dir_fd=located.parent_fd)
        if os.fstatvfs(fd).f_flag & os.ST_RDONLY:
            is_root = files.mount_of(fd) == files.mount_of(root_fd)
            what = "container rootfs" if is_root else "mounted volume"
            raise InvalidArgument(f"{what} is marked read-only")
        return fd

    def put(self, found: Iterator[Found], deposit: Deposit) -> int:
        """Put entries of one tree into another; returns what they are as a tar."""
        with deposit:
            for entry in found:
                self.count(entry.member)
                deposit.add(entry.member, lambda fd: _fill(fd, entry))  # noqa: B023
        return self.total

    def stream(self, found: Iterator[Found]) -> int:
        """Write entries to standard output as a tar."""
        for member, _, fd, content in found:
            if member.kind == tar.DIRECTORY:
                member = member._replace(name=member.name + b"/")
            self.count(member)
            files.write_all(1, tar_writer.header(member))
            if content is not None:
                files.write_all(1, content + tar_writer.padding(len(content)))
            elif member.kind == tar.FILE:
                self.write_content(fd, member.size)
        files.write_all(1, tar_writer.END)
        return self.total

    def write_content(self, fd: int, size: int) -> None:
        """A file's content, filled up with zeros if it has become shorter meanwhile."""
        missing = size - transfer.copy(fd, 1, size)
        while missing:
            zeros = bytes(min(missing, blobs.CHUNK))
            files.write_all(1, zeros)
            missing -= len(zeros)
        files.write_all(1, tar_writer.padding(size))

    def unpack(self, deposit: Deposit) -> int:
        """Put the entries of a tar on standard input, compressed or not, into a tree."""
        stream = tar.Stream(compression.decompress(blobs.read_chunks(0)))
        with deposit:
            for member in tar.members(stream):
                deposit.add(member, lambda to: _write_member(stream, member, to))  # noqa: B023
        return 0

    def count(self, member: Member) -> None:
        """One more entry, in bytes of a tar."""
        is_short = len(member.name) <= tar_writer.NAME_BYTES and not member.xattrs
        self.total += tar.BLOCK if is_short else len(tar_writer.header(member))
        self.total += member.size + len(tar_writer.padding(member.size))
        if self._send and self.total - self._reported >= REPORT_EVERY_BYTES:
            self._reported = self.total
            self._send(done=self.total)


def _fill(fd: int, entry: Found) -> None:
    """A file's content out of another."""
    if entry.content is None:
        transfer.copy_file(entry.fd, fd, entry.status)
    else:
        files.write_all(fd, entry.content)


def _write_member(stream: tar.Stream, member: Member, fd: int) -> None:
    """A file's content out of a tar, with its holes."""
    if member.sparse is None:
        stream.copy(member.size, lambda piece: files.write_all(fd, piece))
        return
    os.ftruncate(fd, member.size)
    for offset, length in member.sparse:
        os.lseek(fd, offset, os.SEEK_SET)
        stream.copy(length, lambda piece: files.write_all(fd, piece))
