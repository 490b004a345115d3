"""`cuddy try diff`: what a trial has changed."""

from __future__ import annotations

from cuddy.cli.container.diff import show
from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def diff_(home: Home, args: Args) -> int:
    from cuddy.engine import trial_diff, trials

    trial = trials.read(home, args.names[0])
    show(trial_diff.shown(trial_diff.changes(home, trial)))
    return 0


COMMAND = Command(
    summary="Show what a trial has changed",
    arguments="TRIAL",
    least=1,
    most=1,
    action=diff_,
)
