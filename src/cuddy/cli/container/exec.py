"""`cuddy exec`: another process in a running container."""

from __future__ import annotations

import os

from cuddy.cli import detach, foreground, terminal
from cuddy.cli.container import creation
from cuddy.cli.flags import BOOL, LIST, STRING, Args, Command, Flag
from cuddy.engine import containers, exec
from cuddy.engine.options import ExecOptions
from cuddy.errors import NotRunning, WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def exec_(home: Home, args: Args) -> int:
    keys = detach.parse_keys(args.detach_keys)
    if args.tty and args.interactive and not args.detach and not os.isatty(0):
        raise WrongArguments(
            "the input device is not a TTY", hint="leave out -t when input is not typed"
        )
    name, *command = args.names
    options = ExecOptions(
        command=tuple(command),
        env=tuple(creation.environment(args.env_file, args.env)),
        workdir=args.workdir,
        user=args.user,
        tty=args.tty,
        interactive=args.interactive and not args.detach,
        privileged=args.privileged,
    )
    container = containers.find(home, name)
    if not container["State"]["Running"]:
        raise NotRunning(name)
    if args.detach:
        exec.exec_detached(home, container["Id"], options)
        return 0
    window = terminal.size() if args.tty else None
    session = exec.exec_attached(home, container["Id"], options, size=window)
    ended = foreground.accompany(
        home, container["Id"], session, stdin=options.interactive, keys=keys, proxy=False
    )
    return session.wait() if ended else 0


COMMAND = Command(
    summary="Execute a command in a running container",
    arguments="CONTAINER COMMAND [ARG...]",
    flags=(
        Flag("detach", "d", BOOL, "Detached mode: run command in the background"),
        Flag("detach-keys", "", STRING, "Override the key sequence for detaching a container"),
        Flag("env", "e", creation.VARIABLES, "Set environment variables"),
        Flag("env-file", "", LIST, "Read in a file of environment variables"),
        Flag("interactive", "i", BOOL, "Keep STDIN open even if not attached"),
        Flag("privileged", "", BOOL, "Give extended privileges to the command"),
        Flag("tty", "t", BOOL, "Allocate a pseudo-TTY"),
        Flag("user", "u", STRING, 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
        Flag("workdir", "w", STRING, "Working directory inside the container"),
    ),
    least=2,
    interspersed=False,
    action=exec_,
)
