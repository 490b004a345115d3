"""`cuddy sandbox restore`: a sandbox has the files of a snapshot again."""

from __future__ import annotations

from cuddy.cli.flags import Args, Command
from cuddy.cli.sandbox.number import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def restore(home: Home, args: Args) -> int:
    from cuddy.engine import sandbox_restore

    name, *wanted = args.names
    sandbox_restore.restore(home, name, number(wanted[0]) if wanted else 0)
    return 0


COMMAND = Command(
    summary="Let a sandbox have the files of a snapshot again, or those that it began with",
    arguments="SANDBOX [SNAPSHOT]",
    least=1,
    most=2,
    action=restore,
)
