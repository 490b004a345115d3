"""Processes: clone3(2), descriptors of processes, waitid(2), prctl(2), close_range(2).

`clone` is what a container is made with: one call, and the child is alone in new namespaces. It is
`os.fork` with more flags: CPython's own fork hooks are called around the raw system call, with the
GIL held throughout, so that the child is a healthy interpreter.
"""

from __future__ import annotations

import _signal
import errno
import os
import struct

from cuddy.files import start_time
from cuddy.kernel.syscall import address_of, python_hook, syscall
from cuddy.shapes import NamedTuple

CLONE_PIDFD = 0x1000
CLONE_PARENT = 0x8000
CLONE_INTO_CGROUP = 0x200000000

# prctl(2)
PR_SET_PDEATHSIG = 1
PR_GET_PDEATHSIG = 2
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

CLOSE_RANGE_CLOEXEC = 4
ALL_CPUS = b"\xff" * 1024
RESERVED_SIGNALS = (32, 33)
KERNEL_SIGACTION_BYTES = 32  # all zero: SIG_DFL, no flags, an empty mask
KEYCTL_JOIN_SESSION_KEYRING = 1
MAX_POLL_MS = (1 << 31) - 1


class Child(NamedTuple):
    """A process just cloned, as its parent sees it; pid 0: this is the child itself."""

    pid: int
    pidfd: int


def clone(flags: int, *, cgroup_fd: int = -1) -> Child:
    """clone3(2) with a pidfd. Returns in both processes; in the child the pid is 0.

    `flags`: CLONE_NEW* of namespaces(7), CLONE_PARENT for a child of our parent's. `cgroup_fd`:
    directory of a cgroup of version 2 to be born in. Raises OSError.
    """
    pidfd = bytearray(4)
    into = CLONE_INTO_CGROUP if cgroup_fd >= 0 else 0
    end_signal = 0 if flags & CLONE_PARENT else _signal.SIGCHLD  # our own end's signal is used
    arguments = bytearray(
        struct.pack(
            "=11Q", flags | CLONE_PIDFD | into, address_of(pidfd), 0, 0, end_signal,
            0, 0, 0, 0, 0, max(cgroup_fd, 0),
        )
    )  # fmt: skip
    python_hook("PyOS_BeforeFork")()
    try:
        pid = syscall("clone3", arguments, len(arguments), keep_gil=True)
    except OSError:
        python_hook("PyOS_AfterFork_Parent")()
        raise
    python_hook("PyOS_AfterFork_Parent" if pid else "PyOS_AfterFork_Child")()
    return Child(pid, struct.unpack("=i", pidfd)[0] if pid else -1)


def death_signal() -> int:
    """The signal that our parent's end sends us; 0 for none."""
    answer = bytearray(4)
    syscall("prctl", PR_GET_PDEATHSIG, answer, 0, 0, 0)
    signal: int = struct.unpack("i", answer)[0]
    return signal


def prctl(option: int, argument: int | bytes = 0) -> int:
    """prctl(2) with one argument."""
    return syscall("prctl", option, argument, 0, 0, 0, about=str(option))


def use_cpus(cpus: list[int] | None) -> None:
    """Run on these, or on every one of our cpuset whatever we inherited (sched_setaffinity(2))."""
    if cpus is None:
        syscall("sched_setaffinity", 0, len(ALL_CPUS), ALL_CPUS)
    else:
        os.sched_setaffinity(0, cpus)


def close_on_exec_from(first: int) -> None:
    """Mark every descriptor from `first` on close-on-exec (close_range(2))."""
    syscall("close_range", first, 0xFFFFFFFF, CLOSE_RANGE_CLOEXEC)


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    syscall("close_range", first, 0xFFFFFFFF, 0)


def pidfd_open(pid: int) -> int:
    """A descriptor of a process; it becomes readable when the process ends."""
    return syscall("pidfd_open", pid, 0, about=str(pid))


def pidfd_send_signal(pidfd: int, signal: int) -> None:
    """Send a signal to exactly the process the descriptor means."""
    syscall("pidfd_send_signal", pidfd, signal, 0, 0)


def poll_ms(timeout_s: float | None) -> float | None:
    """A time to wait as poll(2) takes it, who counts in an int: 24 days at most.

    None is for ever, and what has passed is no time.
    """
    return None if timeout_s is None else min(max(timeout_s, 0) * 1000, MAX_POLL_MS)


def open_exact(pid: int, began: int) -> int:
    """A pidfd of the process with that pid and start time; -1 if it is gone."""
    try:
        pidfd = pidfd_open(pid)
    except OSError:
        return -1
    # Checked after opening: had the pid been reused before, its start time would differ now.
    if start_time(pid) == began:
        return pidfd
    os.close(pidfd)
    return -1


def reset_signals() -> None:
    """Signal dispositions and mask as a fresh program expects them.

    CPython ignores SIGPIPE and SIGXFSZ, the caller may ignore or block others, and both survive
    execve(2): nohup(1) would make every container immune to SIGHUP.
    """
    for number in range(1, _signal.NSIG):
        if number in RESERVED_SIGNALS:
            # The C library keeps them for its threads and refuses; the kernel does not.
            syscall("rt_sigaction", number, bytes(KERNEL_SIGACTION_BYTES), None, 8)
        elif number not in (_signal.SIGKILL, _signal.SIGSTOP):
            _signal.signal(number, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def join_session_keyring(name: str) -> None:
    """Leave the caller's session keyring for one of that name, made if missing (keyctl(2)).

    A kernel without keyrings, or a full quota, is no reason to fail.
    """
    try:
        syscall("keyctl", KEYCTL_JOIN_SESSION_KEYRING, name)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EDQUOT, errno.EOPNOTSUPP):
            raise


def set_name(name: str) -> None:
    """The name of this process: at most 15 bytes (comm: proc(5))."""
    # PR_SET_NAME does the same; ctypes would make a type for each length, in 400 KiB of memory.
    fd = os.open("/proc/self/comm", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, name.encode()[:15])
    finally:
        os.close(fd)


def set_title(title: str) -> None:
    """What ps(1) shows for this process: its name and, over the old arguments, its command line."""
    set_name(title)
    with open("/proc/self/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start, arg_end: proc(5), 48 and 49
    memory = os.open("/proc/self/mem", os.O_WRONLY | os.O_CLOEXEC)
    try:
        room = end - start
        os.pwrite(memory, title.encode()[: room - 1].ljust(room, b"\0"), start)
    except OSError:
        pass  # cosmetic: a kernel may forbid it
    finally:
        os.close(memory)


class WorkingDirectory:
    """Inside the `with` block the working directory is another. Raises OSError.

    A process cloned there with CLONE_NEWNS stands in the same directory of its own mount namespace,
    whatever the directories above would let it pass: nothing is looked up (clone(2)).
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._own_fd = -1

    def __enter__(self) -> None:
        try:
            self._own_fd = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            pass  # we stand where we may not look: there is no way back but to the root
        try:
            os.chdir(self._path)
        except OSError:
            self._close()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            if self._own_fd >= 0:
                os.fchdir(self._own_fd)
            else:
                os.chdir("/")
        finally:
            self._close()

    def _close(self) -> None:
        if self._own_fd >= 0:
            os.close(self._own_fd)
            self._own_fd = -1


def exit_code(status: int) -> int:
    """The shell's number for a wait status: the exit code, or 128 + the signal."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
