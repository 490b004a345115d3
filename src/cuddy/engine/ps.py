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
    from cuddy.errors import CuddyError


class Found(NamedTuple):
    """Containers, newest first, and what is wrong with those that cannot be shown."""

    containers: list[Container]
    unreadable: list[CuddyError]


def ps(
    home: Home, *, all: bool = False, limit: int = 0, wanted: list[tuple[str, str]] | None = None
) -> Found:
    """Running containers; `all`: in every state; `limit`: so many of the newest in every state.

    `wanted`: filters, by name and value. Raises WrongArguments, NoSuchContainer.
    """
    wanted = wanted or []
    unreadable: list[CuddyError] = []
    every = all or limit > 0
    if wanted:
        # Imported here, as not every list is filtered.
        from cuddy.engine import filters

        every = every or filters.asks_for_stopped(wanted)
    found = containers.list_containers(home, all=every, unreadable=unreadable)
    if wanted:
        found = filters.select(home, found, wanted)
    return Found(found[:limit] if limit > 0 else found, unreadable)


def stale_names(home: Home, found: Iterable[Container]) -> set[tuple[str, str]]:
    """Pairs of an image's name and id, where the name means another image by now, or none.

    A list shows the id in the name's place, as docker does.
    """
    pairs = {(each["Config"].get("Image") or "", each["Image"]) for each in found}
    pairs = {pair for pair in pairs if pair[0] and pair[0] != pair[1]}
    if not pairs:
        return pairs
    # Imported here: it takes as long to load as the rest of `ps`, which may have nothing to show.
    from cuddy.image import naming

    try:
        return naming.stale(home.storage, pairs)
    except CorruptContent:
        return set()  # whoever works with images is told what is wrong with them
