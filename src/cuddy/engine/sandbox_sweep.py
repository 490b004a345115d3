"""Layers of snapshots go with the last who names them; what the killed have left is swept."""

from __future__ import annotations

from cuddy import files
from cuddy.engine import in_use, sandbox_layers
from cuddy.image import garbage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.home import Home


def release(home: Home, chain_ids: Iterable[str]) -> None:
    """Remove those layers of snapshots that nobody claims."""
    own = {each: None for each in chain_ids if sandbox_layers.is_ours(each)}
    if not own:
        return
    with garbage.Removal(home.storage) as removal:
        held = in_use.find(home)
        if not held.unreadable:
            removal.take(garbage.Content(own, {}).without(garbage.Content(held.layers, {})))


def sweep(home: Home) -> None:
    """Remove all that nobody claims."""
    names = files.list_directory(home.storage.layers_dir)
    release(home, [f"sha256:{name}" for name in names if name.startswith(sandbox_layers.MARK)])
