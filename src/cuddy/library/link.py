"""The way from a program to the process behind it, which is started when it is first needed.

The program's process is not forked (`posix_spawn`), and has no new child: wait(2) meets nobody.
Threads may call at the same time, each on a socket of its own. A child that the program forks
begins with a process of its own.
"""

from __future__ import annotations

import _socket
import _thread
import os
import sys
import weakref

from cuddy.errors import NotPermitted, SystemFailure
from cuddy.kernel import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ATTEMPTS = 2
"""To hand over a call: the process may have been killed since the last."""
END_S = 10.0


class Link:
    """The process of one home. `root`, `run_root`: "" as usual for this user."""

    def __init__(self, root: str = "", run_root: str = "") -> None:
        self._places = (
            os.path.abspath(root) if root else os.environ.get("CUDDY_ROOT", ""),
            os.path.abspath(run_root) if run_root else os.environ.get("CUDDY_RUNROOT", ""),
        )
        self._lock = _thread.allocate_lock()
        self._channel: _socket.socket | None = None
        LINKS.add(self)

    @property
    def is_open(self) -> bool:
        """Whether the process has been started."""
        return self._channel is not None

    def start(self) -> _socket.socket:
        """Start the process if there is none. Raises SystemFailure."""
        with self._lock:
            self._channel = self._channel or start(*self._places)
            return self._channel

    def open(self, fds: Sequence[int] = ()) -> _socket.socket:
        """A socket on which one call may be made; `fds` go along. Raises SystemFailure."""
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        rights = [sockets.rights(theirs.fileno(), *fds)]
        try:
            for _ in range(ATTEMPTS):
                channel = self.start()
                try:
                    channel.sendmsg([b"!"], rights, _socket.MSG_NOSIGNAL)
                    return ours
                except (BrokenPipeError, ConnectionResetError, ConnectionRefusedError):
                    self._drop(channel)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.close()
        hint = f"try again; standard error says if {sys.executable} could not run it"
        raise SystemFailure("the process behind cuddy's library ends at once", hint=hint)

    def close(self) -> None:
        """Let the process end, and wait for that. The next call starts another."""
        with self._lock:
            channel, self._channel = self._channel, None
        if channel:
            channel.shutdown(_socket.SHUT_WR)
            channel.settimeout(END_S)
            try:
                channel.recv(1)
            except OSError:
                pass  # it takes long, and ends all the same
            channel.close()

    def __del__(self) -> None:
        if channel := getattr(self, "_channel", None):
            channel.close()  # whoever has dropped an engine needs its process no more

    def forget(self) -> None:
        """In a child of the program's: the process is another's."""
        self._lock = _thread.allocate_lock()
        if self._channel:
            self._channel.close()
            self._channel = None

    def _drop(self, dead: _socket.socket) -> None:
        with self._lock:
            if self._channel is dead:
                self._channel = None
        dead.close()


LINKS: weakref.WeakSet[Link] = weakref.WeakSet()
USUAL: list[Link] = []


def usual() -> Link:
    """That of the usual home of this user."""
    if not USUAL:
        USUAL.append(Link())
    return USUAL[0]


def forget() -> None:
    """What a forked child of the program does first."""
    for link in LINKS:
        link.forget()


os.register_at_fork(after_in_child=forget)


def start(root: str, run_root: str) -> _socket.socket:
    """Start a process; the socket on which calls are handed to it. Raises SystemFailure."""
    main = f"{__file__.rpartition('/library/')[0]}/__main__.py"
    packages = __file__.rpartition("/cuddy/")[0]
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    program_fd = os.pidfd_open(os.getpid())
    python = interpreter()
    words = [python, "-I", "-S", "-X", f"packages={packages}", "-X", "program=library", main]
    # Under numbers that are nobody's: a descriptor dup'ed onto itself would stay close-on-exec.
    inherited = {theirs.fileno(): 1000, program_fd: 1001}
    actions = [(os.POSIX_SPAWN_DUP2, fd, number) for fd, number in inherited.items()]
    try:
        pid = os.posix_spawn(
            python,
            [*words, *map(str, inherited.values()), root, run_root],
            os.environ,
            file_actions=actions,
        )
    except OSError as error:
        ours.close()
        raise SystemFailure.from_os("cannot start cuddy's process", error) from error
    finally:
        theirs.close()
        os.close(program_fd)
    try:
        os.waitpid(pid, 0)  # it has left a child behind that is not ours
    except ChildProcessError:
        pass  # somebody here waits for whatever ends
    return ours


def interpreter() -> str:
    """The Python that is to be run: our own. Raises NotPermitted where that is none."""
    if sys.executable:
        return sys.executable
    hint = "set sys.executable to the path of a Python that has cuddy installed"
    raise NotPermitted("this program does not say which Python it runs by", hint=hint)
