"""`cuddy load`: take images out of an archive."""

from __future__ import annotations

import os
import sys

from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import registries
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.image.progress import Progress


def load_(home: Home, args: Args) -> int:
    if not args.input and os.isatty(0):
        raise InvalidArgument(
            "requested load from stdin, but stdin is empty", hint="use -i FILE, or redirect"
        )
    # Imported here, when there is something to read: this is the expensive part.
    from cuddy.cli.progress import Display
    from cuddy.engine import load

    with Display(sys.stdout) as display:

        def report(step: Progress) -> None:
            # Docker's layers are bars at a terminal, and nothing elsewhere.
            if not step.id or (sys.stdout.isatty() and not args.quiet):
                display(step)

        fd = _open(args.input) if args.input else 0
        try:
            load.load(
                home,
                fd,
                platform_name=args.platform,
                settings=registries.settings(os.environ),
                report=report,
            )
        finally:
            if fd:
                os.close(fd)
    return 0


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise InvalidArgument(f"cannot open {path}: {reason}") from None


COMMAND = Command(
    summary="Load an image from a tar archive or STDIN",
    flags=(
        Flag("input", "i", STRING, "Read from tar archive file, instead of STDIN"),
        Flag(
            "platform",
            "",
            STRING,
            'Load only the given platform variant. Formatted as "os[/arch[/variant]]" '
            '(e.g., "linux/amd64")',
        ),
        Flag("quiet", "q", BOOL, "Suppress the load output"),
    ),
    most=0,
    action=load_,
)
