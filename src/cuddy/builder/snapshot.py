"""Snapshots: layers as a root that a step may write to, and views of them that nobody may.

Both are overlays in a mount namespace of the process's own, so that nothing is mounted in the
host's view and nothing is left mounted when the process is killed. What a step writes lies in
`<root>/tmp/` under a temporary name until `layers.commit` makes a layer of it.
"""

from __future__ import annotations

import errno
import os

from cuddy import files
from cuddy.errors import SystemFailure
from cuddy.image import snapshots
from cuddy.image.layer import is_content
from cuddy.kernel import mount, namespaces, overlay
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from cuddy.image.storage import Storage

NEW_ROOT_MODE = 0o755
"""Of the root of an image without any layer yet; its time is the epoch: equal builds are equal."""


def enter_private() -> None:
    """Enter a mount namespace of our own, once in a process, before the first mount.

    Raises SystemFailure.
    """
    try:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.set_propagation("/", mount.MS_SLAVE | mount.MS_REC)
    except OSError as error:
        raise SystemFailure.from_os("cannot make a mount namespace", error) from error


def view(storage: Storage, chain_ids: Sequence[str], target: str) -> None:
    """Mount what these layers show at `target`, read-only. Raises SystemFailure."""
    try:
        if chain_ids:
            overlay.perform(snapshots.view(storage, chain_ids, target))
            return
        # An overlay of nothing but the empty layer there cannot be.
        empty = snapshots.lower_dirs(storage, ())[0]
        mount.perform(mount.Mount(empty, target, "", mount.MS_BIND | mount.MS_RDONLY))
    except OSError as error:
        raise SystemFailure.from_os("cannot mount the layers of an image", error) from error


class View(Closing):
    """What layers show, read-only at `root`, as long as the block lasts."""

    def __init__(self, storage: Storage, chain_ids: Sequence[str]) -> None:
        self.storage = storage
        self.chain_ids = tuple(chain_ids)
        self.root = f"{storage.tmp_dir}/{files.name_temporary()}"

    def __enter__(self) -> Self:
        self.mount()
        return self

    def mount(self) -> None:
        """Make it visible; pair with `close`. Raises SystemFailure."""
        os.mkdir(self.root, 0o700)
        try:
            view(self.storage, self.chain_ids, self.root)
        except BaseException:
            os.rmdir(self.root)
            raise

    def close(self) -> None:
        """Unmount; more than once is fine."""
        unmount(self.root)
        files.remove_tree(self.root)


def open_view(storage: Storage, chain_ids: Sequence[str]) -> int:
    """A descriptor of what layers show, read-only, as long as it is open. Raises SystemFailure."""
    with View(storage, chain_ids) as seen:
        # An open file keeps its mount alive, and so there is nothing to be cleared up.
        return os.open(seen.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


class Snapshot(Closing):
    """Layers with a writable directory over them: `root` shows all, `upper` has what is written."""

    def __init__(self, storage: Storage, chain_ids: Sequence[str]) -> None:
        self.storage = storage
        self.chain_ids = tuple(chain_ids)
        self.directory = f"{storage.tmp_dir}/{files.name_temporary()}"
        self.root = f"{self.directory}/root"
        self.upper = f"{self.directory}/upper"

    def __enter__(self) -> Self:
        self.mount()
        return self

    def mount(self) -> None:
        """Make `root` and `upper`; pair with `close`. Raises SystemFailure."""
        work = f"{self.directory}/work"
        try:
            os.mkdir(self.directory, 0o700)
            os.mkdir(self.root, 0o700)
            snapshots.make_upper(self.storage, self.chain_ids, self.upper, work)
            self.complete_upper()
            plan = snapshots.prepare(self.storage, self.chain_ids, self.upper, work, self.root)
            # At its end an overlay that is not volatile writes out all that anybody has written.
            overlay.perform(overlay.volatile(plan))
        except OSError as error:
            self.close()
            raise SystemFailure.from_os("cannot mount the root of a build", error) from error
        except BaseException:
            self.close()
            raise

    def complete_upper(self) -> None:
        """Give the root what else it has below, or what a new one has."""
        if not self.chain_ids:
            os.chmod(self.upper, NEW_ROOT_MODE)
            os.utime(self.upper, ns=(0, 0))
            return
        top = snapshots.lower_dirs(self.storage, self.chain_ids)[0]
        for name in os.listxattr(top):
            if is_content(os.fsencode(name)):
                os.setxattr(self.upper, name, os.getxattr(top, name))

    def unmount(self) -> None:
        """Take down `root`; `upper` stays as it is. More than once is fine."""
        unmount(self.root)

    def close(self) -> None:
        """Take down `root`, and remove what was written, unless it has become a layer."""
        self.unmount()
        files.remove_tree(self.directory)


def unmount(target: str) -> None:
    """Take down a mount of ours; nothing mounted is fine too. Raises OSError."""
    try:
        # Somebody may still have a file open: no reason to fail, since nobody writes any more.
        mount.umount(target, mount.MNT_DETACH | mount.UMOUNT_NOFOLLOW)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOENT):
            raise
