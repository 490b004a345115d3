"""Where an output goes: a file that appears when it is whole, a pipe, or standard output."""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.errors import SystemFailure
from cuddy.undo import Closing
from cuddy.whole_file import WholeFile

STDOUT = "-"
FILE_MODE = 0o666
DIRECTORY_MODE = 0o777
"""Less what the user's umask takes away."""


class Destination(Closing):
    """An open file to write to, `fd`; `keep` at the end, `close` without it leaves no file.

    Raises SystemFailure.
    """

    def __init__(self, dest: str, stdout_fd: int) -> None:
        self.fd = stdout_fd
        self._file: WholeFile | None = None
        self._is_ours = False
        if dest == STDOUT:
            return
        try:
            if os.path.exists(dest) and not stat.S_ISREG(os.stat(dest).st_mode):
                self.fd = os.open(dest, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
                self._is_ours = True
                return
            files.make_directory(os.path.dirname(os.path.realpath(dest)), DIRECTORY_MODE)
            self._file = WholeFile(dest, FILE_MODE)
            self.fd = self._file.fd
        except OSError as error:
            raise SystemFailure.from_os("cannot write the output", error) from error

    def keep(self) -> None:
        """All was written."""
        if self._file:
            self._file.keep()

    def close(self) -> None:
        """Close it; more than once is fine."""
        if self._file:
            self._file.close()
        elif self._is_ours:
            os.close(self.fd)
        self._is_ours = False
