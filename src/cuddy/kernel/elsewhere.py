"""Doing something in a network namespace from which there is no way back.

An ordinary user may enter a network namespace of the user's own, but the machine's is not the
user's to enter again (setns(2)). So a child goes there, and tells what came of it.
"""

from __future__ import annotations

import os
import struct

from cuddy import files
from cuddy.errors import CuddyError, SystemFailure
from cuddy.kernel import namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

LENGTH = struct.Struct("=Q")


def call(netns_fd: int, action: Callable[[], T]) -> T:
    """What `action` returns, or raises, in a network namespace. Raises OSError, SystemFailure.

    `netns_fd`: -1 for our own, when it is mounts that shall be others for the while. Only values go
    this way: what it changes in the process itself stays in the child.
    """
    heard, say = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.close(heard)
            tell(say, outcome(netns_fd, action))
        finally:
            os._exit(0)
    os.close(say)
    try:
        answer = hear(heard)
    finally:
        os.close(heard)
        os.waitpid(pid, 0)
    value, kind, arguments, fields = answer
    if kind is None:
        found: T = value
        return found
    error: BaseException = kind.__new__(kind, *arguments)
    error.args = arguments
    error.__dict__.update(fields)
    raise error


def outcome(netns_fd: int, action: Callable[[], Any]) -> tuple[Any, ...]:
    """A value, or an error in parts: many cannot be made again from their text alone."""
    try:
        if netns_fd >= 0:
            namespaces.setns(netns_fd, namespaces.CLONE_NEWNET)
        return action(), None, (), {}
    except (OSError, CuddyError) as error:
        return None, type(error), error.args, vars(error)


def tell(fd: int, answer: tuple[Any, ...]) -> None:
    """Write it to the parent, with its length: a grandchild may have the pipe open for a while."""
    # Imported here, as below: an ordinary user's only. What is read is our own child's.
    import pickle

    data = pickle.dumps(answer)
    files.write_all(fd, LENGTH.pack(len(data)) + data)


def hear(fd: int) -> tuple[Any, ...]:
    """What the child says. Raises SystemFailure if it says nothing."""
    import pickle

    (length,) = LENGTH.unpack(read(fd, LENGTH.size))
    answer: tuple[Any, ...] = pickle.loads(read(fd, length))
    return answer


def read(fd: int, size: int) -> bytes:
    """So many bytes. Raises SystemFailure at an early end."""
    found = b""
    while len(found) < size:
        part = os.read(fd, size - len(found))
        if not part:
            raise SystemFailure("a process in the user's network ended early")
        found += part
    return found
