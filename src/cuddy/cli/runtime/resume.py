"""resume: let a paused container go on."""

from __future__ import annotations

from cuddy.cli.runtime.verb import Call, Verb
from cuddy.runtime import pause as pausing


def resume(call: Call) -> int:
    pausing.resume(call.root, call.id)
    return 0


VERB = Verb("Let a paused container go on", resume, "<container-id>", (), 1, 1)
