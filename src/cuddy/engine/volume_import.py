"""Volume import: what is in a tar, compressed or not, becomes all that is in a volume.

    no such volume     unpacked into one that nobody sees, which appears in one rename
    an empty one       unpacked aside, then moved in as a copy of an image's is (volume_copy.py)
    --replace          unpacked aside, then it and what was there change places in one rename

So whoever is killed leaves all of it or nothing. The archive is hostile: see image/deposit.py.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import (
    cp,
    events,
    volume_copy,
    volume_rest,
    volume_view,
    volumes,
)
from cuddy.engine.carriage import Carriage
from cuddy.engine.volumes import Draft, Hold
from cuddy.errors import Conflict, InvalidArgument, NoSuchVolume, SystemFailure
from cuddy.image import import_ as image_import
from cuddy.image.deposit import Deposit, Ownership
from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.cp import Progress
    from cuddy.engine.home import Home
    from cuddy.engine.volumes import Wish
    from cuddy.image.workers import Send


def import_(
    home: Home,
    name: str,
    chunks: Iterator[bytes],
    *,
    replace: bool = False,
    limit: int = 0,
    progress: Progress | None = None,
) -> int:
    """Fill a volume from a tar; returns how many bytes it were.

    `replace`: what is there goes. `limit`: as of image.import_. Raises InvalidArgument, Conflict,
    InUse, CorruptContent, SystemFailure.
    """
    wish: Wish = {"name": name}
    volumes.check_wish(wish)
    options = look(home, name, replace=replace)
    plain = image_import.plain(chunks, limit)
    if options.get("type"):
        return fill_mounted(home, name, options, plain, progress)
    try:
        with Draft(home, wish) as draft:
            total = unpack(draft.data, plain, progress)
            if not draft.publish():
                if replace:
                    exchange(home, name, draft)
                else:
                    move_in(home, name, draft)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot fill volume {name}", error) from error
    events.emit(home, "volume", "import", name, {"driver": volumes.DRIVER})
    return total


def look(home: Home, name: str, *, replace: bool) -> dict[str, str]:
    """The options of a volume that may be filled, before anything is read.

    Raises Conflict, InUse, InvalidArgument.
    """
    try:
        options = volumes.read(home, name).get("Options") or {}
    except NoSuchVolume:
        return {}
    if options.get("type"):
        if replace:
            hint = "remove what is in it, then import without --replace"
            raise InvalidArgument(f"volume {name} is a mount: it cannot be replaced", hint=hint)
        return options
    if replace:
        volume_rest.check_at_rest(home, name)
    else:
        with Hold(home, name):
            check_empty(home, name)
    return options


def check_empty(home: Home, name: str) -> None:
    """Whether nothing is in a volume, whose lock the caller has. Raises Conflict."""
    if not volume_copy.is_fillable(volume_copy.shelf_of(home, name)):
        raise not_empty(name)


def not_empty(name: str) -> Conflict:
    """The error for a volume in which something is."""
    return Conflict(f"volume {name} is not empty", hint="--replace puts the archive in its place")


def unpack(directory: str, plain: Iterator[bytes], progress: Progress | None) -> int:
    """Unpack into an empty directory. Raises CorruptContent, Conflict, OSError."""
    carriage = Carriage(progress and (lambda **message: progress(message["done"])))
    previous = os.umask(0)
    # It may be in a volume that a container has mounted: no link that it has put there counts.
    root_fd = os.open(directory, volume_copy.OPEN_DIRECTORY)
    try:

        def find(path: bytes) -> int:
            return resolve.open_in_root(root_fd, path, os.O_RDONLY | os.O_DIRECTORY)

        deposit = Deposit(root_fd, "/", Ownership(is_kept=True), find, is_root=True)
        carriage.unpack(plain, deposit)
        os.fsync(root_fd)
    finally:
        os.close(root_fd)
        os.umask(previous)
    return carriage.total


def move_in(home: Home, name: str, draft: Draft) -> None:
    """Into a volume that is there, if nobody has put anything into it meanwhile."""
    shelf = volume_copy.shelf_of(home, name)
    with Hold(home, name):
        check_empty(home, name)
        os.rename(draft.data, shelf.copied)
        volume_copy.finish(shelf)


def exchange(home: Home, name: str, draft: Draft) -> None:
    """In place of what is in a volume; that goes with the draft."""
    with volume_rest.Seclusion(home, name):
        volume_rest.check_at_rest(home, name)
        shelf = volume_copy.shelf_of(home, name)
        volume_copy.finish(shelf)
        files.remove_tree(shelf.copying)
        resolve.renameat2(draft.data, shelf.data, resolve.RENAME_EXCHANGE)


def fill_mounted(
    home: Home, name: str, options: dict[str, str], plain: Iterator[bytes],
    progress: Progress | None,
) -> int:  # fmt: skip
    """Into a volume that is a mount, in a worker's view of it."""

    def work(send: Send) -> None:
        with Hold(home, name):
            root_fd = volume_view.open_view(home, name, writable=True)
            shelf = volume_copy.shelf_in(f"/proc/self/fd/{root_fd}/.")
            if not volume_copy.is_fillable(shelf):
                raise not_empty(name)
            os.mkdir(shelf.copying, 0o700)
            total = unpack(shelf.copying, plain, progress and (lambda done: send(done=done)))
            os.rename(shelf.copying, shelf.copied)
            volume_copy.finish(shelf)
        events.emit(home, "volume", "import", name, {"driver": volumes.DRIVER})
        send(total=total)

    return cp.have_done(work, progress)
