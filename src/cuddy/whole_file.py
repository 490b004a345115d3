"""A file that appears when it is whole: whoever is killed before leaves what was there."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.undo import Closing


class WholeFile(Closing):
    """A file being written, `fd`; `keep` gives it its name, `close` without that leaves nothing.

    Until then it has none, where the file system has such a thing (open(2), O_TMPFILE). Raises
    OSError.
    """

    def __init__(self, path: str, mode: int = 0o600) -> None:
        self.path = os.path.realpath(path)
        self._temporary = f"{self.path}.{files.name_temporary()}"
        flags = os.O_WRONLY | os.O_CLOEXEC
        try:
            self.fd = os.open(os.path.dirname(self.path), flags | os.O_TMPFILE, mode)
        except OSError:
            self.fd = os.open(self._temporary, flags | os.O_CREAT | os.O_EXCL, mode)

    def keep(self) -> None:
        """Give it its name: in one step where nobody has it, else in place of another."""
        if not os.fstat(self.fd).st_nlink:
            try:
                self._link(self.path)
                return
            except FileExistsError:
                self._link(self._temporary)
        os.rename(self._temporary, self.path)

    def _link(self, path: str) -> None:
        # With a directory's descriptor Python uses linkat(2), which follows the link in /proc.
        os.link(f"/proc/self/fd/{self.fd}", path, src_dir_fd=self.fd, follow_symlinks=True)

    def close(self) -> None:
        """Close it; more than once is fine."""
        if self.fd < 0:
            return
        os.close(self.fd)
        self.fd = -1
        try:
            os.unlink(self._temporary)
        except FileNotFoundError:
            pass  # it has its name
