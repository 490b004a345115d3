"""run: create, start and, unless detached, wait and delete."""

from __future__ import annotations

import os

from cuddy.cli.flags import BOOL, Flag
from cuddy.cli.runtime import birth as births
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.kernel import process
from cuddy.runtime import create, delete, start

FLAGS = (
    *births.FLAGS,
    Flag("detach", "d", BOOL, "Do not wait for it"),
    Flag("keep", "", BOOL, "Do not delete it when it has ended"),
    Flag("no-subreaper", "", BOOL, "Do not take over processes that lost their parent"),
)


def run(call: Call) -> int:
    birth = births.give_birth(call)
    try:
        call.log.warn(start.start(call.root, birth.id))
        create.await_program(birth)
        if call.args.detach:
            return 0
        _, status = os.waitpid(birth.pid, 0)
    except BaseException:
        create.abort(birth)
        raise
    if not call.args.keep:
        call.log.warn(delete.delete(call.root, birth.id, force=True))
    return process.exit_code(status)


VERB = Verb("Create and start a container", run, "<container-id>", FLAGS, 1, 1)
