"""`cuddy commit`: an image of a container as it is now."""

from __future__ import annotations

from cuddy.cli.flags import BOOL, LIST, STRING, Args, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def commit_(home: Home, args: Args) -> int:
    from cuddy.engine import commit

    options = commit.Options(
        name=args.names[1] if len(args.names) > 1 else "",
        author=args.author,
        message=args.message,
        changes=tuple(args.change),
        pause=args.pause,
    )
    print(commit.commit(home, args.names[0], options).id)
    return 0


COMMAND = Command(
    summary="Create a new image from a container's changes",
    arguments="CONTAINER [REPOSITORY[:TAG]]",
    flags=(
        Flag(
            "author",
            "a",
            STRING,
            'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")',
        ),
        Flag("change", "c", LIST, "Apply Dockerfile instruction to the created image"),
        Flag("message", "m", STRING, "Commit message"),
        Flag("pause", "p", BOOL, "Pause container during commit", True),
    ),
    least=1,
    most=2,
    action=commit_,
)
