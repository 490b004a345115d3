"""`cuddy kill`: send a signal."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import STRING, Args, Command, Flag
from cuddy.engine import kill, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def kill_(home: Home, args: Args) -> int:
    signal = signals.parse(args.signal or "KILL")

    def kill_one(name: str) -> None:
        kill.kill(home, name, signal=signal)
        print(name, flush=True)

    return boundary.each(args.names, kill_one)


COMMAND = Command(
    summary="Kill one or more running containers",
    arguments="CONTAINER [CONTAINER...]",
    flags=(Flag("signal", "s", STRING, "Signal to send to the container"),),
    least=1,
    action=kill_,
)
