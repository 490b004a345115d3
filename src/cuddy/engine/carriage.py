"""What is carried from one place to another: the entries of a tree or a tar, into a tree or a tar.

Files go from one side to the other within the kernel.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import CorruptContent, InvalidArgument
from cuddy.image import blobs, tar, tar_writer
from cuddy.image.layer import MAX_ENTRIES
from cuddy.kernel import transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.image.deposit import Deposit, Fill
    from cuddy.image.gather import Found
    from cuddy.image.tar import Member
    from cuddy.image.workers import Send

REPORT_EVERY_BYTES = 1 << 22
LEAST_HOLES_BYTES = 1 << 16
"""Fewer are not worth a map, which some readers of archives do not know."""
MAX_PARTS = 10_000


class Carriage:
    """One copy, and how much it is so far, as a tar. `send` is told now and then.

    `limit_bytes`: so much it may be; 0: as much as there is.
    """

    def __init__(self, send: Send | None = None, *, limit_bytes: int = 0) -> None:
        self.limit_bytes = limit_bytes
        self.total = len(tar_writer.END)
        self._send = send
        self._reported = 0

    def put(self, found: Iterator[Found], deposit: Deposit) -> int:
        """Put entries of one tree into another; returns what they are as a tar.

        Raises InvalidArgument when the walk comes to the directory that is being filled: it would
        never end.
        """
        goal = os.fstat(deposit.directory_fd)
        with deposit:
            for entry in found:
                if entry.member.kind == tar.DIRECTORY and os.path.samestat(entry.status, goal):
                    raise InvalidArgument("cannot copy a directory into itself")
                self.count(entry.member)
                deposit.add(entry.member, _filling(entry))
        return self.total

    def stream(self, found: Iterator[Found], to: int, *, holes: bool = False) -> int:
        """Write entries to a descriptor as a tar. `holes`: those of files are left out."""
        for member, status, fd, content in found:
            if member.kind == tar.DIRECTORY:
                member = member._replace(name=member.name + b"/")
            elif holes and content is None and member.kind == tar.FILE:
                member = without_holes(member, status, fd)
            self.count(member)
            files.write_all(to, tar_writer.header(member))
            if content is not None:
                files.write_all(to, content + tar_writer.padding(len(content)))
            elif member.kind == tar.FILE:
                write_content(fd, to, member)
        files.write_all(to, tar_writer.END)
        return self.total

    def unpack(self, chunks: Iterator[bytes], deposit: Deposit) -> None:
        """Put the entries of a tar that is not compressed into a tree."""
        stream = tar.Stream(chunks)
        with deposit:
            for number, member in enumerate(tar.members(stream)):
                if number == MAX_ENTRIES:
                    raise CorruptContent(f"the archive has more than {MAX_ENTRIES} entries")
                self.count(member)
                deposit.add(member, _unpacking(stream, member))

    def count(self, member: Member) -> None:
        """One more entry, in bytes of a tar. Raises InvalidArgument beyond the limit."""
        is_short = len(member.name) <= tar_writer.NAME_BYTES and not member.xattrs
        self.total += tar.BLOCK if is_short else len(tar_writer.header(member))
        self.total += member.stored_bytes + len(tar_writer.padding(member.stored_bytes))
        if self.limit_bytes and self.total > self.limit_bytes:
            raise InvalidArgument(f"there are more than {self.limit_bytes} bytes to copy")
        if self._send and self.total - self._reported >= REPORT_EVERY_BYTES:
            self._reported = self.total
            self._send(done=self.total)


def without_holes(member: Member, status: os.stat_result, fd: int) -> Member:
    """A file of which only the data is to be written, if that is worth it."""
    if member.size - status.st_blocks * transfer.BLOCK_BYTES < LEAST_HOLES_BYTES:
        return member
    parts = transfer.data_parts(fd, member.size)
    stored = sum(size for _, size in parts)
    if member.size - stored < LEAST_HOLES_BYTES or len(parts) > MAX_PARTS:
        return member
    return member._replace(sparse=parts, stored_bytes=stored)


def write_content(fd: int, to: int, member: Member) -> None:
    """A file's content, filled up with zeros if it has become shorter meanwhile."""
    parts = [(0, member.size)] if member.sparse is None else member.sparse
    for offset, size in parts:
        missing = size - transfer.copy(fd, to, size, offset=offset)
        while missing:
            zeros = bytes(min(missing, blobs.CHUNK))
            files.write_all(to, zeros)
            missing -= len(zeros)
    files.write_all(to, tar_writer.padding(sum(size for _, size in parts)))


def write_member(stream: tar.Stream, member: Member, fd: int) -> None:
    """A file's content out of a tar, with its holes."""
    if member.sparse is None:
        stream.copy(member.size, lambda piece: files.write_all(fd, piece))
        return
    os.ftruncate(fd, member.size)
    for offset, length in member.sparse:
        os.lseek(fd, offset, os.SEEK_SET)
        stream.copy(length, lambda piece: files.write_all(fd, piece))


def _filling(entry: Found) -> Fill:
    """What fills the copy of an entry."""
    return lambda to: _fill(to, entry)


def _unpacking(stream: tar.Stream, member: Member) -> Fill:
    """What fills a file with what comes next in a tar."""
    return lambda to: write_member(stream, member, to)


def _fill(fd: int, entry: Found) -> None:
    """A file's content out of another."""
    if entry.content is None:
        transfer.copy_file(entry.fd, fd, entry.status)
    else:
        files.write_all(fd, entry.content)
