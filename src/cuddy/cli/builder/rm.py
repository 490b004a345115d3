"""`cuddy builder history rm`: remove what is kept of builds."""

from __future__ import annotations

from cuddy.builder import journal
from cuddy.cli import boundary
from cuddy.cli.flags import BOOL, Args, Command, Flag
from cuddy.errors import Conflict, WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.journal import Kept
    from cuddy.engine.home import Home


def rm(home: Home, args: Args) -> int:
    if args.all == bool(args.names):
        raise WrongArguments(
            "the builds to remove, or --all", hint="'cuddy builder history ls' lists them"
        )
    if args.all:
        found = [kept for kept in journal.builds(home) if kept.status != journal.RUNNING]
        by_id = {kept.record["Id"]: kept for kept in found}
        return boundary.each([*by_id], lambda name: _remove(home, by_id[name]))
    # Found before any goes: ^1 is another build once a later one is gone.
    by_name = dict(zip(args.names, [journal.find(home, name) for name in args.names]))
    return boundary.each(args.names, lambda name: _remove(home, by_name[name]))


def _remove(home: Home, kept: Kept) -> None:
    if kept.status == journal.RUNNING:
        raise Conflict(f"build {kept.record['Id']} is running", hint="wait until it has ended")
    journal.remove(home, kept)


COMMAND = Command(
    summary="Remove build records",
    arguments="[BUILD...]",
    flags=(Flag("all", "", BOOL, "Remove all build records"),),
    action=rm,
)
