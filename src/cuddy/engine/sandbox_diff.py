"""Diff of a sandbox: what has changed of its files since one of its snapshots."""

from __future__ import annotations

from cuddy.engine import diff as differing
from cuddy.engine import sandbox_restore
from cuddy.engine.sandbox_turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.diff import Change
    from cuddy.engine.home import Home


def diff(home: Home, name: str, since: int | None = None) -> list[Change]:
    """Every change since a snapshot; None: since its image. Raises as `diff.diff` does, and
    InvalidArgument.
    """
    with Turn(home, name) as turn:
        record = turn.record
        chain = record["ChainIds"][: record["Sandbox"]["ImageLayers"]]
        if since is not None:
            chain = sandbox_restore.find(record["Sandbox"]["Snapshots"], since, name)
        return differing.since(home, record, chain)
