"""Work done in a child, in namespaces of its own, so that nothing of it stays with the tests."""

from __future__ import annotations

import os
import pickle
import traceback
from collections.abc import Callable
from typing import TypeVar

from cuddy.kernel import mount, namespaces

T = TypeVar("T")


def in_child(work: Callable[[], T], *, unshare: int = 0) -> T:
    """What `work` returns in a child that first moves into new namespaces.

    An exception there fails the test with its traceback. With CLONE_NEWPID, a grandchild works,
    since unshare(2) moves only children.
    """
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read_end)
            try:
                answer = pickle.dumps((True, _work_apart(work, unshare)))
            except BaseException:
                answer = pickle.dumps((False, traceback.format_exc()))
            with open(write_end, "wb") as file:
                file.write(answer)
        finally:
            os._exit(0)  # whatever happens: a child that goes on is a second session of tests
    os.close(write_end)
    with open(read_end, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    assert data, "the child died"
    succeeded, value = pickle.loads(data)
    assert succeeded, value
    return value  # type: ignore[no-any-return]


def _work_apart(work: Callable[[], T], unshare: int) -> T:
    if unshare:
        namespaces.unshare(unshare)
    if unshare & namespaces.CLONE_NEWNS:
        mount.set_propagation("/", mount.MS_PRIVATE | mount.MS_REC)
    if unshare & namespaces.CLONE_NEWPID:
        return in_child(work)
    return work()
