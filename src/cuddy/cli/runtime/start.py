"""start: let a created container's program begin."""

from __future__ import annotations

import os

from cuddy.cli.runtime.verb import Call, Verb
from cuddy.runtime import start as starting


def start(call: Call) -> int:
    if "NOTIFY_SOCKET" not in os.environ:
        call.log.warn(starting.start(call.root, call.id))
        return 0
    from cuddy.cli.runtime import activation  # here: only systemd asks for it

    activation.start(call, watched=False)
    return 0


VERB = Verb("Start a created container", start, "<container-id>", (), 1, 1)
