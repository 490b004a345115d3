"""Mounts that the creator opens for init: detached trees, made with the host's power.

In a user namespace init may neither walk to a source through a 0700 directory nor give a mount
other owners (mount_setattr(2), MOUNT_ATTR_IDMAP). What it cannot open it gets as a descriptor: from
before its clone what needs no user namespace, by message what needs the container's own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.runtime.bundle import Bundle

ROOT = -1
"""The rootfs among the trees; all others have the index of their entry in the config's mounts."""


def open_before(bundle: Bundle) -> dict[int, int]:
    """Trees that can be opened before the container has a process: index -> descriptor."""
    return {}


def open_for(bundle: Bundle, user_fd: int) -> Iterator[tuple[int, int]]:
    """Trees that need the container's user namespace, each with its index; the caller closes them.

    `user_fd`: that namespace, -1 without one.
    """
    yield from ()
