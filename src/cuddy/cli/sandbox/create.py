"""`cuddy sandbox create`: a container for commands that come one after the other."""

from __future__ import annotations

from cuddy.cli.container import creation
from cuddy.cli.flags import Args, Command, Flag
from cuddy.cli.sandbox.life import OWNER, TTL, ttl_s
from cuddy.engine import names
from cuddy.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

OF_A_COMMAND = frozenset((
    "attach", "entrypoint", "init", "interactive", "restart", "rm", "runtime", "stop-signal",
    "stop-timeout", "tty", "pid",
))  # fmt: skip
"""What a sandbox, in which nothing runs by itself, has no use for."""


def is_refused(flag: Flag) -> bool:
    """Whether a flag is about a command of the container's own."""
    return flag.name in OF_A_COMMAND or flag.name.startswith(("health-", "no-health"))


FLAGS = tuple(flag._replace(hidden=flag.hidden or is_refused(flag)) for flag in creation.FLAGS)


def create(home: Home, args: Args) -> int:
    from cuddy.engine import sandboxes, start

    for flag in FLAGS:
        if flag.key in args.given and is_refused(flag):
            hint = "nothing runs in it but what 'cuddy sandbox exec' runs"
            raise UsageError(f"a sandbox takes no --{flag.name}", hint=hint)
    plan = sandboxes.plan(creation.read_options(args), owner=args.owner or 0, ttl_s=ttl_s(args))
    container_id = names.generate_id()
    try:
        creation.make(home, plan, args, container_id)
        start.start(home, container_id, nursery=args.nursery)
    except BaseException:
        creation.discard(home, container_id)
        raise
    print(container_id)
    return 0


COMMAND = Command(
    summary="Create a sandbox and begin it",
    arguments="IMAGE",
    flags=(*FLAGS, OWNER, TTL),
    least=1,
    most=1,
    error_code=125,
    action=create,
)
