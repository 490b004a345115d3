"""Boot: which containers come back after the machine has started, and in which order.

Those that a restart policy wants: `always`, and `unless-stopped` if no user had stopped them. One
that never ran stays as it is. `on-failure` is about ends of the program, and a boot is none.
"""

from __future__ import annotations

from cuddy.engine import container, containers
from cuddy.engine.container import NEVER
from cuddy.engine.kill import USER
from cuddy.engine.restart_policy import ALWAYS, UNLESS_STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container, Status
    from cuddy.engine.home import Home

MODES = ("NetworkMode", "PidMode", "IpcMode")
"""The settings by which a container lives in another's namespaces: `container:NAME`."""


def find(home: Home) -> list[Container]:
    """The containers that should run and do not."""
    return [
        record
        for record in containers.list_containers(home, all=True)
        if comes_back(record, container.read_status(home, record["Id"]))
    ]


def comes_back(record: Container, status: Status) -> bool:
    """Whether a boot starts it. Pure."""
    state, name = record["State"], record["HostConfig"]["RestartPolicy"]["Name"]
    if state["Running"] or state["Dead"] or state["StartedAt"] == NEVER:
        return False
    return name == ALWAYS or (name == UNLESS_STOPPED and status.get("StopAskedBy") != USER)


def waves(records: list[Container]) -> list[list[Container]]:
    """Containers in the order in which they are to be started, those of one wave at once. Pure.

    Who lives in another's namespaces comes after it. Records that name each other come last.
    """
    left, found = list(records), []
    while left:
        names = {record["Id"] for record in left} | {container.display_name(each) for each in left}
        wave = [record for record in left if not needs(record) & names] or left
        found.append(wave)
        left = [record for record in left if record not in wave]
    return found


def needs(record: Container) -> set[str]:
    """Names or ids of the containers whose namespaces it lives in."""
    modes = [str(record["HostConfig"].get(mode) or "").partition(":") for mode in MODES]
    return {name for kind, _, name in modes if kind == "container"}
