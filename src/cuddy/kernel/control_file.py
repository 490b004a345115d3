"""Control files: the one-line files of cgroupfs and procfs that are read and written whole.

A missing file means that this kernel has no such thing: reading it answers None or {}. Writing goes
out in one write(2), because the kernel parses each write by itself.
"""

from __future__ import annotations

import errno
import os

ABSENT = (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP)


def write(path: str, value: str) -> None:
    """Write the value. Raises OSError with the path."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, value.encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def read(path: str) -> str | None:
    """The text without its last newline; None when there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise
    try:
        chunks = []
        while chunk := os.read(fd, 1 << 16):
            chunks.append(chunk)
        return b"".join(chunks).decode(errors="surrogateescape").rstrip("\n")
    except OSError as error:
        # The group may be removed between open and read, or not have this file's controller.
        if error.errno in ABSENT:
            return None
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(fd)


def read_number(path: str) -> int | None:
    """The number in the file; None for "max" and when there is no such file."""
    text = read(path)
    return int(text) if text is not None and text.lstrip("-").isdecimal() else None


def read_keyed(path: str) -> dict[str, int]:
    """A flat keyed file ("name number" a line) as a dict; empty when there is no such file."""
    numbers = {}
    for line in (read(path) or "").splitlines():
        name, _, number = line.rpartition(" ")
        if number.isdecimal():
            numbers[name] = int(number)
    return numbers


def read_numbers(path: str) -> list[int]:
    """The number on each line, as in `cgroup.procs`; empty when there is no such file."""
    return [int(line) for line in (read(path) or "").splitlines()]
