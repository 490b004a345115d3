"""Start: let a created container's program begin (runtime-spec, runtime.md "Start")."""

from __future__ import annotations

from cuddy.runtime import gate, hooks, state


def start(state_root: str, container_id: str) -> list[str]:
    """Open the gate init waits at, run the poststart hooks. Returns warnings.

    Raises NoSuchContainer; Conflict when the gate is open already or nobody waits behind it.
    """
    document = state.read(state_root, container_id)
    directory = state.directory(state_root, container_id)
    if "listener" in document and document["status"] == "created":
        from cuddy.runtime import listener  # few containers have one

        listener.hand_over(directory, document)
    gate.open_up(directory)
    document["status"] = "running"
    return hooks.run_late("poststart", document)
