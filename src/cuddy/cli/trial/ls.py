"""`cuddy try ls`: the trials that nobody has decided on."""

from __future__ import annotations

import sys

from cuddy.cli import table
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import trials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

LISTING = table.Listing(
    headers={"Name": "NAME", "Created": "CREATED", "Status": "STATUS", "Command": "COMMAND"},
    columns=("Name", "Created", "Status", "Command"),
    identity="Name",
)


def ls_(home: Home, args: Args) -> int:
    rows = [
        {
            "Name": trial["Name"],
            "Created": trial["Created"].partition(".")[0].replace("T", " "),
            "Status": status(trial),
            "Command": " ".join(trial["Commands"][-1]) if trial["Commands"] else "",
        }
        for trial in trials.list_all(home)
    ]
    sys.stdout.write(table.render(LISTING, rows, form=args.format, quiet=args.quiet))
    return 0


def status(trial: trials.Trial) -> str:
    """How far it is."""
    if trial["Applied"]:
        return "partly applied"
    return "not ended" if trial["ExitCode"] < 0 else f"exited ({trial['ExitCode']})"


COMMAND = Command(
    summary="List trials",
    flags=(
        Flag("format", "", STRING, table.FORMAT_HELP),
        Flag("quiet", "q", BOOL, "Only display names"),
    ),
    most=0,
    action=ls_,
)
