"""`cuddy create`: a container that does not run yet."""

from __future__ import annotations

from cuddy.cli.container import creation
from cuddy.cli.flags import Args, Command
from cuddy.engine import names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def create(home: Home, args: Args) -> int:
    options = creation.read_options(args)
    stdin_once = options.interactive and (not args.attach or "stdin" in args.attach)
    options = options._replace(stdin_once=stdin_once)
    if args.attach:
        options = options._replace(outputs=tuple(args.attach))
    container_id = names.generate_id()
    try:
        creation.make(home, options, args, container_id)
    except BaseException:
        creation.discard(home, container_id)
        raise
    print(container_id)
    return 0


COMMAND = Command(
    summary="Create a new container",
    arguments="IMAGE [COMMAND] [ARG...]",
    flags=creation.FLAGS,
    least=1,
    interspersed=False,
    error_code=125,
    action=create,
)
