"""Errors and warnings as callers read them: a logfmt line on standard error, or a line in the file
of `--log`, in JSON if they like. go-runc and conmon take the last error of that file.

Standard error is the container's as well: with a log file, only an error is said there.
"""

from __future__ import annotations

import os
import sys

from cuddy import files
from cuddy.errors import InvalidArgument, SystemFailure


class Log:
    """Where one call writes its lines."""

    def __init__(self, path: str = "", form: str = "text", *, talkative: bool = False) -> None:
        """Raises InvalidArgument for an unknown form, SystemFailure when it cannot be opened."""
        self.fd = -1
        self.form = form
        self.talkative = talkative
        if form not in ("text", "json"):
            raise InvalidArgument(f'unknown log-format "{form}"')
        if path and path != "/dev/stderr":
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            try:
                self.fd = os.open(path, flags, 0o644)
            except OSError as error:
                raise SystemFailure.from_os("cannot open the log", error) from error

    def error(self, message: str) -> None:
        """Why the call failed: in the log, and always on standard error."""
        self.write("error", message)
        if self.fd >= 0:
            sys.stderr.write(f"{printable(message)}\n")

    def debug(self, message: str) -> None:
        """What was done, for who looks for a fault; with --debug only."""
        if self.talkative:
            self.write("debug", message)

    def warn(self, messages: list[str]) -> None:
        """What is not as asked for, but keeps nothing from its work."""
        for message in messages:
            self.write("warning", message)

    def write(self, level: str, message: str) -> None:
        """One line of the log."""
        when = files.now()
        if self.form == "json":
            line = files.format_json({"level": level, "msg": message, "time": when}) + "\n"
        else:
            line = f'time="{when}" level={level} msg={files.quote(message)}\n'
        if self.fd < 0:
            sys.stderr.write(line)
        else:
            files.write_all(self.fd, line.encode())


def printable(text: str) -> str:
    """A message as one line that does nothing to a terminal: images name the files in it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
