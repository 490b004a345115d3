"""Fork: more sandboxes that begin with the files of one, and are like it in all else.

Files are not copied: all stand on the same layers. Processes are not copied either.
"""

from __future__ import annotations

from cuddy import files
from cuddy.engine import create, events, names, rm, sandbox_restore, sandbox_snapshot, start
from cuddy.engine.nursery import Nursery
from cuddy.engine.options import ContainerOptions
from cuddy.engine.sandbox_turn import Turn
from cuddy.engine.sandboxes import end_after, find_owner
from cuddy.errors import InvalidArgument
from cuddy.image import store
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.sandboxes import Sandbox

    OwnPath = Literal["ResolvConfPath", "HostnamePath", "HostsPath", "LogPath"]

MAX_FORKS = 1000
OF_ITS_OWN: tuple[OwnPath, ...] = ("ResolvConfPath", "HostnamePath", "HostsPath", "LogPath")


def fork(
    home: Home, name: str, count: int, *, number: int | None = None, owner: int = 0,
    ttl_s: float | None = None, new_names: tuple[str, ...] = (),
) -> list[str]:  # fmt: skip
    """Make so many forks and begin them; their ids.

    `number`: of the snapshot that they begin with, None for one of now. `owner`, `ttl_s`: as of
    `sandboxes.plan`; without them a fork ends with the sandbox's own owner and time. `new_names`:
    one for each, or none. Raises NoSuchContainer, InvalidArgument, NameTaken, Conflict and others.
    """
    check(count, new_names)
    life = plan_life(owner, ttl_s)
    made: list[str] = []
    with Undo() as undo:
        with Turn(home, name) as turn:
            snapshots = turn.record["Sandbox"]["Snapshots"]
            chain = (
                sandbox_snapshot.take(turn)
                if number is None
                else sandbox_restore.find(snapshots, number, name)
            )
            # From here on the forks keep the layers, whatever becomes of the sandbox.
            with store.hold(home.storage):
                for position in range(count):
                    record = derive(home, turn, chain, life)
                    undo.add(rm.rm, home, record["Id"], force=True, volumes=True)
                    wanted = new_names[position] if new_names else ""
                    create.write(home, record, ContainerOptions("", name=wanted))
                    events.emit_container(home, "create", record)
                    made.append(record["Id"])
        for each in made:
            start.start(home, each, nursery=Nursery())
    return made


def check(count: int, new_names: tuple[str, ...]) -> None:
    """Whether so many can be made under these names. Raises InvalidArgument."""
    if not 0 < count <= MAX_FORKS:
        raise InvalidArgument(f"{count} forks cannot be made", hint=f"1 to {MAX_FORKS}")
    if new_names and len(new_names) != count:
        hint = "give each one, or none"
        raise InvalidArgument(f"names: {len(new_names)}, forks: {count}", hint=hint)
    for each in new_names:
        names.check(each)


def plan_life(owner: int, ttl_s: float | None) -> Sandbox:
    """On what the forks' lives depend, if not on what the sandbox's does."""
    life: Sandbox = {}
    if owner:
        life["Owner"] = find_owner(owner)
    if ttl_s is not None:
        life["Ends"] = end_after(ttl_s)
    return life


def derive(home: Home, turn: Turn, chain: list[str], life: Sandbox) -> Container:
    """The record of a fork."""
    record: Container = files.read_json(f"{turn.where}/container.json")
    own_id = names.generate_id()
    where = home.container_dir(own_id)
    for key in OF_ITS_OWN:
        record[key] = record[key].replace(f"{turn.where}/", f"{where}/")
    record["HostConfig"]["ContainerIDFile"] = ""
    if record["Config"]["Hostname"] == turn.id[:12]:
        record["Config"]["Hostname"] = own_id[:12]
    sandbox = record["Sandbox"]
    record |= {"Id": own_id, "Created": files.now(), "Name": "", "ChainIds": chain}
    record["Sandbox"] = {**sandbox, "Snapshots": [chain], "Parent": turn.id, **life}
    return record
