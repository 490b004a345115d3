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

    The file gets its name at the end; leaving the block by an exception leaves what was there
    before, and so does being killed. Raises InvalidArgument for a terminal, a directory, a device.
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
            self._fd = self._open()
        return self._fd

    def _open(self) -> int:
        """A file without a name, where the file system has such a thing (open(2), O_TMPFILE)."""
        flags = os.O_WRONLY | os.O_CLOEXEC
        try:
            return os.open(os.path.dirname(self.path), flags | os.O_TMPFILE, 0o600)
        except OSError:
            return os.open(self._temporary, flags | os.O_CREAT | os.O_EXCL, 0o600)

    def _finish(self) -> None:
        """Give the file its name: in one step where nobody has it, else in place of another."""
        if not os.fstat(self._fd).st_nlink:
            try:
                self._link(self.path)
                return
            except FileExistsError:
                self._link(self._temporary)
        os.rename(self._temporary, self.path)

    def _link(self, path: str) -> None:
        # With a directory's descriptor Python uses linkat(2), which follows the link in /proc.
        os.link(f"/proc/self/fd/{self._fd}", path, src_dir_fd=self._fd, follow_symlinks=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.path:
            return
        try:
            if kind is None:
                self._finish()
        finally:
            os.close(self._fd)
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
