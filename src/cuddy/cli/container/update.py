"""`cuddy update`: other limits and another restart policy."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.container import creation
from cuddy.cli.flags import Args, Command
from cuddy.engine import update
from cuddy.engine.options import UpdateOptions
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

NAMES = (
    "blkio-weight", "cpu-period", "cpu-quota", "cpu-rt-period", "cpu-rt-runtime", "cpu-shares",
    "cpus", "cpuset-cpus", "cpuset-mems", "egress", "help", "kernel-memory", "memory",
    "memory-reservation", "memory-swap", "pids-limit", "restart",
)  # fmt: skip
HELP = {
    "cpu-rt-period": "Limit the CPU real-time period in microseconds",
    "cpu-rt-runtime": "Limit the CPU real-time runtime in microseconds",
    "memory-swap": "Swap limit equal to memory plus swap: -1 to enable unlimited swap",
}
FLAGS = tuple(
    flag._replace(help=HELP.get(flag.name, flag.help), default=None)
    for flag in creation.FLAGS
    if flag.name in NAMES
)


def update_(home: Home, args: Args) -> int:
    if not args.given:
        raise InvalidArgument("you must provide one or more flags when using this command")
    given = {key: getattr(args, key) for key in UpdateOptions._fields if key in args.given}
    options = UpdateOptions(**given)

    def update_one(name: str) -> None:
        warnings = update.update(home, name, options)
        print(name, flush=True)
        boundary.warn(warnings)

    return boundary.each(args.names, update_one)


COMMAND = Command(
    summary="Update configuration of one or more containers",
    arguments="CONTAINER [CONTAINER...]",
    flags=FLAGS,
    least=1,
    action=update_,
)
