"""`cuddy restart`: stop and start."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import INT, STRING, Args, Command, Flag
from cuddy.engine import restart, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def restart_(home: Home, args: Args) -> int:
    signal = signals.parse(args.signal) if args.signal else None

    def restart_one(name: str) -> None:
        boundary.warn(restart.restart(home, name, signal=signal, timeout_s=args.timeout))

    return boundary.all_at_once(args.names, restart_one)


COMMAND = Command(
    summary="Restart one or more containers",
    arguments="CONTAINER [CONTAINER...]",
    flags=(
        Flag("signal", "s", STRING, "Signal to send to the container"),
        Flag("timeout", "t", INT, "Seconds to wait before killing the container",
             aliases=("time",)),
    ),
    least=1,
    action=restart_,
)  # fmt: skip
