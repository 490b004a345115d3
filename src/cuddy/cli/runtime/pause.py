"""pause: stop every process of a container where it is."""

from __future__ import annotations

from cuddy.cli.runtime.verb import Call, Verb
from cuddy.runtime import pause as pausing


def pause(call: Call) -> int:
    pausing.pause(call.root, call.id)
    return 0


VERB = Verb("Stop all processes of a container where they are", pause, "<container-id>", (), 1, 1)
