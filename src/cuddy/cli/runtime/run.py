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
    if call.args.detach:
        start_program(call, births.give_birth(call, detached=True))
        return 0
    from cuddy.cli.runtime import foreground  # here: a detached one has none

    if not call.args.no_subreaper:
        process.prctl(process.PR_SET_CHILD_SUBREAPER, 1)
    with foreground.listen() as signals:
        birth = births.give_birth(call, detached=False)
        if birth.terminal_fd >= 0:
            foreground.plain_lines(birth.terminal_fd)
        start_program(call, birth)
        code = foreground.accompany(birth.pid, birth.pidfd, birth.terminal_fd, signals)
    if not call.args.keep:
        call.log.warn(delete.delete(call.root, birth.id, force=True))
    return code


def start_program(call: Call, birth: create.Birth) -> None:
    """Let it begin. If it cannot, nothing of the container is left."""
    try:
        if "NOTIFY_SOCKET" in os.environ:
            from cuddy.cli.runtime import activation  # here: only systemd asks for it

            activation.start(call, watched=not call.args.detach)
        else:
            call.log.warn(start.start(call.root, birth.id))
        create.await_program(birth)
    except BaseException:
        create.abort(birth)
        raise


VERB = Verb(
    "Create and start a container", run, "<container-id>", FLAGS, 1, 1,
    failure="cuddy-runtime run failed: ",
)  # fmt: skip
