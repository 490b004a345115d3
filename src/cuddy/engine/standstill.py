"""A container held still while its files are read, which goes on whatever becomes of us.

    command                        guard
    fork ───────────────────────▶  freezes the container's control group
         ◀── frozen ────────────
    reads                          waits
    done, or dead ──────────────▶  thaws it, ends

The guard is in a session of its own, so that neither Ctrl-C nor the death of a terminal ends it.
"""

from __future__ import annotations

import os
import signal

from cuddy import files
from cuddy.errors import NotPermitted, SystemFailure
from cuddy.image import workers
from cuddy.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import NoReturn

    from cuddy.errors import CuddyError
    from cuddy.kernel.cgroup import Cgroup

FROZEN = b"frozen"
MAX_ANSWER = 4096


class Standstill:
    """Inside `with`, no process of the group moves. `end` may come earlier.

    Raises NotPermitted, SystemFailure.
    """

    def __init__(self, group: Cgroup) -> None:
        self._group = group
        self._guard = 0
        self._release = -1

    def __enter__(self) -> Standstill:
        if not self._group.paths:
            return self  # an ordinary user's, to whom no groups are delegated: it cannot be held
        answer, tell = os.pipe2(os.O_CLOEXEC)
        wait, self._release = os.pipe2(os.O_CLOEXEC)
        previous = signal.pthread_sigmask(signal.SIG_BLOCK, workers.STOPPING)
        try:
            parent = process.pidfd_open(os.getpid())
            self._guard = os.fork()
            if not self._guard:
                _be_guard(self._group, parent, wait, tell, {answer, self._release})
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, previous)
        for fd in (tell, wait, parent):
            os.close(fd)
        try:
            heard = os.read(answer, MAX_ANSWER)
        finally:
            os.close(answer)
        if heard != FROZEN:
            self.end()
            raise _refusal(heard)
        return self

    @property
    def holds(self) -> bool:
        """Whether somebody still keeps the group from moving."""
        return bool(self._guard)

    def end(self) -> None:
        """Let the container go on; once is enough."""
        if self._release >= 0:
            try:
                os.write(self._release, b".")
            except BrokenPipeError:
                pass  # somebody has killed the guard
            os.close(self._release)
            self._release = -1
        if self._guard:
            _, status = os.waitpid(self._guard, 0)
            self._guard = 0
            if status:
                _thaw(self._group)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()


def _be_guard(group: Cgroup, parent: int, wait: int, tell: int, others: set[int]) -> NoReturn:
    """The whole life of a guard."""
    code = 1
    try:
        os.setsid()
        for number in workers.STOPPING:
            signal.signal(number, signal.SIG_IGN)
        for fd in others:
            os.close(fd)
        try:
            group.freeze()
            os.write(tell, FROZEN)
            _await(parent, wait)
        except (OSError, NotPermitted) as error:
            os.write(tell, _words(error))
        finally:
            _thaw(group)
        code = 0
    finally:
        os._exit(code)


def _await(parent: int, wait: int) -> None:
    """Until the parent says that it is done, or is gone."""
    import select

    poll = select.poll()
    poll.register(parent, select.POLLIN)
    poll.register(wait, select.POLLIN)
    poll.poll()


def _thaw(group: Cgroup) -> None:
    try:
        group.thaw()
    except OSError:
        pass  # the container has ended, and its group with it


def _words(error: OSError | NotPermitted) -> bytes:
    message = error.message if isinstance(error, NotPermitted) else str(error)
    return files.format_json([type(error).__name__, message]).encode()[:MAX_ANSWER]


def _refusal(heard: bytes) -> CuddyError:
    """Why the container could not be frozen."""
    try:
        kind, message = files.parse_json(heard)
    except ValueError:
        kind, message = "", "the guard died"
    hint = "--pause=false does without it"
    if kind == NotPermitted.__name__:
        return NotPermitted(message, hint=hint)
    return SystemFailure(f"cannot pause the container: {message}", hint=hint)
