"""`cuddy stop`."""

from __future__ import annotations

from cuddy.cli.flags import INT, STRING, Args, Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def stop(home: Home, args: Args) -> int:
    return 0


COMMAND = Command(
    summary="Stop one or more running containers",
    arguments="CONTAINER [CONTAINER...]",
    flags=(
        Flag("signal", "s", STRING, "Signal to send to the container"),
        Flag(
            "timeout", "t", INT, "Seconds to wait before killing the container", aliases=("time",)
        ),
    ),
    least=1,
    action=stop,
)
