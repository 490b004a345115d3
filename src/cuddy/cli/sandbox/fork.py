"""`cuddy sandbox fork`: more sandboxes that begin with the files of one."""

from __future__ import annotations

from cuddy.cli.flags import INT, LIST, Args, Command, Flag
from cuddy.cli.sandbox.life import OWNER, TTL, ttl_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def fork(home: Home, args: Args) -> int:
    from cuddy.engine import sandbox_fork

    made = sandbox_fork.fork(
        home, args.names[0], args.count if args.count is not None else len(args.name) or 1,
        number=args.snapshot, owner=args.owner or 0, ttl_s=ttl_s(args), new_names=args.name,
    )  # fmt: skip
    for each in made:
        print(each)
    return 0


COMMAND = Command(
    summary="Create sandboxes that begin with the files of one; prints their ids",
    arguments="SANDBOX",
    flags=(
        Flag("count", "n", INT, "How many (default: as many as there are names, or 1)"),
        Flag("name", "", LIST, "Assign a name to each"),
        OWNER,
        Flag("snapshot", "", INT, "Snapshot that they begin with (default: one of now)"),
        TTL,
    ),
    least=1,
    most=1,
    action=fork,
)
