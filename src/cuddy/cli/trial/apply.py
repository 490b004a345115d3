"""`cuddy try apply`: what a trial has changed becomes this machine's."""

from __future__ import annotations

from cuddy.cli.container.diff import show
from cuddy.cli.flags import BOOL, Args, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def apply_(home: Home, args: Args) -> int:
    from cuddy.engine import diff, trial_apply

    found = trial_apply.apply(home, args.names[0], force=args.force)
    show(diff.Change(each.letter, each.path) for each in found)
    return 0


COMMAND = Command(
    summary="Change this machine as a trial has changed its view",
    arguments="TRIAL",
    flags=(Flag("force", "f", BOOL, "Also files that have changed here since the trial began"),),
    least=1,
    most=1,
    action=apply_,
)
