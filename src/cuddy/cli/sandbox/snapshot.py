"""`cuddy sandbox snapshot`: keep the files of a sandbox as they are."""

from __future__ import annotations

from cuddy.cli.flags import Args, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def snapshot(home: Home, args: Args) -> int:
    from cuddy.engine import sandbox_snapshot

    print(sandbox_snapshot.snapshot(home, args.names[0]))
    return 0


COMMAND = Command(
    summary="Keep the files of a sandbox as they are; prints the snapshot's number",
    arguments="SANDBOX",
    least=1,
    most=1,
    action=snapshot,
)
