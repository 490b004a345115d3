"""A program of some hundred bytes that sleeps for a monitor: it waits until something happens, then
executes what it was given as its own command line. Python would take two megabytes for each
container that just runs.

    code | how many descriptors, how many are the container's | name | timespec | descriptors | path

The descriptors are an array for ppoll(2): the container's process (a pidfd), what listens for
clients, the container's streams; then others that may wake it. If nothing can be executed because
somebody has removed Python meanwhile, it does the least: it keeps the streams empty until the
process ends, and writes what waitid(2) says of that to the path. With no descriptors that are the
container's it does not even that, and the container ends with it.
"""

from __future__ import annotations

import os
import struct

from cuddy.kernel import springboard
from cuddy.kernel.syscall import MACHINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = b"cuddy monitor"
POLLIN = 1
FOR_EVER_S = 1 << 40
SIGINFO = struct.Struct("=iii4xiii")
"""The siginfo of a child: its number, errno, code, pid, uid, status (waitid(2))."""
SIGINFO_BYTES = 128
SIGCHLD, CLD_EXITED = 17, 1

X86_64 = (
    # set the name: prctl(PR_SET_NAME, name)
    "4989e4bf0f000000488d3525010000b89d0000000f05"
    # time and descriptors onto the stack: ppoll(2) writes to them
    "448b2d0f010000428d0ced100000004829cc4883e4f0488d5c24104889e7488d3509010000f3a44989f7"
    # ppoll(fds, all, time, NULL); interrupted: again
    "4889df4489ee488d53f04531d2b80f0100000f0585c078e8"
    # execve(argv[0], argv, envp)
    "498b0424498b7c2408498d742408498d54c410b83b0000000f05"
    # it cannot be: the end, unless it is to go on
    "448b2db70000004585ed0f849e000000"
    # no clients; a buffer
    "c74308ffffffff4881ec00100000"
    # ppoll(fds, own, NULL, NULL)
    "4889df4489ee31d24531d2b80f0100000f0585c07eea"
    # from the last to the first: ready?
    "418d6dff4c8d34eb6641837e06007425"
    # the first is the container itself
    "85ed7427"
    # read(fd, buffer, 4096); at its end, no more of it
    "418b3e4889e6ba0010000031c00f054883f8f5740c4885c07f0741c706ffffffffffcd79cbebaf"
    # waitid(P_PIDFD, fd, buffer, WEXITED, 0)
    "bf030000008b334889e241ba040000004531c0b8f70000000f05"
    # open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)
    "4c89ffbe41020000ba80010000b8020000000f05"
    # write(fd, buffer, 128)
    "89c74889e6ba80000000b8010000000f05"
    # exit_group(1)
    "bf01000000b8e70000000f05"
)  # fmt: skip

AARCH64 = (
    # set the name: prctl(PR_SET_NAME, name)
    "910003f3 d28001e0 10000a94 91002281 d28014e8 d4000001 "
    # time and descriptors onto the stack: ppoll(2) writes to them
    "b9400295 d37df2a9 91004129 91003d2a 927ced4a cb2a63ff 910043f6 9100628b 910003ec "
    "f840856d f800858d f1002129 54ffffa1 aa0b03f7 "
    # ppoll(fds, all, time, NULL); interrupted: again
    "aa1603e0 aa1503e1 d10042c2 d2800003 d2800928 d4000001 b7ffff40 "
    # execve(argv[0], argv, envp)
    "f9400269 f9400660 91002261 91004262 8b090c42 d2801ba8 d4000001 "
    # it cannot be: the end, unless it is to go on
    "b9400695 b4000615 "
    # no clients; a buffer
    "12800009 b9000ac9 d14007ff "
    # ppoll(fds, own, NULL, NULL)
    "aa1603e0 aa1503e1 d2800002 d2800003 d2800928 d4000001 f100001f 54ffff2d "
    # from the last to the first: ready?
    "d10006b8 8b180ed9 79400f29 340001a9 "
    # the first is the container itself
    "b40001f8 "
    # read(fd, buffer, 4096); at its end, no more of it
    "b9400320 910003e1 d2820002 d28007e8 d4000001 b1002c1f 540000a0 f100001f 5400006c "
    "12800009 b9000329 f1000718 54fffe05 17ffffe6 "
    # waitid(P_PIDFD, fd, buffer, WEXITED, 0)
    "d2800060 b94002c1 910003e2 d2800083 d2800004 d2800be8 d4000001 "
    # openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600)
    "92800c60 aa1703e1 d2804822 d2803003 d2800708 d4000001 "
    # write(fd, buffer, 128)
    "910003e1 d2801002 d2800808 d4000001 "
    # exit_group(1)
    "d2800020 d2800bc8 d4000001 "
)  # fmt: skip


def code(machine: str) -> bytes:
    """The machine code."""
    if machine == "x86_64":
        return bytes.fromhex(X86_64)
    words = [int(word, 16) for word in AARCH64.split()]
    return struct.pack(f"<{len(words)}I", *words)


def assemble(
    own: Sequence[int], others: Sequence[int], exit_path: str, *,
    timeout_s: float | None = None, goes_on: bool = True, machine: str = MACHINE,
) -> bytes:  # fmt: skip
    """The program. `own`: the process, what listens, the streams; `others` may wake it as well.

    `timeout_s`: when it wakes in any case. `goes_on`: whether the container does that cannot wake
    its monitor.
    """
    all_fds = [*own, *others]
    seconds = FOR_EVER_S if timeout_s is None else timeout_s
    time = struct.pack("<qq", int(seconds), int(seconds % 1 * 1e9))
    polled = b"".join(struct.pack("<ihh", fd, POLLIN, 0) for fd in all_fds)
    head = struct.pack("<ii16s", len(all_fds), len(own) if goes_on else 0, NAME)
    path = os.fsencode(exit_path) + b"\0"
    return springboard.elf(code(machine) + head + time + polled + path, machine)


def exit_code(siginfo: bytes) -> int:
    """The exit code that the bytes in the file tell. Raises ValueError."""
    if len(siginfo) != SIGINFO_BYTES:
        raise ValueError("no siginfo")
    signal, _, kind, pid, _, status = SIGINFO.unpack_from(siginfo)
    if signal != SIGCHLD or pid <= 0:
        raise ValueError("no child's siginfo")
    return int(status if kind == CLD_EXITED else 128 + status)
