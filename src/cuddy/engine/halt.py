"""Halt: the machine goes down, so all containers end, politely; a boot brings back what it should.

Nobody has stopped them for good: `unless-stopped` still holds.
"""

from __future__ import annotations

from cuddy.engine import boot, containers, kill, stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home


def find(home: Home) -> list[list[Container]]:
    """The containers that run, in the order in which they are to end: waves, as in `boot`."""
    return boot.waves(containers.list_containers(home))[::-1]


def halt(home: Home, container_id: str) -> None:
    """Stop one container within its own stop timeout. Raises as `stop` does."""
    stop.stop(home, container_id, who=kill.SYSTEM, by="the halt of the system")
