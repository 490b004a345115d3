"""`cuddy run`: create, start, attach, wait."""

from __future__ import annotations

import os

from cuddy.cli import boundary, foreground, terminal
from cuddy.cli.container import creation
from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import detach_keys, names, start
from cuddy.errors import WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.attach import Attachment
    from cuddy.engine.home import Home

FLAGS = (
    *creation.FLAGS,
    Flag("detach", "d", BOOL, "Run container in background and print container ID"),
    Flag("detach-keys", "", STRING, "Override the key sequence for detaching a container"),
    Flag("sig-proxy", "", BOOL, "Proxy received signals to the process", True),
    Flag("step", "", BOOL, "First build it one lock at a time, to look around at every stage"),
)


def run(home: Home, args: Args) -> int:
    keys = detach_keys.parse_keys(args.detach_keys)
    streams = _streams(args)
    options = creation.read_options(args)._replace(
        stdin_once="stdin" in streams, outputs=tuple(streams - {"stdin"})
    )
    container_id = names.generate_id()
    try:
        creation.make(home, options, args, container_id)
        if args.step and not _walk(home, container_id):
            creation.discard(home, container_id)
            return 0
        if not streams:
            boundary.warn(start.start(home, container_id, nursery=args.nursery))
            print(container_id, flush=True)
            return 0
        attachment = _start_attached(home, container_id, args, streams)
    except BaseException as error:
        # What cannot be started stays, to be looked at; what was interrupted is of no use.
        if options.auto_remove or not isinstance(error, Exception):
            creation.discard(home, container_id)
        raise
    boundary.warn(attachment.warnings)
    ended = foreground.accompany(
        home, container_id, attachment, stdin="stdin" in streams, keys=keys, proxy=args.sig_proxy
    )
    return foreground.exit_code(home, container_id, attachment) if ended else 0


def _walk(home: Home, container_id: str) -> bool:
    """Whether the user still wants it after having seen how it is built."""
    # Imported here: it is for those who learn.
    from cuddy.cli.container import run_step

    return run_step.walk(home, container_id)


def _start_attached(home: Home, container_id: str, args: Args, streams: set[str]) -> Attachment:
    return start.start_attached(
        home,
        container_id,
        stdin="stdin" in streams,
        stdout="stdout" in streams,
        stderr="stderr" in streams,
        size=terminal.size() if args.tty else None,
        nursery=args.nursery,
    )


def _streams(args: Args) -> set[str]:
    """The standard streams to attach: none when detached, what --attach says, or all in use."""
    if args.detach and args.attach:
        raise WrongArguments("conflicting options: cannot specify both --attach and --detach")
    if args.detach and args.step:
        raise WrongArguments("conflicting options: cannot specify both --step and --detach")
    if args.detach:
        return set()
    streams = set(args.attach) or {"stdout", "stderr"}
    if args.interactive and not args.attach:
        streams.add("stdin")
    if args.tty and "stdin" in streams and not os.isatty(0):
        raise WrongArguments(
            "the input device is not a TTY", hint="leave out -t when input is not typed"
        )
    return streams


COMMAND = Command(
    summary="Create and run a new container from an image",
    arguments="IMAGE [COMMAND] [ARG...]",
    flags=FLAGS,
    least=1,
    interspersed=False,
    error_code=125,
    action=run,
)
