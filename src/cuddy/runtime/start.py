"""Start: let a created container's program begin (runtime-spec, runtime.md "Start")."""

from __future__ import annotations

from cuddy.errors import SystemFailure
from cuddy.runtime import gate, hooks, state


def start(state_root: str, container_id: str) -> list[str]:
    """Open the gate init waits at, run the poststart hooks; if one fails, there is no container
    any more. Returns warnings.

    Raises NoSuchContainer, SystemFailure; Conflict when the gate is open already or nobody waits
    behind it.
    """
    document = state.read(state_root, container_id)
    directory = state.directory(state_root, container_id)
    if "listener" in document and document["status"] == "created":
        from cuddy.runtime import listener  # few containers have one

        listener.hand_over(directory, document)
    gate.open_up(directory)
    document["status"] = "running"
    try:
        hooks.run_poststart(document)
    except SystemFailure:
        # Imported here: hooks hardly ever fail.
        from cuddy.runtime import delete

        delete.delete(state_root, container_id, force=True)
        raise
    return []
