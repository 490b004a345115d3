"""Snapshot: the files of a sandbox as they are now, to go back to or to begin others with.

Of one in which nothing runs, what it has written becomes a layer by one rename, and it goes on over
it: that takes as long for a gigabyte as for nothing. Of one in which something runs, which may have
files open there, a copy is made while it stands still.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import sandbox_layers, volume_copy
from cuddy.engine.sandbox_turn import Turn
from cuddy.engine.standstill import Standstill
from cuddy.errors import Conflict, SystemFailure
from cuddy.image import changeset, host, snapshots, store, workers
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send

MAX_LAYERS = 400
"""Of a stack: overlayfs takes 500, and each costs a little for every file that is looked for."""


def snapshot(home: Home, name: str, *, first: bool = False) -> int:
    """Take one; its number. `first`: it is number 0, as which the sandbox begins.

    Raises NoSuchContainer, InvalidArgument, NotRunning, Conflict, NotPermitted, SystemFailure.
    """
    with Turn(home, name) as turn:
        take(turn, first=first)
        return 0 if first else len(turn.record["Sandbox"]["Snapshots"]) - 1


def take(turn: Turn, *, first: bool = False) -> list[str]:
    """The layers of the new snapshot, which stands in the record."""
    turn.check_users()
    chain = turn.record["ChainIds"]
    if len(chain) > MAX_LAYERS:
        hint = "make an image of it ('cuddy commit') and go on with a sandbox of that"
        raise Conflict(f"sandbox {turn.name} stands on {len(chain)} layers already", hint=hint)
    if not has_changes(turn):
        turn.write(chain, listed(turn, chain, first=first))
        return chain
    layer = sandbox_layers.new_id()
    taken = [*chain, layer]
    try:
        if turn.others():
            copy(turn, layer, taken, first=first)
        else:
            turn.exchange(taken, listed(turn, taken, first=first), becomes=layer)
    except OSError as error:
        raise SystemFailure.from_os("cannot take a snapshot", error) from error
    return taken


def listed(turn: Turn, chain: list[str], *, first: bool) -> list[list[str]]:
    """All snapshots, with one more."""
    earlier = turn.record["Sandbox"]["Snapshots"]
    return [chain, *earlier[1:]] if first else [*earlier, chain]


def has_changes(turn: Turn) -> bool:
    """Whether the sandbox has written anything since it began to stand on its layers."""
    upper = f"{turn.where}/upper"
    if turn.record["Image"] == host.IMAGE.id or changeset.has_changes(upper):
        return True
    below = snapshots.lower_dirs(turn.home.storage, turn.record["ChainIds"])[0]
    one, other = os.stat(upper), os.stat(below)
    return (one.st_mode, one.st_uid, one.st_gid) != (other.st_mode, other.st_uid, other.st_gid)


def copy(turn: Turn, layer: str, taken: list[str], *, first: bool) -> None:
    """Let a copy of what has been written be a layer; the sandbox goes on as it is."""
    group = Cgroup(state.read(turn.home.run_root, turn.id)["cgroupPaths"])
    is_paused = turn.record["State"]["Paused"]
    if not group.paths and not is_paused:
        raise Conflict(
            f"something runs in sandbox {turn.name}, and without a control group it cannot be held",
            hint="end it first",
        )
    aside = f"{turn.home.tmp_dir}/{files.name_temporary()}"
    os.mkdir(aside, 0o700)
    try:
        if is_paused:
            copy_upper(turn, aside)
        else:
            with Standstill(group):
                copy_upper(turn, aside)
        # Until the record names it nobody may take it for garbage.
        with store.hold(turn.home.storage):
            os.rename(aside, snapshots.path(turn.home.storage, layer))
            turn.write(turn.record["ChainIds"], listed(turn, taken, first=first))
    finally:
        files.remove_tree(aside)


def copy_upper(turn: Turn, to: str) -> None:
    """Have a worker copy it: blocks are shared where the file system can."""

    def work(send: Send) -> None:
        os.umask(0)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        volume_copy.copy_tree(os.open(f"{turn.where}/upper", flags), os.open(to, flags))

    with workers.Crew() as crew:
        crew.start("copy of the sandbox", work).finish()
