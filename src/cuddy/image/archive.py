"""An archive of images as an open file: its members found by name, and read where they lie.

Only headers are read to find them. No name in an archive ever becomes a path on disk: a link is
looked up among the archive's own names. Nobody else's program writes devices, sparse files or the
same name twice, so all of these are refused.
"""

from __future__ import annotations

import os

from cuddy.errors import CorruptContent
from cuddy.image import digest as digests
from cuddy.image import tar
from cuddy.image.settings import Settings
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

READ_HEADERS = 1 << 14
READ_CONTENT = 1 << 18
MAX_MEMBERS = 100_000
MAX_NAME = 4096
MAX_LINKS = 40


class Part(NamedTuple):
    """Where a member's content lies in the file."""

    offset: int
    size: int


class Archive:
    """The members of a tar in a seekable file. A source of blobs for `fetch`.

    Raises CorruptContent if the file is not a tar, or one that no program for images writes.
    """

    def __init__(self, fd: int, settings: Settings) -> None:
        self.settings = settings
        self.paths: dict[str, str] = {}  # of blobs that are not at blobs/<algorithm>/<hex>
        self._fd = fd
        self._parts: dict[str, Part] = {}
        self._links: dict[str, str] = {}
        headers = _Headers(fd)
        for count, member in enumerate(tar.members(headers)):
            if count == MAX_MEMBERS:
                raise CorruptContent(f"the archive has more than {MAX_MEMBERS} members")
            self._take(member, headers.offset)
        if not self._parts:
            raise CorruptContent("the archive is empty")

    def _take(self, member: tar.Member, offset: int) -> None:
        name = _normal(os.fsdecode(member.name))
        if member.kind == tar.DIRECTORY:
            return
        if name in self._parts or name in self._links:
            raise CorruptContent(f"the archive has {shown(name)} twice")
        if member.kind == tar.FILE and member.sparse is None:
            self._parts[name] = Part(offset, member.size)
        elif member.kind == tar.SYMLINK:
            # Old dockers write a layer that several images have once, and links to it.
            self._links[name] = os.path.dirname(name) + "/" + os.fsdecode(member.link)
        elif member.kind == tar.LINK:
            self._links[name] = os.fsdecode(member.link)
        else:
            raise CorruptContent(f"the archive has {shown(name)}, which is not a plain file")

    def has(self, name: str) -> bool:
        """Whether there is such a member, of any kind but a directory."""
        return name in self._parts or name in self._links

    def find(self, name: str) -> Part:
        """Where a member is, links followed. Raises CorruptContent if it is not there."""
        wanted = _normal(name)
        for _ in range(MAX_LINKS):
            if wanted in self._parts:
                return self._parts[wanted]
            if wanted not in self._links:
                raise CorruptContent(f"the archive lacks {shown(name)}")
            wanted = _within(self._links[wanted])
        raise CorruptContent(f"the archive has {shown(name)} as a link that leads in a circle")

    def read(self, name: str, limit: int) -> bytes:
        """A document of at most `limit` bytes. Raises CorruptContent."""
        part = self.find(name)
        if part.size > limit:
            raise CorruptContent(f"{shown(name)} has {part.size} bytes; {limit} are allowed")
        return b"".join(self.chunks(part))

    def chunks(self, part: Part, start: int = 0) -> Iterator[bytes]:
        """A member's content from `start` on, piece by piece. Raises CorruptContent."""
        while start < part.size:
            length = min(part.size - start, READ_CONTENT)
            chunk = os.pread(self._fd, length, part.offset + start)
            if not chunk:
                raise CorruptContent("the archive ends in the middle of a file")
            start += len(chunk)
            yield chunk

    def blob_path(self, digest: str) -> str:
        """The name of the member that holds a blob."""
        digests.check(digest, "a blob of the archive")
        return self.paths.get(digest) or f"blobs/{digest.replace(':', '/')}"

    def blob(self, digest: str, offset: int) -> Iterator[bytes]:
        """A blob's bytes from `offset` on, for `fetch`, which verifies them."""
        return self.chunks(self.find(self.blob_path(digest)), offset)

    def reopen(self) -> None:
        """Nothing: whoever shares the descriptor reads at places of its own."""


class _Headers(tar.Stream):
    """A file read as a tar of which only the headers are wanted: content is jumped over."""

    def __init__(self, fd: int) -> None:
        super().__init__(self._read())
        self._fd = fd
        self._size = os.fstat(fd).st_size
        self._next = 0

    def _read(self) -> Iterator[bytes]:
        while chunk := os.pread(self._fd, READ_HEADERS, self._next):
            self._next += len(chunk)
            yield chunk

    def skip(self, length: int, padding: int = 0) -> None:
        target = self.offset + length + padding
        if target > self._size:
            raise CorruptContent("the archive ends in the middle of a file")
        if target - self._passed <= len(self._chunk):
            self._position = target - self._passed
        else:
            self._chunk, self._position, self._passed, self._next = b"", 0, target, target

    def drain(self) -> None:
        """What follows the end mark must be nothing: another reader might see more there."""
        end = self.offset
        while chunk := self.take(READ_HEADERS):
            if chunk.strip(b"\0"):
                raise CorruptContent(f"the archive has something after its end at {end}")


def _normal(name: str) -> str:
    """A name without `.` and doubled slashes. Raises CorruptContent if it leads elsewhere."""
    if len(name) > MAX_NAME or name.startswith("/") or ".." in name.split("/"):
        raise CorruptContent(f"the archive has a name that leads out of it: {shown(name)}")
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _within(target: str) -> str:
    """What a link names inside the archive. Raises CorruptContent if that is not inside."""
    parts: list[str] = []
    for part in target.split("/"):
        if part == ".." and not parts:
            raise CorruptContent(f"the archive has a link that leads out of it: {shown(target)}")
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def shown(name: str) -> str:
    """A hostile name, fit for a message."""
    return ascii(name[:200])
