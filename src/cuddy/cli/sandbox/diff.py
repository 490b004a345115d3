"""`cuddy sandbox diff`: what has changed of a sandbox's files."""

from __future__ import annotations

from cuddy.cli.container.diff import show
from cuddy.cli.flags import INT, Args, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def diff_(home: Home, args: Args) -> int:
    from cuddy.engine import sandbox_diff

    show(sandbox_diff.diff(home, args.names[0], args.since))
    return 0


COMMAND = Command(
    summary="Show what has changed of a sandbox's files",
    arguments="SANDBOX",
    flags=(Flag("since", "", INT, "Since the snapshot of that number, not since its image"),),
    least=1,
    most=1,
    action=diff_,
)
