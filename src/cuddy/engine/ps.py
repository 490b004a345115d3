"""Ps: which containers there are.

A record that cannot be read hides none of the others: it is told apart.
"""

from __future__ import annotations

from cuddy.engine import containers
from cuddy.errors import CorruptContent
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.memory import Memory
    from cuddy.errors import CuddyError


class Found(NamedTuple):
    """Containers, newest first, and what is wrong with those that cannot be shown."""

    containers: list[Container]
    unreadable: list[CuddyError]
    aliases: dict[str, list[str]]
    """By name: what others call a container by their links."""


def ps(
    home: Home, *, all: bool = False, limit: int = 0,
    wanted: list[tuple[str, str]] | None = None, memory: Memory | None = None,
) -> Found:  # fmt: skip
    """Running containers; `all`: in every state; `limit`: so many of the newest in every state.

    `wanted`: filters, by name and value; `memory`: of records. Raises WrongArguments,
    NoSuchContainer.
    """
    wanted = wanted or []
    unreadable: list[CuddyError] = []
    every = all or limit > 0
    if wanted:
        # Imported here, as not every list is filtered.
        from cuddy.engine import filters

        every = every or filters.asks_for_stopped(wanted)
    there = containers.read_all(home, unreadable=unreadable, memory=memory)
    found = there if every else [each for each in there if containers.is_up(each)]
    if wanted:
        found = filters.select(home, found, wanted)
    return Found(found[:limit] if limit > 0 else found, unreadable, aliases(there))


def names(record: Container, called: dict[str, list[str]]) -> list[str]:
    """All names of a container, as docker has them: /db, /web/db. `called`: its `aliases`."""
    own = record["Name"]
    return sorted([own, *called[own]]) if own in called else [own]


def aliases(there: list[Container]) -> dict[str, list[str]]:
    """What all containers call each other, by name."""
    linking = [each for each in there if each["HostConfig"]["Links"]]
    if not linking:
        return {}
    # Imported here: few containers have any.
    from cuddy.engine import links

    return links.aliases(linking)


def stale_names(
    home: Home, found: Iterable[Container], memory: Memory | None = None
) -> set[tuple[str, str]]:
    """Pairs of an image's name and id, where the name means another image by now, or none.

    A list shows the id in the name's place, as docker does. `memory`: of the last answer.
    """
    pairs = {(each["Config"].get("Image") or "", each["Image"]) for each in found}
    pairs = {pair for pair in pairs if pair[0] and pair[0] != pair[1]}
    if not pairs:
        return pairs
    # Imported here: it takes as long to load as the rest of `ps`, which may have nothing to show.
    from cuddy.image import naming

    try:
        if memory is None:
            return naming.stale(home.storage, pairs)
        key = frozenset(pairs)
        memory.forget_others([key])
        paths = [home.storage.index_path]
        return memory.recall(key, paths, lambda: naming.stale(home.storage, key))
    except CorruptContent:
        return set()  # whoever works with images is told what is wrong with them
