"""A container's health checks between probes: a child of the monitor that waits, as lean as can be.

    waiter                          one line of Python, until the next probe is due
    ── due ──▶ health_keeper        one probe, its result into the record
    ◀── executes the waiter again

The monitor has nothing to do with it but to start it: it can relay, and sleep, as if there were no
checks. It ends with the container or the monitor, whichever ends first.
"""

from __future__ import annotations

import os
import sys
import time

from cuddy import files
from cuddy.engine import health
from cuddy.engine.home import Home
from cuddy.kernel import process
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.engine.container import Container

WAIT = (
    "import posix, select, sys; open('/proc/self/comm', 'w').write('cuddy health'); "
    "fd = int(sys.argv[1]); posix.set_inheritable(fd, False); "
    "p = select.poll(); p.register(fd, 1); "
    "p.poll(float(sys.argv[2])) or posix.execv(sys.argv[3], sys.argv[3:])"
)
WAKE = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from cuddy.engine.health_keeper import wake; wake(sys.argv[2])"
)


class Life(NamedTuple):
    """One life of a container: its first process, and when it began."""

    root: str
    run_root: str
    container_id: str
    pid: int
    began: int  # start time of the process
    started_ns: int  # on the monotonic clock

    @property
    def home(self) -> Home:
        """Where the container is."""
        return Home(self.root, self.run_root)


def begin(home: Home, record: Container, pid: int) -> None:
    """Have a container's health looked after from now on. Called in its monitor."""
    bury(pid)
    life = Life(*home, record["Id"], pid, files.start_time(pid), time.monotonic_ns())
    monitor = os.getpid()
    if os.fork() == 0:
        try:
            process.prctl(process.PR_SET_PDEATHSIG, 9)
            init_fd = process.open_exact(life.pid, life.began)
            if init_fd >= 0 and os.getppid() == monitor:
                delay = health.delay_ns(record["Config"], "starting", 0)
                become_waiter(life, init_fd, delay)
        finally:
            os._exit(0)


def bury(init: int) -> None:
    """Those of the monitor's children that have ended, but not the container's own process."""
    while True:
        try:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if found is None or found.si_pid == init:
            return
        os.waitpid(found.si_pid, 0)


def become_waiter(life: Life, init_fd: int, delay_ns: int) -> NoReturn:
    """Sleep lean until the next probe is due."""
    os.set_inheritable(init_fd, True)
    python = [sys.executable, "-I", "-S", "-c"]
    source = __file__.rpartition("/cuddy/")[0]
    wait = [WAIT, str(init_fd), str(delay_ns / health.MS)]
    os.execv(python[0], [*python, *wait, *python, WAKE, source, files.format_json([*life])])
