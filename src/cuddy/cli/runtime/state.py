"""state: what the specification has one know of a container, as JSON."""

from __future__ import annotations

import os

from cuddy.cli import document
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


FIELDS = (
    "ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner",
)  # fmt: skip


def show(call: Call) -> int:
    print(document.indented(describe(call.root, call.id, owner=""), by="  "))
    return 0


def describe(root: str, container_id: str, *, owner: str) -> dict[str, Any]:
    """A container's state, with the fields that runc adds. Raises NoSuchContainer."""
    found = state.current(root, container_id)
    rootfs = state.read_config(root, container_id)["root"]["path"]
    public: dict[str, Any] = {**state.public(found)}
    public["rootfs"] = os.path.join(found["bundle"], rootfs)
    public["owner"] = owner
    # In runc's order; annotations only if there are any.
    return {name: public[name] for name in FIELDS if public.get(name) or name != "annotations"}


VERB = Verb("Show a container's state", show, "<container-id>", (), 1, 1)
