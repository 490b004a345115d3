"""`cuddy try`: run a command on a copy-on-write view of this machine."""

from __future__ import annotations

import os

from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine.home import open_home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def try_(home: Home, args: Args) -> int:
    from cuddy.engine import trial

    # Before an ordinary user's command becomes root elsewhere.
    caller = trial.Caller(os.getuid(), os.getgid(), os.getcwd(), dict(os.environ))
    if os.geteuid():
        from cuddy.engine import rootless

        rootless.become_root(home.run_root)
    made, code = trial.run(open_home(*home), args.name, args.names, caller)
    if not args.quiet:
        name = made["Name"]
        os.write(2, f"cuddy: kept as trial {name}: see 'cuddy try diff {name}'\n".encode())
    return code


COMMAND = Command(
    summary="Run a command on a copy-on-write view of this machine",
    arguments="-- COMMAND [ARG...]",
    flags=(
        Flag("name", "", STRING, "Name of the trial; of one that is there to go on in it"),
        Flag("quiet", "q", BOOL, "Do not say what the trial is called"),
    ),
    least=1,
    interspersed=False,
    action=try_,
    error_code=125,
    opens_home=False,
)
