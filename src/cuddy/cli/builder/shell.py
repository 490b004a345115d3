"""`cuddy build shell`: a shell where a step of a build has failed."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import failure, shell
from cuddy.cli import boundary, foreground, terminal
from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def shell_(home: Home, args: Args) -> int:
    name, *command = args.names or [failure.LAST]
    tty = os.isatty(0) and os.isatty(1)
    with shell.Shell(
        home, name, command=command, environment=dict(os.environ), tty=tty, warn=_warn
    ) as room:
        if not tty:
            return room.attend(files.write_all)
        if size := terminal.size():
            room.resize(*size)
        foreground.converse(room, stdin=True, keys=b"")
        return room.exit_code or 0


def _warn(text: str) -> None:
    boundary.warn([text])


COMMAND = Command(
    summary="Open a shell where a step of a build has failed",
    arguments="[BUILD|LAST [COMMAND [ARG...]]]",
    interspersed=False,
    action=shell_,
)
