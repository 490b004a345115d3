"""Rm: a container's directory, name and log go away."""

from __future__ import annotations

from cuddy.engine import container, containers, kill
from cuddy.errors import Conflict, NoSuchContainer, NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def rm(home: Home, name: str, *, force: bool = False, volumes: bool = False) -> None:
    """Remove a container; with `force` a running one is killed first.

    Raises NoSuchContainer; Conflict when it runs. `volumes`: its anonymous volumes too.
    """
    container_id = containers.find_id(home, name)
    if force:
        try:
            kill.kill(home, container_id)
        except NotRunning:
            pass
    try:
        with container.lock(home, container_id):
            record = containers.read(home, container_id)
            if record["State"]["Running"]:
                hint = f"stop it first, or 'cuddy rm -f {name}'"
                raise Conflict(f"cannot remove container {name}: it is running", hint=hint)
            container.discard(home, container_id)
    except NoSuchContainer:
        if not force:  # with --rm and --force its monitor has removed it already
            raise
