"""A program of the host that stays with the process that started it, and never longer.

It gets ready while we wait, telling us by writing to a descriptor or a pipe with a name, and dies
with us (PR_SET_PDEATHSIG) even if we are killed.
"""

from __future__ import annotations

import _signal
import fcntl
import os
import select

from cuddy import files
from cuddy.kernel import process
from cuddy.kernel.program import ENVIRONMENT
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

OUTPUT_BYTES = 1 << 14
READY_S = 10.0


class Companion(NamedTuple):
    """One that is ready; or, with the pid 0, what it said before it gave up."""

    pid: int
    began: int = 0
    complaint: str = ""


def start(words: Sequence[str], ready_fd: int, kept: Collection[int] = ()) -> Companion:
    """Start a program and wait until something can be read from `ready_fd`. Raises OSError.

    `kept`: descriptors that it inherits under the same numbers.
    """
    said = os.memfd_create("said", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        # It may say more than that, but nobody keeps it.
        os.ftruncate(said, OUTPUT_BYTES)
        fcntl.fcntl(said, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        ours = os.getpid()
        pid = os.fork()
        if pid == 0:
            become(words, ours, said, kept)
        began = files.start_time(pid)
        if is_ready(pid, ready_fd):
            return Companion(pid, began)
        end(pid, began)
        text = os.pread(said, OUTPUT_BYTES, 0).rstrip(b"\0").decode(errors="replace")
        return Companion(0, complaint=" ".join(text.split()) or "it did not get ready")
    finally:
        os.close(said)


def become(words: Sequence[str], parent: int, said: int, kept: Collection[int]) -> None:
    """The child's part: never returns."""
    try:
        process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
        if os.getppid() == parent:
            process.reset_signals()
            null = os.open("/dev/null", os.O_RDWR)
            for number, fd in enumerate((null, said, said)):
                os.dup2(fd, number)
            process.close_on_exec_from(3)
            for fd in kept:
                os.set_inheritable(fd, True)
            os.execve(words[0], list(words), ENVIRONMENT)
    finally:
        os._exit(127)


def is_ready(pid: int, ready_fd: int) -> bool:
    """Wait until it is, or until it has ended."""
    pidfd = process.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(ready_fd, select.POLLIN)
        found = dict(poll.poll(READY_S * 1000))
        return bool(found.get(ready_fd, 0) & select.POLLIN)
    finally:
        os.close(pidfd)


def end(pid: int, began: int) -> None:
    """End one, whoever has started it."""
    pidfd = process.open_exact(pid, began)
    if pidfd >= 0:
        try:
            process.pidfd_send_signal(pidfd, _signal.SIGKILL)
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            poll.poll(READY_S * 1000)
        except ProcessLookupError:
            pass  # it has just ended
        finally:
            os.close(pidfd)
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # it is another's
