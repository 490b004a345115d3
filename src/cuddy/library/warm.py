"""The process behind a program that uses the library: it has imported all that a container needs,
and forks for each call.

    program                     warm process                 spare (one, two, ...)
    starts it ───────────────▶  imports; forks spares ─────▶ waits
    a socket for a call ───────────────────────────────────▶ serves it, ends
                                forks another      ◀──────── "taken"

The spares wait for calls on the same socket, and the kernel gives each call to one of them: nobody
waits for a fork. The program's process is never forked and changes nothing by itself. When it ends,
however it does, this one ends with it, and calls that are still at work are taken back.
"""

from __future__ import annotations

import _signal
import _socket
import gc
import importlib
import os
import select
import struct
import time

from cuddy.engine import background
from cuddy.engine.home import DEFAULT_ROOT, DEFAULT_RUN_ROOT, Home
from cuddy.errors import CuddyError
from cuddy.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

NAME, SPARE_NAME = "cuddy library", "cuddy spare"
SPARES = 2
UNTAKEN_S = 0.1
"""Before a spare that has ended without a call gets a successor."""
PID = struct.Struct("i")
HOT = (
    "cuddy.engine.attach", "cuddy.engine.create", "cuddy.engine.exec", "cuddy.engine.exec_keeper",
    "cuddy.engine.monitor", "cuddy.engine.nursery", "cuddy.engine.start", "cuddy.engine.burial",
    "cuddy.library.serving", "cuddy.library.running", "cuddy.library.joining",
)  # fmt: skip
"""What calls in a hurry need, with all that these import."""


def main(words: list[str]) -> NoReturn:
    """Where it begins: the descriptors of the socket and of the program, and its home."""
    channel_fd, program_fd = int(words[0]), int(words[1])
    if os.fork():
        os._exit(0)  # a child of the program's would be met by its wait(2)
    background.leave(NAME, {channel_fd, program_fd})
    home: Home | CuddyError
    try:
        home = enter(*words[2:4])
    except CuddyError as error:
        home = error  # whoever calls is told
    for module in HOT:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)
    Warm(home, _socket.socket(fileno=channel_fd), program_fd).run()
    os._exit(0)


def enter(root: str, run_root: str) -> Home:
    """The home; an ordinary user's is reached by way of a user namespace."""
    if os.geteuid() == 0:
        return Home(root or DEFAULT_ROOT, run_root or DEFAULT_RUN_ROOT)
    from cuddy.engine import rootless

    uid = os.geteuid()
    root = root or rootless.data_root(os.environ, uid)
    run_root = run_root or rootless.run_root(os.environ, uid)
    rootless.become_root(run_root)
    return Home(root, run_root)


class Warm:
    """The loop that keeps spares ready."""

    def __init__(self, home: Home | CuddyError, channel: _socket.socket, program_fd: int) -> None:
        self._home = home
        self._channel = channel
        self._program_fd = program_fd
        self._taken, self._takes = os.pipe()
        self._spares: dict[int, int] = {}  # pidfd -> pid of those that wait
        self._busy: dict[int, int] = {}

    def run(self) -> None:
        """Until the program has ended, or has no more use for us."""
        os.set_blocking(self._taken, False)
        while True:
            while len(self._spares) < SPARES:
                self._fork()
            ready = dict(self._poll())
            if self._program_fd in ready or self._channel.fileno() in ready:
                return self._end()
            if self._taken in ready:
                self._hear()
            for pidfd in ready.keys() & (self._spares.keys() | self._busy.keys()):
                self._reap(pidfd)

    def _end(self) -> None:
        """What is still being done for a program that has gone is taken back."""
        for pidfd in self._busy:
            try:
                process.pidfd_send_signal(pidfd, _signal.SIGTERM)
            except ProcessLookupError:
                pass  # it has just ended

    def _poll(self) -> list[tuple[int, int]]:
        poll = select.poll()
        for fd in (self._program_fd, self._taken, *self._spares, *self._busy):
            poll.register(fd, select.POLLIN)
        poll.register(self._channel, select.POLLRDHUP)  # calls are for the spares
        return poll.poll()

    def _hear(self) -> None:
        """Some of the spares have something to do now."""
        data = os.read(self._taken, 1 << 12)
        pids = {pid for (pid,) in PID.iter_unpack(data)}
        for pidfd, pid in list(self._spares.items()):
            if pid in pids:
                self._busy[pidfd] = self._spares.pop(pidfd)

    def _reap(self, pidfd: int) -> None:
        if pid := self._spares.pop(pidfd, 0):
            time.sleep(UNTAKEN_S)  # it was killed, or cannot do its work
        else:
            pid = self._busy.pop(pidfd)
        os.close(pidfd)
        os.waitpid(pid, 0)

    def _fork(self) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid:
            self._spares[process.pidfd_open(pid)] = pid
            return
        try:
            self._be_spare(parent)
        finally:
            os._exit(1)

    def _be_spare(self, parent: int) -> None:
        """Wait for a call, and serve it."""
        from cuddy.library import serving

        process.set_name(SPARE_NAME)
        process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
        if os.getppid() != parent:
            return
        for fd in (*self._spares, *self._busy, self._taken, self._program_fd):
            os.close(fd)
        given = serving.await_call(self._channel)
        if given is None:
            return
        process.prctl(process.PR_SET_PDEATHSIG, 0)
        os.write(self._takes, PID.pack(os.getpid()))
        os.close(self._takes)
        self._channel.close()
        serving.serve(self._home, *given)
        os._exit(0)
