"""Restart: stop a container if it runs, and start it."""

from __future__ import annotations

from cuddy.engine import container, containers, events, kill, start, stop
from cuddy.engine.nursery import Nursery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Status
    from cuddy.engine.home import Home


def restart(
    home: Home, name: str, *, signal: int | None = None, timeout_s: float | None = None
) -> list[str]:
    """Stop as `stop` does, then start. Returns warnings. Raises as both do."""
    nursery = Nursery()  # it gets ready while the container ends
    try:
        record = containers.find(home, name)
        if record["HostConfig"]["AutoRemove"]:
            container.change_status(home, record["Id"], keep, durable=False)
        with container.restart_lock(home, record["Id"]):
            # Nobody wishes it to stay stopped: the system does it, as far as a boot is concerned.
            stop.stop(
                home, record["Id"], signal=signal, timeout_s=timeout_s, who=kill.SYSTEM,
                by="cuddy restart",
            )  # fmt: skip
            warnings = start.start(home, record["Id"], nursery=nursery)
    finally:
        nursery.close()
    events.emit_container(home, "restart", record)
    return warnings


def keep(status: Status) -> None:
    """With --rm an end is the removal, but not this one."""
    status["IsBeingRestarted"] = True
