"""`cuddy cp`: copy files between a container and the host."""

from __future__ import annotations

import os
import sys

from cuddy.cli.flags import BOOL, Args, Command, Flag
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

CLEAR_LINE = "\r\x1b[2K"


def cp_(home: Home, args: Args) -> int:
    from cuddy.engine import cp, cp_paths

    source, target = cp_paths.parse_pair(*args.names)
    options = cp.Options(archive=args.archive, follow_link=args.follow_link)
    quiet = args.quiet if "quiet" in args.given else not os.isatty(1)
    if target.container:
        meter = _Meter("Copying to container - ", quiet=quiet)
        total = cp.cp_in(
            home, absolute(source.path), target.container, target.path, options, meter.hear
        )
        meter.finish(total, f"{target.container}:{target.path}")
        return 0
    where = absolute(target.path)
    if where == cp_paths.STREAM:
        if os.isatty(1):
            hint = "redirect it, or name a file"
            raise InvalidArgument("cowardly refusing to write an archive to a terminal", hint=hint)
        quiet = True
    meter = _Meter("Copying from container - ", quiet=quiet)
    total = cp.cp_out(home, source.container, source.path, where, options, meter.hear)
    meter.finish(total, where)
    return 0


def absolute(path: str) -> str:
    """A path of the host from its root, with its last slash or dot."""
    from cuddy.engine import cp_paths

    if path == cp_paths.STREAM:
        return path
    return cp_paths.tidy(path if path.startswith("/") else f"{os.getcwd()}/{path}")


class _Meter:
    """How far it is, on a terminal, and what it came to."""

    def __init__(self, header: str, *, quiet: bool) -> None:
        self.header = header
        self.quiet = quiet
        self.is_live = not quiet and os.isatty(2)

    def hear(self, done: int) -> None:
        """So many bytes have been copied."""
        if self.is_live:
            self._write(f"{CLEAR_LINE}{self.header}{_size(done)}")

    def finish(self, total: int, where: str) -> None:
        """All of it has."""
        from cuddy.cli.escape import printable

        if not self.quiet:
            clear = CLEAR_LINE if self.is_live else ""
            self._write(f"{clear}Successfully copied {_size(total)} to {printable(where)}\n")

    def _write(self, text: str) -> None:
        sys.stdout.flush()
        os.write(2, text.encode(errors="surrogateescape"))


def _size(count: int) -> str:
    from cuddy.cli import sizes

    return sizes.human_size(count)


COMMAND = Command(
    summary="Copy files/folders between a container and the local filesystem",
    arguments="CONTAINER:SRC_PATH DEST_PATH|-\nSRC_PATH|- CONTAINER:DEST_PATH",
    flags=(
        Flag("archive", "a", BOOL, "Archive mode (copy all uid/gid information)"),
        Flag("follow-link", "L", BOOL, "Always follow symbol link in SRC_PATH"),
        Flag(
            "quiet",
            "q",
            BOOL,
            "Suppress progress output during copy. Progress output is automatically suppressed "
            "if no terminal is attached",
        ),
    ),
    least=2,
    most=2,
    action=cp_,
)
