"""Where a command's archive goes: standard output, or a file that appears when it is whole."""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class Output:
    """A descriptor to write to, for the path of a file or "" for standard output.

        with Output(args.output) as fd:
            ...

    The file is written beside its name and renamed at the end; leaving the block by an exception
    leaves what was there before. Raises InvalidArgument for a terminal, a directory, a device.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path) if path else ""
        self._temporary = f"{self.path}.{files.name_temporary()}"
        self._fd = 1
        if not path and os.isatty(1):
            raise InvalidArgument(
                "cowardly refusing to write an archive to a terminal",
                hint="use -o FILE, or redirect",
            )
        if path:
            _check(path)

    def __enter__(self) -> int:
        if self.path:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._fd = os.open(self._temporary, flags, 0o600)
        return self._fd

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.path:
            return
        try:
            os.close(self._fd)
            if kind is None:
                os.rename(self._temporary, self.path)
        finally:
            try:
                os.unlink(self._temporary)
            except FileNotFoundError:
                pass  # it has its name


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
