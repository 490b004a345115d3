"""Snapshots are layers like those of images: below `layers/`, read-only, shared by who stands on
them.

A layer belongs to the sandboxes whose records name it, as theirs or as one of their snapshots'.
With the last of these it goes: sandbox_sweep.py.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import CorruptContent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

MARK = b"snapshot".hex()
"""How the digits of such a layer begin; the rest are random, and no digest of anything."""
NOTE = "exchange.json"


def new_id() -> str:
    """A chain id for a snapshot's layer."""
    return f"sha256:{MARK}{os.urandom(24).hex()}"


def is_ours(chain_id: str) -> bool:
    """Whether a layer is a snapshot's."""
    return chain_id.partition(":")[2].startswith(MARK)


def claims(home: Home, record: Container) -> list[str]:
    """All layers that a sandbox stands on or may go back to."""
    found = dict.fromkeys(record.get("ChainIds") or ())
    if "Sandbox" in record:
        for chain in record["Sandbox"]["Snapshots"]:
            found.update(dict.fromkeys(chain))
        try:
            note = files.read_json(f"{home.container_dir(record['Id'])}/{NOTE}")
            found.update(dict.fromkeys(note["Chain"]))
        except (OSError, ValueError, LookupError, CorruptContent):
            pass  # none is on its way; or the machine crashed meanwhile, and the sandbox with it
    return [*found]
