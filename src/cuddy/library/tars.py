"""One file as an archive, on its way into a container or out of it."""

from __future__ import annotations

import os

from cuddy.errors import CorruptContent, InvalidArgument
from cuddy.undo import Closing


class Room(Closing):
    """A file in memory, which the process behind the program reads or writes by `fd`."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("cuddy-file")

    def read(self, path: str) -> bytes:
        """What a file held that has been taken: a line that describes it, then a tar of it."""
        import tarfile

        with open(self.fd, "rb", closefd=False) as file:
            file.seek(0)
            file.readline()
            try:
                with tarfile.open(fileobj=file, mode="r|") as tar:
                    for entry in tar:
                        if not entry.isreg():
                            raise InvalidArgument(f"{path} is not a file", hint="`get` copies it")
                        content = tar.extractfile(entry)
                        return content.read() if content else b""
            except tarfile.TarError as error:
                raise CorruptContent(f"what came of {path} is no archive: {error}") from None
        raise CorruptContent(f"nothing came of {path}")

    def write(self, name: str, data: bytes, mode: int) -> None:
        """A tar of one file, to be unpacked."""
        import io
        import tarfile
        import time

        with (
            open(self.fd, "wb", closefd=False) as file,
            tarfile.open(fileobj=file, mode="w") as tar,
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), mode, int(time.time())
            tar.addfile(entry, io.BytesIO(data))
        os.lseek(self.fd, 0, os.SEEK_SET)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)
