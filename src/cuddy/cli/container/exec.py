"""`cuddy exec`: another process in a running container."""

from __future__ import annotations

import os

from cuddy.cli import boundary, foreground, settings, terminal, values
from cuddy.cli.flags import BOOL, LIST, STRING, Args, Command, Flag, Kind
from cuddy.engine import detach_keys, exec
from cuddy.engine.options import ExecOptions
from cuddy.errors import WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


_DETACHED = 1
_TIMED_OUT = 124  # as timeout(1)


def exec_(home: Home, args: Args) -> int:
    keys = detach_keys.parse_keys(args.detach_keys)
    if args.tty and args.interactive and not args.detach and not os.isatty(0):
        raise WrongArguments(
            "the input device is not a TTY", hint="leave out -t when input is not typed"
        )
    name, *command = args.names
    options = ExecOptions(
        command=tuple(command),
        env=tuple(settings.environment(args.env_file, args.env)),
        workdir=args.workdir,
        user=args.user,
        tty=args.tty,
        interactive=args.interactive and not args.detach,
        privileged=args.privileged,
        timeout_s=args.timeout or None,
    )
    if args.detach:

        def begin(name: str) -> None:
            boundary.warn(exec.exec_detached(home, name, options, nursery=args.nursery))

        return boundary.each([name], begin)  # whatever is wrong, docker answers 1
    size = terminal.size() if args.tty else None
    session = exec.exec_attached(home, name, options, size=size, nursery=args.nursery)
    boundary.warn(session.warnings)
    ended = foreground.accompany(
        home, name, session, stdin=options.interactive, keys=keys, proxy=False
    )
    if not ended:
        return _DETACHED  # docker's code as well
    code = session.wait()
    if session.timed_out:
        what = f"exec: not done after {args.timeout:g} s, killed with all it had started"
        return boundary.complain(what, _TIMED_OUT)
    return code


COMMAND = Command(
    summary="Execute a command in a running container",
    arguments="CONTAINER COMMAND [ARG...]",
    flags=(
        Flag("detach", "d", BOOL, "Detached mode: run command in the background"),
        Flag("detach-keys", "", STRING, "Override the key sequence for detaching a container"),
        Flag("env", "e", settings.VARIABLES, "Set environment variables"),
        Flag("env-file", "", LIST, "Read in a file of environment variables"),
        Flag("interactive", "i", BOOL, "Keep STDIN open even if not attached"),
        Flag("privileged", "", BOOL, "Give extended privileges to the command"),
        Flag(
            "timeout",
            "",
            Kind("seconds", values.seconds),
            "Kill the command and all it has started after so many seconds",
        ),
        Flag("tty", "t", BOOL, "Allocate a pseudo-TTY"),
        Flag("user", "u", STRING, 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
        Flag("workdir", "w", STRING, "Working directory inside the container"),
    ),  # fmt: skip
    least=2,
    interspersed=False,
    action=exec_,
)
