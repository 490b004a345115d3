"""ADD of an archive: what is in it, not itself. Whether it is one is told by its first bytes.

It is unpacked as if its target were the root of the world, as docker does it: links in it and in
the target lead where they would there, whatever is in an entry's way is replaced by it, and of the
target itself nothing changes. Entries belong to whom the archive says, or to `--chown`.
"""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.engine.carriage import Carriage
from cuddy.errors import CorruptContent
from cuddy.image import blobs, compression, import_, tar
from cuddy.image.deposit import Deposit, Ownership
from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.image.tar import Member


def is_archive(fd: int) -> bool:
    """Whether a file is a tar with something in it, compressed or not."""
    os.lseek(fd, 0, os.SEEK_SET)
    try:
        chunks = compression.decompress(blobs.read_chunks(fd))
        return next(tar.members(tar.Stream(chunks)), None) is not None
    except CorruptContent:
        return False


def unpack(
    fd: int, directory_fd: int, place: str, owner: tuple[int, int] | None, limit: int = 0
) -> None:
    """Unpack an archive into a directory, which `place` names. The caller has umask 0.

    `limit`: the most bytes, 0 for what is believable. Raises CorruptContent, OSError.
    """

    def find(path: bytes) -> int:
        return resolve.open_in_root(directory_fd, path, os.O_RDONLY | os.O_DIRECTORY)

    os.lseek(fd, 0, os.SEEK_SET)
    deposit = Replacing(directory_fd, place, Ownership(is_kept=True, user=owner), find)
    Carriage().unpack(import_.plain(blobs.read_chunks(fd), limit), deposit)


class Replacing(Deposit):
    """What an archive brings goes before what is there."""

    def check_link(self, path: bytes, target: bytes) -> None:
        """Every link is right: it leads nowhere else than in the image."""

    def make_room(self, parent_fd: int, name: bytes, path: bytes, member: Member) -> None:
        """Remove what is in the entry's place, unless both are directories."""
        try:
            mode = os.stat(name, dir_fd=parent_fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            os.unlink(name, dir_fd=parent_fd)
        elif member.kind != tar.DIRECTORY:
            self.forget(path, parent_fd)
            files.remove_below(parent_fd, os.fsdecode(name))

    def forget(self, path: bytes, kept_fd: int) -> None:
        """A directory goes away with all in it: none of them gets attributes, none stays open.

        Neither does any other: a link may have led there under another name.
        """
        below = path + b"/"
        for known in [each for each in self._directories if (each + b"/").startswith(below)]:
            del self._directories[known]
        for known, fd in list(self._open.items()):
            if fd != kept_fd:
                os.close(fd)
                del self._open[known]
