"""A whole run on all processors: several sessions at once, each in a room of its own, take the
files of tests from one queue.

Sessions and not workers within one, as the leak detector looks at everything that is in the room.
The queue is a file with the number of the next file of tests that nobody has taken: a session that
is done takes it, so that all end at about the same time.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import groupby

import pytest

import isolation

COUNT = "CUDDY_TESTS_SESSIONS"
"""How many sessions; 1 if unset."""
QUEUE = "CUDDY_TESTS_QUEUE"
"""Set for the sessions of a shared run: the queue's path."""


def run(command: list[str]) -> int:
    """Run a command in as many rooms as are asked for; the worst of their exit codes.

    The first session's output is shown as it comes, that of the others when they have ended.
    """
    count = int(os.environ.get(COUNT, "1"))
    if count == 1:
        return isolation.enter(command)
    with tempfile.TemporaryDirectory(prefix="cuddy-tests-") as directory:
        os.environ[QUEUE] = os.path.join(directory, "queue")
        outputs = [os.path.join(directory, f"output-{number}") for number in range(1, count)]
        children = [isolation.fork(session(command, path)) for path in ("", *outputs)]
        pass_on(children)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        for path in outputs:
            with open(path, "rb") as file:
                sys.stdout.buffer.write(file.read())
        sys.stdout.flush()
    return max(codes)


def pass_on(children: list[int]) -> None:
    """SIGTERM goes on to the sessions; Ctrl-C they get from the terminal themselves."""

    def tell(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, tell)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def session(command: list[str], output: str) -> Callable[[], int]:
    """What the process of one session does: its output goes to a file, or, unnamed, to ours."""

    def work() -> int:
        if output:
            fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.dup2(fd, 1)
            os.dup2(fd, 2)
        return isolation.enter(command)

    return work


def is_shared() -> bool:
    """Whether other sessions take tests from the same queue."""
    return QUEUE in os.environ


def mine(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    """Of all tests those that fall to this session, each with the one after it."""
    files = [list(group) for _, group in groupby(items, key=lambda item: item.path)]
    previous = None
    while (number := take()) < len(files):
        for item in files[number]:
            if previous:
                yield previous, item
            previous = item
    if previous:
        yield previous, None


def take() -> int:
    """The number at the head of the queue, which nobody else gets."""
    fd = os.open(os.environ[QUEUE], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        number = int(os.read(fd, 20) or b"0")
        os.pwrite(fd, str(number + 1).encode(), 0)
    finally:
        os.close(fd)
    return number
