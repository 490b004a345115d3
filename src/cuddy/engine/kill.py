"""Kill: send a signal to a running container's first process."""

from __future__ import annotations

from cuddy.engine import container, containers, events, wait
from cuddy.errors import Conflict, NoSuchContainer, NotRunning
from cuddy.runtime import kill as runtime_kill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

SIGKILL = 9
END_TIMEOUT_S = 10


def kill(home: Home, name: str, *, signal: int = SIGKILL) -> None:
    """Send a signal; after SIGKILL, wait for the end. Raises NoSuchContainer, NotRunning."""
    record = containers.find(home, name)
    if not record["State"]["Running"]:
        raise NotRunning(name)
    try:
        send(home, record["Id"], signal, name)
    except NotRunning:
        if signal != SIGKILL:
            raise
        # It has just died, and its monitor is about to say so.
    if signal == SIGKILL:
        wait.until_end(home, record["Id"], END_TIMEOUT_S)


def send(home: Home, container_id: str, signal: int, name: str = "") -> None:
    """Send a signal to init. Raises NotRunning, CorruptContent."""
    try:
        record = container.read(home, container_id)
        if not record["State"]["Running"]:
            raise NotRunning(name or container_id)
        # Noted first: what the signal brings about is noted by another process, and comes later.
        events.emit_container(home, "kill", record, {"signal": str(signal)})
        runtime_kill.kill(home.run_root, container_id, signal)
    except (Conflict, NoSuchContainer):
        raise NotRunning(name or container_id) from None
