"""Programs of the host that cuddy runs and waits for: nft, iptables, ps.

Found in the directories of system programs, never through the caller's PATH, and started with an
environment of their own. Their input and output are anonymous files, so neither side can block.
"""

from __future__ import annotations

import _signal
import os

from cuddy.shapes import NamedTuple

DIRECTORIES = (
    "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin",
    "/run/current-system/sw/bin",
)  # fmt: skip
ENVIRONMENT = {"PATH": ":".join(DIRECTORIES), "LC_ALL": "C"}
OUTPUT_BYTES = 1 << 16


class Finished(NamedTuple):
    """How a program ended (128 + n: by signal n) and what it said on both outputs."""

    code: int
    output: str


def find(name: str, directories: tuple[str, ...] = DIRECTORIES) -> str:
    """The path of a program; "" when the host does not have it."""
    for directory in directories:
        path = f"{directory}/{name}"
        if os.access(path, os.X_OK):
            return path
    return ""


def run(
    path: str,
    *arguments: str,
    stdin: str = "",
    most_bytes: int = OUTPUT_BYTES,
    strip: bool = True,
) -> Finished:
    """Run a program to its end; `strip`: no blanks around its output.

    Raises OSError when it cannot be started.
    """
    given = os.memfd_create("input")
    said = os.memfd_create("output")
    try:
        os.write(given, stdin.encode())
        os.lseek(given, 0, os.SEEK_SET)
        pid = os.posix_spawn(
            path,
            (path, *arguments),
            ENVIRONMENT,
            file_actions=[(os.POSIX_SPAWN_DUP2, given, 0)]
            + [(os.POSIX_SPAWN_DUP2, said, fd) for fd in (1, 2)],
            setsigmask=(),
            setsigdef=(_signal.SIGPIPE, _signal.SIGINT, _signal.SIGTERM, _signal.SIGCHLD),
        )
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        output = os.pread(said, most_bytes, 0).decode(errors="replace")
        return Finished(code if code >= 0 else 128 - code, output.strip() if strip else output)
    finally:
        os.close(given)
        os.close(said)
