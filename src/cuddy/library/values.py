"""What calls come to, as programs see it."""

from __future__ import annotations

from cuddy.shapes import NamedTuple


class Result(NamedTuple):
    """How a command ended and what it wrote. With a terminal everything is `stdout_bytes`."""

    exit_code: int  # 128 + the signal if one ended it
    stdout_bytes: bytes = b""
    stderr_bytes: bytes = b""
    out_of_memory: bool = False  # the kernel has killed some of it for want of memory
    warnings: tuple[str, ...] = ()  # what could not be as it was asked for

    @property
    def stdout(self) -> str:
        """What it wrote to its standard output, as text; what is no UTF-8 is U+FFFD."""
        return self.stdout_bytes.decode(errors="replace")

    @property
    def stderr(self) -> str:
        """The same of standard error."""
        return self.stderr_bytes.decode(errors="replace")
