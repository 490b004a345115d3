"""Where a command's archive goes: standard output, or a file that appears when it is whole."""

from __future__ import annotations

import os
import stat

from cuddy.errors import InvalidArgument
from cuddy.whole_file import WholeFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class Output:
    """A descriptor to write to, for the path of a file or "" for standard output.

        with Output(args.output) as fd:
            ...

    The file gets its name at the end; leaving the block by an exception leaves what was there
    before, and so does being killed. Raises InvalidArgument for a terminal, a directory, a device.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: WholeFile | None = None
        if not path and os.isatty(1):
            raise InvalidArgument(
                "cowardly refusing to write an archive to a terminal",
                hint="use -o FILE, or redirect",
            )
        if path:
            _check(path)

    def __enter__(self) -> int:
        if not self.path:
            return 1
        self._file = WholeFile(self.path)
        return self._file.fd

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file:
            with self._file:
                if kind is None:
                    self._file.keep()


def _check(path: str) -> None:
    """Whether the path may be replaced by a file."""
    directory = os.path.dirname(path) or "."
    if not os.path.isdir(directory):
        raise InvalidArgument(f"invalid output path: there is no directory {directory!r}")
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise InvalidArgument(f"invalid output path: {path!r} is a directory")
    if not stat.S_ISREG(mode):
        raise InvalidArgument(f"invalid output path: {path!r} is a device, a pipe or a socket")
