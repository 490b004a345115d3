"""Calls about containers that are there: their lives, and what is known of them.

What changes a container returns what it is like afterwards.
"""

from __future__ import annotations

from cuddy.engine import containers, inspect
from cuddy.errors import NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.diff import Change
    from cuddy.engine.home import Home
    from cuddy.library.serving import Call

    Document = dict[str, Any]
    Filters = list[tuple[str, str]]


def shown(home: Home, name: str) -> Document:
    """What `docker inspect` shows. Raises NoSuchContainer."""
    return inspect.inspect_container(home, name)


def inspect_(call: Call, name: str) -> Document:
    """What is known of it."""
    return shown(call.home, name)


def list_containers(call: Call, all: bool, filters: Filters) -> None:
    """What is known of each, as items."""
    from cuddy.engine import ps

    found = ps.ps(call.home, all=all, wanted=[(name, value) for name, value in filters])
    show_all(call, found.containers)


def show_all(call: Call, records: Iterable[Container]) -> None:
    """What is known of each, as items."""
    for record in records:
        try:
            call.item(shown(call.home, record["Id"]))
        except NoSuchContainer:
            pass  # it has gone meanwhile


def start(call: Call, name: str) -> Document:
    """Its program begins; and what is not as it was asked for."""
    from cuddy.engine import start as starting

    warnings = starting.start(call.home, name)
    return {**shown(call.home, name), "Warnings": warnings}


def stop(call: Call, name: str, timeout_s: float | None, signal: str) -> Document:
    """It is asked to end, and then made to."""
    from cuddy.engine import signals
    from cuddy.engine import stop as stopping

    number = signals.parse(signal) if signal else None
    stopping.stop(call.home, name, signal=number, timeout_s=timeout_s, by="a Python program")
    return shown(call.home, name)


def restart(call: Call, name: str, timeout_s: float | None) -> Document:
    """It ends if it runs, and begins again."""
    from cuddy.engine import restart as restarting

    restarting.restart(call.home, name, timeout_s=timeout_s)
    return shown(call.home, name)


def kill(call: Call, name: str, signal: str) -> Document:
    """A signal for it."""
    from cuddy.engine import kill as killing
    from cuddy.engine import signals

    killing.kill(call.home, name, signal=signals.parse(signal), by="a Python program")
    return shown(call.home, name)


def pause(call: Call, name: str) -> Document:
    """It does not move."""
    from cuddy.engine import pause as pausing

    pausing.pause(call.home, name)
    return shown(call.home, name)


def unpause(call: Call, name: str) -> Document:
    """It does again."""
    from cuddy.engine import unpause as unpausing

    unpausing.unpause(call.home, name)
    return shown(call.home, name)


def rename(call: Call, name: str, new_name: str) -> Document:
    """Another name for it."""
    from cuddy.engine import rename as renaming

    renaming.rename(call.home, name, new_name)
    return shown(call.home, name)


def update(call: Call, name: str, options: Document) -> list[str]:
    """Other limits; returns warnings."""
    from cuddy.engine import update as updating
    from cuddy.engine.options import UpdateOptions

    return updating.update(call.home, name, UpdateOptions(**options))


def remove(call: Call, name: str, force: bool, volumes: bool) -> None:
    """Away with it."""
    from cuddy.engine import rm

    rm.rm(call.home, name, force=force, volumes=volumes)


def wait(call: Call, name: str) -> int:
    """Until it has ended."""
    from cuddy.engine import wait as waiting

    return waiting.wait(call.home, name)


def wait_for(
    call: Call, name: str, ports: list[str], log: list[Any], healthy: bool, timeout_s: float
) -> Document:
    """Until it is ready. `log`: a regular expression and its flags."""
    import re

    from cuddy.engine import wait_for as waiting

    numbers = tuple(map(waiting.parse_port, ports))
    wanted = waiting.Readiness(numbers, re.compile(*log) if log else None, healthy)
    waiting.wait_for(call.home, name, wanted, timeout_s)
    return shown(call.home, name)


def top(call: Call, name: str) -> Document:
    """Its processes."""
    from cuddy.engine import top as processes

    found = processes.top(call.home, name)
    return {"titles": found.titles, "rows": found.rows}


def stats(call: Call, name: str) -> Document:
    """One reading of what it uses."""
    from cuddy import files
    from cuddy.engine import container
    from cuddy.engine import stats as usage

    record = containers.find(call.home, name)
    found = usage.sample(call.home, record, usage.machine())
    now = files.now()
    return usage.document(record, None, found, read=now, preread=container.NEVER)


def diff(call: Call, name: str) -> list[list[str]]:
    """What it has changed of its image."""
    from cuddy.engine import diff as differing

    return told(differing.diff(call.home, name))


def told(changes: Iterable[Change]) -> list[list[str]]:
    """Changes, as they are said."""
    return [[each.letter, "/" + each.path.decode(errors="surrogateescape")] for each in changes]


def commit(call: Call, name: str, new_name: str, message: str, author: str) -> str:
    """An image of it; its id."""
    from cuddy.engine import commit as committing

    options = committing.Options(name=new_name, message=message, author=author)
    return committing.commit(call.home, name, options).id


def prune_containers(call: Call) -> Document:
    """Away with all that do not run."""
    from cuddy.engine import prune_containers as pruning
    from cuddy.engine import prune_filters

    done = pruning.prune_containers(call.home, prune_filters.parse([], None))
    return {"names": done.ids, "freed_bytes": done.freed_bytes}
