"""How far a copy is, on a terminal, and what it came to: what `cp` and its kin say."""

from __future__ import annotations

import os
import sys

from cuddy.cli.flags import BOOL, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.flags import Args

CLEAR_LINE = "\r\x1b[2K"
QUIET = Flag(
    "quiet", "q", BOOL,
    "Suppress progress output during copy. Progress output is automatically suppressed "
    "if no terminal is attached",
)  # fmt: skip


def is_quiet(args: Args) -> bool:
    """Whether nothing is to be said."""
    quiet: bool = args.quiet if "quiet" in args.given else not os.isatty(1)
    return quiet


class Meter:
    """One copy. `header`: what is shown before the size."""

    def __init__(self, header: str, *, quiet: bool) -> None:
        self.header = header
        self.quiet = quiet
        self.is_live = not quiet and os.isatty(2)

    def hear(self, done: int) -> None:
        """So many bytes have been copied."""
        if self.is_live:
            self._write(f"{CLEAR_LINE}{self.header}{_size(done)}")

    def finish(self, before: str, total: int, after: str) -> None:
        """All of it has: `before`, the size, and `after` it where."""
        from cuddy.escape import printable

        if not self.quiet:
            clear = CLEAR_LINE if self.is_live else ""
            self._write(f"{clear}{before} {_size(total)} {printable(after)}\n")

    def _write(self, text: str) -> None:
        sys.stdout.flush()
        os.write(2, text.encode(errors="surrogateescape"))


def _size(count: int) -> str:
    from cuddy import sizes

    return sizes.human_size(count)
