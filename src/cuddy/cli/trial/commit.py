"""`cuddy try commit`: an image of what a trial has changed."""

from __future__ import annotations

from cuddy.cli.flags import LIST, STRING, Args, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def commit_(home: Home, args: Args) -> int:
    from cuddy.engine import trial_commit
    from cuddy.image import import_

    name = args.names[1] if len(args.names) > 1 else ""
    options = import_.Options(name, args.message, tuple(args.change))
    print(trial_commit.commit(home, args.names[0], options))
    return 0


COMMAND = Command(
    summary="Create an image of what a trial has changed",
    arguments="TRIAL [REPOSITORY[:TAG]]",
    flags=(
        Flag("change", "c", LIST, "Apply Dockerfile instruction to the created image"),
        Flag("message", "m", STRING, "Commit message"),
    ),
    least=1,
    most=2,
    action=commit_,
)
