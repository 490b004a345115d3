"""`cuddy start`: run again what was created or has ended."""

from __future__ import annotations

from cuddy.cli import boundary, foreground, terminal
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import containers, detach_keys, start
from cuddy.errors import WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def start_(home: Home, args: Args) -> int:
    if args.attach or args.interactive:
        return _start_attached(home, args)

    def start_one(name: str) -> None:
        boundary.warn(start.start(home, name))
        print(name, flush=True)

    return boundary.each(args.names, start_one)


def _start_attached(home: Home, args: Args) -> int:
    if len(args.names) > 1:
        raise WrongArguments("you cannot start and attach multiple containers at once")
    keys = detach_keys.parse_keys(args.detach_keys)
    container = containers.find(home, args.names[0])
    stdin = args.interactive and container["Config"]["OpenStdin"]
    attachment = start.start_attached(
        home,
        container["Id"],
        stdin=stdin,
        size=terminal.size() if container["Config"]["Tty"] else None,
    )
    boundary.warn(attachment.warnings)
    ended = foreground.accompany(
        home, container["Id"], attachment, stdin=stdin, keys=keys, proxy=True
    )
    return foreground.exit_code(home, container["Id"], attachment) if ended else 0


COMMAND = Command(
    summary="Start one or more stopped containers",
    arguments="CONTAINER [CONTAINER...]",
    flags=(
        Flag("attach", "a", BOOL, "Attach STDOUT/STDERR and forward signals"),
        Flag("detach-keys", "", STRING, "Override the key sequence for detaching a container"),
        Flag("interactive", "i", BOOL, "Attach container's STDIN"),
    ),
    least=1,
    action=start_,
)
