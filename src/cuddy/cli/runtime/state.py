"""state: what the specification has one know of a container, as JSON."""

from __future__ import annotations

from cuddy.cli import document
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def show(call: Call) -> int:
    print(document.indented(describe(call.root, call.id, owner=""), by="  "))
    return 0


def describe(root: str, container_id: str, *, owner: str) -> dict[str, Any]:
    """A container's state, with the fields that runc adds. Raises NoSuchContainer."""
    found = state.current(root, container_id)
    rootfs = state.read_config(root, container_id)["root"]["path"]
    shown: dict[str, Any] = {**state.public(found)}
    if not shown["annotations"]:
        del shown["annotations"]
    shown["rootfs"] = f"{found['bundle']}/{rootfs}" if rootfs[:1] != "/" else rootfs
    shown["owner"] = owner
    return shown


VERB = Verb("Show a container's state", show, "<container-id>", (), 1, 1)
