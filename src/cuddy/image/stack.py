"""The unpacked layers of an image, read directory by directory: by descriptors, no link followed.

Over them may lie what a container has written, which changes meanwhile if it runs.

Of each directory the shares of all layers are read, so that `merged` can tell what shows. Memory is
needed for the names of one directory at a time, whatever the size of the image.
"""

from __future__ import annotations

import os
import stat

from cuddy.errors import NotFound
from cuddy.image import merged, snapshots
from cuddy.image.merged import Entry, Part, Place
from cuddy.image.tree import ABSENT
from cuddy.kernel import overlay, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from cuddy.image.storage import Storage

ROOT = b""
OPEN_TOP = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC


class Stack:
    """The layers of one image, lowest first, open as long as the block lasts.

    `over`: directories on top of them, such as a container's upper one.
    """

    def __init__(
        self, storage: Storage, chain_ids: Sequence[str], over: Sequence[str] = ()
    ) -> None:
        self.chain_ids = chain_ids
        self._paths = [*(snapshots.path(storage, chain_id) for chain_id in chain_ids), *over]
        self._tops: list[int] = []
        try:
            for path in self._paths:
                self._tops.append(os.open(path, OPEN_TOP))
        except FileNotFoundError:
            self.close()
            raise _removed() from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Stack:
        return self

    def close(self) -> None:
        while self._tops:
            os.close(self._tops.pop())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def confirm(self) -> None:
        """Make sure that what was read was all there; layers are never changed, only removed.

        Raises NotFound if somebody has removed one meanwhile.
        """
        for top, path in zip(self._tops, self._paths):
            try:
                if not os.path.samestat(os.fstat(top), os.stat(path)):
                    raise _removed()
            except FileNotFoundError:
                raise _removed() from None

    @property
    def root(self) -> Place:
        """Every layer has a root."""
        return Place(tuple(range(len(self._tops))), frozenset())

    def parts(self, path: bytes, place: Place) -> list[Part]:
        """What the layers have in a directory, lowest first. Raises OSError, NotFound."""
        try:
            return [self._part(path, layer) for layer in place.layers]
        except FileNotFoundError:
            self.confirm()
            raise

    def _part(self, path: bytes, layer: int) -> Part:
        try:
            fd = self.open(layer, path, os.O_DIRECTORY)
        except OSError as error:
            if layer < len(self.chain_ids) or error.errno not in ABSENT:
                raise
            return Part(layer, False, {})  # whoever writes there has removed it
        try:
            return Part(layer, overlay.is_opaque(fd), _entries(fd, layer))
        finally:
            os.close(fd)

    def open(self, layer: int, path: bytes, flags: int = 0) -> int:
        """A file or directory of one layer, to be read; a fifo or device does not block.

        The caller closes it. Raises OSError.
        """
        wanted = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | flags
        return resolve.open_beneath(self._tops[layer], path or b".", wanted)

    def link(self, layer: int, path: bytes) -> bytes:
        """The target of a symbolic link of one layer. Raises OSError."""
        parent, _, name = path.rpartition(b"/")
        fd = self.open(layer, parent, os.O_DIRECTORY)
        try:
            return os.readlink(name, dir_fd=fd)
        finally:
            os.close(fd)


def _removed() -> NotFound:
    return NotFound("the image was removed while it was read")


def _entries(fd: int, layer: int) -> dict[bytes, Entry]:
    """What is in a directory of a layer; what vanishes meanwhile is left out, and notes that
    fuse-overlayfs has made for itself.
    """
    entries = {}
    with os.scandir(fd) as found:
        for each in found:
            try:
                status = each.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            name = os.fsencode(each.name)
            if name.startswith(overlay.FUSE_WHITEOUT) and (gone := overlay.hidden_by(name, status)):
                entries[gone] = _entry(layer, status)._replace(mode=stat.S_IFCHR, rdev=0)
                continue
            entries[name] = _entry(layer, status)
    for note in overlay.FUSE_NOTES:
        entries.pop(note, None)
    return entries


def _entry(layer: int, found: os.stat_result) -> Entry:
    return Entry(
        layer, found.st_mode, found.st_uid, found.st_gid, found.st_size, found.st_mtime_ns,
        found.st_rdev, found.st_ino, found.st_nlink,
    )  # fmt: skip


def join(path: bytes, name: bytes) -> bytes:
    """The path of a name in a directory; paths have no slash in front."""
    return path + b"/" + name if path else name


def walk(stack: Stack, within: Sequence[bytes] = ()) -> Iterator[tuple[bytes, merged.Change]]:
    """What each layer does to each path at or below `within`, and where: (directory, change).

    A directory comes before what is in it; names are in the order of their bytes.
    """
    pending = [(ROOT, 0, stack.root)]
    while pending:
        path, depth, place = pending.pop()
        parts = stack.parts(path, place)
        hiders = merged.hiding(place, parts)
        found = merged.by_name(parts)
        if depth < len(within):
            found = {name: found[name] for name in within[depth : depth + 1] if name in found}
        deeper = []
        for name in sorted(found):
            if depth + 1 >= len(within):
                for change in merged.changes(name, found[name], hiders):
                    yield path, change
            if inner := merged.below(found[name], hiders):
                deeper.append((join(path, name), depth + 1, inner))
        pending += reversed(deeper)
