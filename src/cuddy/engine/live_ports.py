"""A running container's ports, when it is on other networks than before.

Where the way in leads by another network, the ports follow. Without any they are free for others;
and when there is one again, or for the first time, they are taken as at a start. The container's
monitor keeps them, and has to be told.
"""

from __future__ import annotations

import os

from cuddy.engine import attach, connection, frames, held_ports, live_network
from cuddy.errors import NotPermitted
from cuddy.kernel import namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.engine.connection import Place
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.network.publish import Published


def follow(
    home: Home, record: Container, before: Sequence[Place], after: Sequence[Place]
) -> list[Published]:
    """Lead the ports to where the container is now. Returns those that are published then.

    Raises Conflict for one that is taken, NotRunning, SystemFailure.
    """
    published = live_network.published_ports(record)
    old, new = connection.publisher(before), connection.publisher(after)
    if old == new or not connection.is_publishing(record):
        return published
    connection.withdraw_ports(home, record["Id"])
    if new is None:
        hand_over(home, record["Id"], [])
        return []
    if old is None or not are_alike(old, new):
        published = take(home, record, new)
    connection.publish_ports(home, record["Id"], after, published)
    return published


def are_alike(old: Place, new: Place) -> bool:
    """Whether ports of the host lead to both networks, so that those that are kept can stay."""
    from cuddy.network import publish

    places = (*publish.places(old.network), *publish.places(new.network))
    return not any(place.is_routed for place in places)


def take(home: Home, record: Container, place: Place) -> list[Published]:
    """Take the ports as at a start, and have the monitor keep them."""
    from cuddy.engine import publishing

    if not namespaces.is_initial("user"):
        raise NotPermitted(
            "an ordinary user's container has its ports published only when it starts",
            hint="stop it, change its networks, start it",
        )
    # First it lets go: of those of a command that was killed, too.
    hand_over(home, record["Id"], [])
    published, holders = publishing.reserve(home, record, place.network)
    try:
        hand_over(home, record["Id"], holders)
    finally:
        for fd in holders:
            os.close(fd)
    return published


def hand_over(home: Home, container_id: str, holders: list[int]) -> None:
    """Have a container's monitor keep these, and nothing else. Raises NotRunning, SystemFailure."""
    monitor = attach.connect(home, container_id)
    try:
        if not holders:
            monitor.request(frames.PORTS)
        for first in range(0, len(holders), held_ports.MOST_AT_ONCE):
            some = holders[first : first + held_ports.MOST_AT_ONCE]
            monitor.request(frames.PORTS, b"more" if first else b"", some)
    finally:
        monitor.close()
