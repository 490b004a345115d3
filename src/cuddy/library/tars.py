"""Files as an archive, on their way into a container or out of it."""

from __future__ import annotations

import os

from cuddy.errors import CorruptContent, InvalidArgument
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from tarfile import TarFile, TarInfo


MAX_READ_BYTES = 1 << 30
"""Of what is read into the program's memory, unless it wants more. A program in a container makes a
file of a terabyte, all of it a hole, by one system call.
"""


class Room(Closing):
    """A file in memory, which the process behind the program reads or writes by `fd`."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("cuddy-file")

    def read(self, path: str) -> bytes:
        """What a file held that has been taken: a line that describes it, then a tar of it."""
        for tar, entry in self._entries(path):
            if not entry.isreg():
                raise InvalidArgument(f"{path} is not a file", hint="`get` copies it")
            return content_of(tar, entry)
        raise CorruptContent(f"nothing came of {path}")

    def read_all(self, path: str) -> dict[str, bytes]:
        """What the files below a directory held that has been taken, by their paths from there."""
        found, links = {}, {}
        for tar, entry in self._entries(path):
            name = entry.name.partition("/")[2]
            if entry.isreg():
                found[name] = content_of(tar, entry)
            elif entry.islnk():
                links[name] = entry.linkname.partition("/")[2]
        return found | {name: found[first] for name, first in links.items() if first in found}

    def _entries(self, path: str) -> Iterator[tuple[TarFile, TarInfo]]:
        import tarfile

        with open(self.fd, "rb", closefd=False) as file:
            file.seek(0)
            file.readline()
            try:
                with tarfile.open(fileobj=file, mode="r|") as tar:
                    for entry in tar:
                        yield tar, entry
            except tarfile.TarError as error:
                raise CorruptContent(f"what came of {path} is no archive: {error}") from None

    def write(self, files: Mapping[str, str | bytes], mode: int) -> None:
        """A tar of files by their names, to be unpacked."""
        import io
        import tarfile
        import time

        with (
            open(self.fd, "wb", closefd=False) as file,
            tarfile.open(fileobj=file, mode="w") as tar,
        ):
            for name, text in files.items():
                data = text.encode() if isinstance(text, str) else text
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode, entry.mtime = len(data), mode, int(time.time())
                tar.addfile(entry, io.BytesIO(data))
        os.lseek(self.fd, 0, os.SEEK_SET)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)


def content_of(tar: TarFile, entry: TarInfo) -> bytes:
    """What a file of an archive holds."""
    content = tar.extractfile(entry)
    return content.read() if content else b""
