"""`cuddy stop`: ask to end, then force."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import INT, STRING, Args, Command, Flag
from cuddy.engine import signals, stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def stop_(home: Home, args: Args) -> int:
    signal = signals.parse(args.signal) if args.signal else None

    def stop_one(name: str) -> None:
        stop.stop(home, name, signal=signal, timeout_s=args.timeout)

    return boundary.all_at_once(args.names, stop_one)


COMMAND = Command(
    summary="Stop one or more running containers",
    arguments="CONTAINER [CONTAINER...]",
    flags=(
        Flag("signal", "s", STRING, "Signal to send to the container"),
        Flag("timeout", "t", INT, "Seconds to wait before killing the container",
             aliases=("time",)),
    ),
    least=1,
    action=stop_,
)  # fmt: skip
