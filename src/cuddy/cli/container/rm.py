"""`cuddy rm`: remove containers."""

from __future__ import annotations

from cuddy.cli import boundary
from cuddy.cli.flags import BOOL, Args, Command, Flag
from cuddy.engine import containers, rm
from cuddy.errors import Conflict, NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def rm_(home: Home, args: Args) -> int:
    def remove(name: str) -> None:
        if args.link:
            containers.find(home, name)
            raise Conflict("cannot remove the default link name of the container")
        try:
            rm.rm(home, name, force=args.force, volumes=args.volumes)
        except NoSuchContainer as error:
            # What is not there need not be forced away: docker says so and is content.
            if not args.force:
                raise
            if name not in killed:
                boundary.complain(str(error), 0)
                return
        print(name, flush=True)

    killed: set[str] = set()
    if args.force and not args.link and len(args.names) > 1:
        killed = rm.end_all(home, args.names)
    return boundary.each(args.names, remove)


COMMAND = Command(
    summary="Remove one or more containers",
    arguments="CONTAINER [CONTAINER...]",
    flags=(
        Flag("force", "f", BOOL, "Force the removal of a running container (uses SIGKILL)"),
        Flag("link", "l", BOOL, "Remove the specified link"),
        Flag("volumes", "v", BOOL, "Remove anonymous volumes associated with the container"),
    ),
    least=1,
    action=rm_,
)
