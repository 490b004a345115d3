"""list: all containers of a state directory."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.cli.flags import BOOL, Flag
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.runtime import state

FLAGS = (Flag("quiet", "q", BOOL, "Only ids"),)


def show(call: Call) -> int:
    for container_id in sorted(files.list_directory(call.root)):
        if not os.path.exists(os.path.join(call.root, container_id, "state.json")):
            continue
        if call.args.quiet:
            print(container_id)
        else:
            print(files.format_json(state.public(state.read(call.root, container_id))))
    return 0


VERB = Verb("List containers", show, "", FLAGS, 0, 0)
