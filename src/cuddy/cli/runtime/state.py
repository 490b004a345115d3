"""state: what the specification has one know of a container, as JSON."""

from __future__ import annotations

from cuddy import files
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.runtime import state


def show(call: Call) -> int:
    print(files.format_json(state.public(state.read(call.root, call.id))))
    return 0


VERB = Verb("Show a container's state", show, "<container-id>", (), 1, 1)
