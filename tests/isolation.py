"""The room the tests run in: as root, every session moves into namespaces of its own.

Network: nothing a test does can touch the machine's links and rules. Mounts: what it mounts is
nobody else's, and what it changes in /etc or /usr stays in the session, whatever it asks of a
program that is not mended yet. Pids: a session that is killed takes all its processes along, and
two sessions at the same time do not see each other. The outer process waits, and removes the
session's directory last.

`ip netns exec` would do for the network alone, but it mounts a new /sys, which hides the cgroups.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import traceback
from collections.abc import Callable

VARIABLE = "CUDDY_TESTS_DIR"
"""Set inside: the session's directory. All files of the session are below it."""

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x20000000, 0x40000000
SYSTEMD = "CUDDY_TESTS_SYSTEMD"
"""Set to 1: the session is among the machine's processes, as its systemd is told of pids."""
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MS_RDONLY, MS_REMOUNT = 0x1, 0x20
SYSTEM = ("/usr", "/boot", "/opt")
"""What of the host no test may change: they run as root, and try programs that have holes."""
PR_SET_PDEATHSIG = 1
OVERLAYFS_MAGIC = 0x794C7630

libc = ctypes.CDLL(None, use_errno=True)


def is_inside() -> bool:
    """Whether this process already is in a session's namespaces."""
    return VARIABLE in os.environ


def asks_systemd() -> bool:
    """Whether this session's containers may be scopes of the machine's own systemd."""
    return os.environ.get(SYSTEMD) == "1"


def directory() -> str:
    """The session's directory; only inside."""
    return os.environ[VARIABLE]


def name() -> str:
    """A name that no other session has, for what has no namespace: cgroups."""
    return os.path.basename(os.environ.get(VARIABLE, "cuddy-tests"))


def enter(command: list[str]) -> int:
    """Run a command inside, and return its exit code."""
    path = tempfile.mkdtemp(prefix="cuddy-tests-")
    os.chmod(path, 0o711)
    # A process whose pid namespace has ended cannot fork any more, so a child of ours unshares.
    code = wait_for(fork(lambda: wait_for(fork(lambda: be_init(path, command), unshare=True))))
    remove_cgroups(os.path.basename(path))
    # rm, not shutil: tests leave trees deeper than Python's recursion.
    subprocess.run(["rm", "-rf", "--one-file-system", path], check=False)
    return code


def remove_cgroups(session: str) -> None:
    """What tests that were cut off have left of the session's own, and the engine's group of all
    containers where no other session has one in it.
    """
    for top in glob.glob("/sys/fs/cgroup/*/"):
        own = [directory for directory, _, _ in os.walk(top + session, topdown=False)]
        for directory in (*own, f"{top}cuddy"):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def fork(work: Callable[[], int], *, unshare: bool = False) -> int:
    """A child that does `work`, exits with its result, and does not outlive its parent."""
    if unshare:
        check(libc.unshare(CLONE_NEWNET | (0 if asks_systemd() else CLONE_NEWPID)))
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            code = work()
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    return pid


def wait_for(child: int) -> int:
    """The exit code of a child; meanwhile reaps what is left to us and hands SIGTERM on.

    The terminal sends Ctrl-C to the command itself, so we ignore it.
    """
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            return os.waitstatus_to_exitcode(status) & 0xFF


def be_init(path: str, command: list[str]) -> int:
    """Pid 1 of the session: make the room, run the command in it."""
    check(libc.unshare(CLONE_NEWNS))
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc")
    if not can_hold_overlays(path):
        mount("tmpfs", path, "tmpfs", 0, "mode=711")
    protect(path)
    name_server(path)
    if ip := shutil.which("ip"):
        subprocess.run([ip, "link", "set", "lo", "up"], check=True)
    environment = os.environ | {VARIABLE: path, "TMPDIR": path}
    return wait_for(fork(lambda: os.execvpe(command[0], command, environment)))


def protect(path: str) -> None:
    """Keep the host as it is: its system is read-only, and of /etc a copy takes the changes."""
    for directory in filter(os.path.isdir, SYSTEM):
        mount(directory, directory, "", MS_BIND | MS_REC)
        mount("none", directory, "", MS_REMOUNT | MS_BIND | MS_RDONLY)
    # A whole copy: an overlay would do, but no mount of one can be idmapped.
    copy = os.path.join(path, "etc")
    subprocess.run(["cp", "-a", "/etc", copy], check=True)
    mount(copy, "/etc", "", MS_BIND)


def name_server(path: str) -> None:
    """Let names be asked of the world of `outside.py`, or fail at once when it is not there."""
    own = os.path.join(path, "resolv.conf")
    with open(own, "w") as file:
        file.write("nameserver 198.51.100.2\noptions timeout:1 attempts:1\n")
    if os.path.exists("/etc/resolv.conf"):
        mount(own, os.path.realpath("/etc/resolv.conf"), "", MS_BIND)


def can_hold_overlays(path: str) -> bool:
    """Whether an overlay's upper directory may lie there: another overlay refuses it."""
    buffer = (ctypes.c_long * 32)()
    check(libc.statfs(path.encode(), buffer))
    return buffer[0] != OVERLAYFS_MAGIC


def mount(source: str, target: str, fstype: str, flags: int = 0, data: str = "") -> None:
    """mount(2), from outside of what is tested."""
    words = (word.encode() for word in (source, target, fstype))
    check(libc.mount(*words, flags, data.encode()))


def check(result: int) -> None:
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
