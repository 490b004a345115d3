"""Containers in a row: which there are, and away with those that nobody needs."""

from __future__ import annotations

from cuddy.api import container_items
from cuddy.api.connection import JSON
from cuddy.engine import prune_containers, prune_filters, ps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call


ITEMS = container_items.Items()
"""Of this process, which serves one client after the other if they only look something up."""


def list_(call: Call) -> None:
    """Containers, newest first. `limit`: so many of the newest, in every state."""
    limit = max(0, call.number("limit", 0) or 0)
    with call.while_filtering():
        found = ps.ps(
            call.home, all=call.flag("all"), limit=limit, wanted=call.filters(),
            memory=ITEMS.records,
        )  # fmt: skip
    items = ITEMS.write(call.home, found, size=call.flag("size"))
    call.send(f"[{','.join(items)}]\n".encode(), JSON)


def prune(call: Call) -> None:
    """Remove all that do not run."""
    pairs = call.filters()
    which = prune_filters.parse(pairs, prune_filters.until(pairs))
    pruned = prune_containers.prune_containers(call.home, which)
    call.answer({"ContainersDeleted": pruned.ids or None, "SpaceReclaimed": pruned.freed_bytes})
