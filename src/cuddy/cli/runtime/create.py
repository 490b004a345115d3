"""create: everything up to the program, which waits for `start`."""

from __future__ import annotations

from cuddy.cli.runtime import birth
from cuddy.cli.runtime.verb import Call, Verb


def create(call: Call) -> int:
    birth.give_birth(call, detached=True).close()
    return 0


VERB = Verb(
    "Create a container", create, "<container-id>", birth.FLAGS, 1, 1,
    failure="cuddy-runtime create failed: ",
)  # fmt: skip
