"""The root of a container that shares its caller's mounts: no mount namespace of its own takes it
along when it ends.

So `delete` takes it away. It is known by its number (proc(5), "mountinfo"), which init tells:
whatever else is mounted there, below it or over it, is somebody's.
"""

from __future__ import annotations

import os

from cuddy.kernel import mount, move_root
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.create import Birth
    from cuddy.runtime.handshake import Channel


def tell(channel: Channel, root_fd: int) -> None:
    """Init's side: which mount the root is."""
    channel.send("shared", number=move_root.mount_id(root_fd))


def note(birth: Birth, number: int) -> None:
    """The creator's side: remember it."""
    birth.root_mount = {birth.bundle.rootfs: number}
    document = state.read(birth.state_root, birth.id)
    document["rootMount"] = birth.root_mount
    state.write(birth.state_root, document)


def take_away(root_mount: dict[str, int]) -> None:
    """Unmount the root with all that is in it, where it still is what one comes to by its path."""
    for path, number in root_mount.items():
        try:
            fd = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if move_root.mount_id(fd) == number:
                mount.umount(f"/proc/self/fd/{fd}", mount.MNT_DETACH)
        finally:
            os.close(fd)
