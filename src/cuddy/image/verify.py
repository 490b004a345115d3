"""Content against what it claims to be: blobs against their digests, layers against their blobs.

A layer's directory has no digest of its own. Its blob has, so the blob is unpacked once more, and
the two trees have to be the same: names, kinds, owners, modes, times, attributes, and every byte.
"""

from __future__ import annotations

import os
import select
import stat

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.image import blobs, compression, inheritance, layer, snapshots, workers
from cuddy.image import digest as digests
from cuddy.image.storage import Storage
from cuddy.image.walk import listing
from cuddy.kernel import overlay, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cuddy.image.workers import Send

MAX_JOBS = 4
SHOWN = 60
PIECE = 1 << 20


def wrong_blobs(storage: Storage, wanted: Sequence[str]) -> list[str]:
    """Those of the blobs whose content is not what their digest says, or cannot be read.

    All are read, by several processes. Raises SystemFailure when one of these dies.
    """
    wrong: list[str] = []
    jobs = min(MAX_JOBS, os.cpu_count() or 1)
    shares = [share for n in range(jobs) if (share := wanted[n::jobs])]
    with workers.Crew() as crew:
        for share in shares:
            crew.start("verification", lambda send, share=share: _hash(storage, share, send))  # type: ignore[misc]
        while crew.workers:
            poll = select.poll()
            for fd in crew.workers:
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll():
                worker = crew.workers[fd]
                for message in worker.messages():
                    if "error" in message:
                        raise workers.received_error(message)
                    if "wrong" in message:
                        wrong.append(message["wrong"])
                if not worker.pid:
                    crew.forget(worker)
    return sorted(wrong)


def _hash(storage: Storage, share: Sequence[str], send: Send) -> None:
    for digest in share:
        found = digests.hasher(digest.partition(":")[0])
        try:
            for chunk in blobs.chunks(storage, digest):
                found.update(chunk)
        except FileNotFoundError:
            continue  # it went meanwhile
        except OSError:
            send(wrong=digest)  # a directory, or a disk that cannot read it any more
            continue
        if found.hexdigest() != digest.partition(":")[2]:
            send(wrong=digest)


def unpack_again(
    storage: Storage, digest: str, diff_id: str, below: Sequence[str], tree: str
) -> None:
    """Unpack a layer from its blob into the new directory `tree`, on top of the layers `below`.

    Raises CorruptContent when the blob is not that layer, OSError.
    """
    files.make_directory(tree)
    found = digests.hasher(diff_id.partition(":")[0])

    def hashed() -> Iterator[bytes]:
        for piece in compression.decompress(blobs.chunks(storage, digest)):
            found.update(piece)
            yield piece

    _, unfinished = layer.apply(hashed(), tree)
    if found.hexdigest() != diff_id.partition(":")[2]:
        raise CorruptContent(f"{digest} is not the layer {diff_id}")
    inheritance.finish(tree, unfinished, snapshots.lower_dirs(storage, below) if below else [])


def difference(one: str, other: str) -> str:
    """The first thing in which two trees differ, in words; "" if they are the same."""
    fds: list[int] = []
    try:
        for path in (one, other):
            fds.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        roots = [os.fstat(fd) for fd in fds]
        if not _is_alike(*roots):
            return "its root has other attributes"
        late = "" if roots[0].st_mtime_ns == roots[1].st_mtime_ns else "its root has another time"
        return _difference_below(*fds) or late
    finally:
        for fd in fds:
            os.close(fd)


def _difference_below(one: int, other: int) -> str:
    pending, late = [b""], ""
    while pending:
        parent = pending.pop()
        pair = dict(listing(one, parent)), dict(listing(other, parent))
        if not _have_same_xattrs(one, other, parent, os.O_DIRECTORY):
            return f"{_shown(parent or b'/')} has other attributes"
        for name in sorted(pair[0].keys() | pair[1].keys()):
            path = parent + b"/" + name if parent else name
            if name not in pair[1]:
                return f"{_shown(path)} is there and should not be"
            if name not in pair[0]:
                return f"{_shown(path)} is missing"
            status = pair[0][name]
            if not _is_alike(status, pair[1][name]):
                return f"{_shown(path)} has other attributes"
            if stat.S_ISDIR(status.st_mode):
                pending.append(path)
                if status.st_mtime_ns != pair[1][name].st_mtime_ns:
                    late = late or f"{_shown(path)} has another time"  # what is in it says more
            elif not _has_same_content(one, other, path, status):
                return f"{_shown(path)} has other content"
    return late


def _shown(path: bytes) -> str:
    text = ascii(os.fsdecode(path[-SHOWN:]))[1:-1]
    return text if len(path) <= SHOWN else f"...{text}"


def _is_alike(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether two files have the same attributes, as far as a layer says anything of them."""

    def told(status: os.stat_result) -> tuple[int, ...]:
        if overlay.is_whiteout(status):
            return (0,)
        is_directory = stat.S_ISDIR(status.st_mode)
        return (
            status.st_mode, status.st_uid, status.st_gid, status.st_rdev,
            *(() if is_directory else (status.st_mtime_ns, status.st_size, status.st_nlink)),
        )  # fmt: skip

    return told(one) == told(other)


def _has_same_content(one: int, other: int, path: bytes, status: os.stat_result) -> bool:
    if stat.S_ISREG(status.st_mode):
        return _have_same_bytes(one, other, path) and _have_same_xattrs(one, other, path)
    if stat.S_ISLNK(status.st_mode):
        return _link(one, path) == _link(other, path)
    return True


def _link(root: int, path: bytes) -> str:
    fd = resolve.open_beneath(root, path, os.O_PATH | os.O_NOFOLLOW)
    try:
        return os.readlink("", dir_fd=fd)
    finally:
        os.close(fd)


def _open_both(one: int, other: int, path: bytes, flags: int) -> list[int]:
    fds: list[int] = []
    try:
        for root in (one, other):
            fds.append(resolve.open_beneath(root, path or b".", os.O_RDONLY | flags))
    except BaseException:
        for fd in fds:
            os.close(fd)
        raise
    return fds


def _have_same_bytes(one: int, other: int, path: bytes) -> bool:
    fds = _open_both(one, other, path, os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        while True:
            pieces = [os.read(fd, PIECE) for fd in fds]
            if pieces[0] != pieces[1]:
                return False
            if not pieces[0]:
                return True
    finally:
        for fd in fds:
            os.close(fd)


def _have_same_xattrs(one: int, other: int, path: bytes, flags: int = 0) -> bool:
    fds = _open_both(one, other, path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = [{name: os.getxattr(fd, name) for name in os.listxattr(fd)} for fd in fds]
        return found[0] == found[1]
    finally:
        for fd in fds:
            os.close(fd)
