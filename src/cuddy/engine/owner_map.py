"""`map`: whose the files of one mount are, told the container otherwise (an idmapped mount).

The files' owner on the host is the container's user in the mount, and nobody else is anybody
there: the map has one number. What the container's user makes belongs to the owner, and what
belongs to the owner is the container's user's. Others in the container can make nothing, and give
nothing away (EOVERFLOW, EINVAL); files of others on the host are nobody's, to be read at most. So
by no number, none of root's and no group's like "disk", does a container's program get more power
on the host than the owner has. Whose the files shall be, in this order:

    map=UID[:GID]    who is named
    map              who has called cuddy by sudo; else whom the source belongs to
"""

from __future__ import annotations

import errno
import os

from cuddy.engine import users
from cuddy.engine.mount_grammar import OF_SOURCE
from cuddy.errors import SystemFailure
from cuddy.kernel import idmap, mount
from cuddy.kernel.idmap import IdRange
from cuddy.shapes import NamedTuple

NOT_ALLOWED = (errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)


TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container


class Owner(NamedTuple):
    """A user and a group."""

    uid: int
    gid: int


def parse(text: str) -> Owner:
    """UID[:GID], which was checked; the group has the user's number if none is named."""
    uid, _, gid = text.partition(":")
    return Owner(int(uid), int(gid or uid))


def chosen(wanted: str, caller: str) -> str:
    """What a mount's record says of it: UID:GID, or OF_SOURCE. `caller`: of sudo, or ""."""
    text = wanted if wanted != OF_SOURCE else caller
    return "{}:{}".format(*parse(text)) if text else OF_SOURCE


def user_of(root_fd: int, record: Container) -> Owner:
    """The container's user, by the files of its root. Raises InvalidArgument."""
    identity = users.read_identity(root_fd, record["Config"]["User"])
    return Owner(identity.uid, identity.gid)


def find(recorded: str, status: os.stat_result) -> Owner:
    """Whose the files of a source shall be, by its record or its own owner."""
    if recorded != OF_SOURCE:
        return parse(recorded)
    return Owner(status.st_uid, status.st_gid)


def apply(tree_fd: int, owner: Owner, user: Owner, source: str) -> None:
    """Let an owner be the user in a mount that is attached nowhere, and in those below it.

    `source`: what it shows, for the error. Raises SystemFailure.
    """
    try:
        fd = make_namespace(owner, user)
        try:
            mount.mount_setattr(tree_fd, mount.MOUNT_ATTR_IDMAP, recursive=True, userns_fd=fd)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in NOT_ALLOWED:
            raise
        raise refusal(source, owner, user) from error


def make_namespace(owner: Owner, user: Owner) -> int:
    """A user namespace that knows these two only. Raises OSError."""
    return idmap.make_namespace(
        [IdRange(owner.uid, user.uid, 1)], [IdRange(owner.gid, user.gid, 1)]
    )


def refusal(source: str, owner: Owner, user: Owner) -> SystemFailure:
    """Says which file system it is that knows no maps."""
    mounts = mount.list_mounts()
    real = os.path.realpath(source)
    above = max((m for m in mounts if mount.contains(m.target, real)), key=lambda m: len(m.target))
    concerned = [above, *(m for m in mounts if mount.contains(real, m.target) and m is not above)]
    for each in concerned:
        if not allows_maps(real if each is above else each.target, owner, user):
            where = f" at {each.target}" if each is not above else ""
            return SystemFailure(
                f"cannot map the owners of {source}: "
                f"its file system{where} ({each.fstype}) does not allow it",
                hint="ext4, xfs, btrfs and tmpfs do, on a kernel that is new enough; "
                "without 'map' it can be mounted",
            )
    return SystemFailure(f"cannot map the owners of {source}: the kernel refuses it")


def allows_maps(path: str, owner: Owner, user: Owner) -> bool:
    """Whether a mount of what is at a path can be idmapped."""
    try:
        tree_fd = mount.open_tree(path)
    except OSError:
        return True  # it cannot be mounted at all: that is another matter
    try:
        fd = make_namespace(owner, user)
        try:
            mount.mount_setattr(tree_fd, mount.MOUNT_ATTR_IDMAP, userns_fd=fd)
        finally:
            os.close(fd)
        return True
    except OSError:
        return False
    finally:
        os.close(tree_fd)
