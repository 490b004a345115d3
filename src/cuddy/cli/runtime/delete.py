"""delete: remove what is left of a container."""

from __future__ import annotations

from cuddy.cli.flags import BOOL, Flag
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.runtime import delete as deleting

FLAGS = (Flag("force", "f", BOOL, "Kill it if it runs"),)


def delete(call: Call) -> int:
    call.log.warn(deleting.delete(call.root, call.id, force=call.args.force))
    return 0


VERB = Verb("Delete what is left of a container", delete, "<container-id>", FLAGS, 1, 1)
