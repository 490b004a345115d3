"""What a newborn in a user namespace needs of its creator: its ids, and what takes the host's
power, since its root is nobody to the host (user_namespaces(7)).
"""

from __future__ import annotations

import os

from cuddy.errors import SystemFailure
from cuddy.kernel import idmap, namespaces
from cuddy.runtime import credentials, trees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.create import Birth


def map_ids(bundle: Bundle, pid: int) -> None:
    """Give the new user namespace of a process that waits its ids. Raises SystemFailure."""
    linux = bundle.config["linux"]
    uids, gids = trees.maps_of(linux)
    try:
        if os.geteuid():
            map_without_root(pid, uids, gids)
        else:
            idmap.write_maps(pid, uids, gids)
    except OSError as error:
        raise SystemFailure.from_os("cannot map the user namespace's ids", error) from error


def map_without_root(pid: int, uids: list[idmap.IdRange], gids: list[idmap.IdRange]) -> None:
    """As an ordinary user: the own ids, or with newuidmap(1) those that were granted."""
    from cuddy.kernel import subids  # here: root needs none

    if uids[1:] or gids[1:] or uids[0].size > 1 or gids[0].size > 1:
        if complaint := subids.map_for(pid, uids, gids):
            raise SystemFailure(f"cannot map the user namespace's ids: {complaint}")
        return
    idmap.deny_setgroups(pid)
    idmap.write_maps(pid, uids, gids)


def help_newborn(birth: Birth) -> None:
    """While it waits: its OOM score, and the mounts for which its namespace had to be there."""
    if "oomScoreAdj" in (spec := birth.bundle.config["process"]):
        credentials.set_oom_score(spec["oomScoreAdj"], birth.warnings.append, birth.pid)
    assert birth.channel
    user_fd = namespaces.open_namespace(birth.pid, "user")
    try:
        for index, tree_fd in trees.open_for(birth.bundle, user_fd):
            birth.channel.send("tree", number=index, fd=tree_fd)
            os.close(tree_fd)
    finally:
        os.close(user_fd)


def set_limits(birth: Birth) -> None:
    """Its limits, when it stands ready."""
    limits = birth.bundle.config["process"].get("rlimits", [])
    credentials.set_limits(limits, birth.warnings.append, birth.pid)
