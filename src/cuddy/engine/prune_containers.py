"""Prune of containers: those that do not run go, one by one and each under its lock.

Whatever another process has just started runs, as the lock tells, and stays. What `run` has made
and not yet started stays too, as long as that command lives; for a minute, since who makes
containers may live for ever and never start them.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.engine import container, containers, events, inspect, removal
from cuddy.errors import CorruptContent, NoSuchContainer, SystemFailure
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.prune_filters import Filters

GRACE_NS = 60 * 10**9
"""How long one that was made is left to its maker."""
LIVING = ("running", "paused", "restarting", "removing")


class Pruned(NamedTuple):
    """The ids of those that went, what they had written, in bytes, and why others did not go."""

    ids: list[str]
    freed_bytes: int
    warnings: list[str]


def prune_containers(home: Home, filters: Filters) -> Pruned:
    """Remove all that do not run and that the filters let go; their anonymous volumes stay."""
    gone, freed, warnings = [], 0, []
    for record in containers.list_containers(home, all=True):
        if may_go(record, filters, time.time_ns()):
            written = inspect.written_bytes(f"{home.container_dir(record['Id'])}/upper")
            try:
                if remove(home, record["Id"], filters):
                    gone.append(record["Id"])
                    freed += written
            except SystemFailure as error:
                warnings.append(str(error))
    events.emit_prune(home, "container", freed)
    return Pruned(gone, freed, warnings)


def may_go(record: Container, filters: Filters, now_ns: int) -> bool:
    """Whether nobody has a use for a container, as far as its record tells."""
    state = record["State"]
    if state["Running"] or state["Status"] in LIVING:
        return False
    created_ns = files.parse_time(record["Created"])
    creator = record.get("Creator", "")
    if state["Status"] == "created" and now_ns - created_ns < GRACE_NS and is_at_work(creator):
        return False
    return filters.let_go(record["Config"].get("Labels") or {}, created_ns)


def is_at_work(creator: str) -> bool:
    """Whether who made a container lives, and is not us."""
    if not files.is_temporary(creator) or creator.startswith(f"{os.getpid()}-"):
        return False
    return not files.is_abandoned(creator)


def remove(home: Home, container_id: str, filters: Filters) -> bool:
    """Remove a container if it may go still, now that nobody can start it. Whether it went.

    Raises SystemFailure when a file of it cannot be removed.
    """
    try:
        with container.lock(home, container_id):
            record = containers.read(home, container_id, locked=True)
            if not may_go(record, filters, time.time_ns()):
                return False
            removal.discard(home, container_id, volumes=False)
            return True
    except (NoSuchContainer, CorruptContent):
        return False  # somebody else was faster; what cannot be read is for `rm --force`
