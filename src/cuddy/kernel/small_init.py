"""A first process of two hundred bytes, for `--init`: it starts the program as its child, passes
signals on to it, and buries whatever is orphaned, which most programs do not do as pid 1.

`ALONE` has no program to start: it only buries, until it is asked to end (SIGTERM), and needs
nothing of the image. The first process of a sandbox is this.

The machine code of two architectures, one line per step; `{fd}` stands for loading the status
descriptor. Like the springboard (springboard.py) it is called with argv[0] = the program's path and
reports a failing execve(2) as eight bytes, -errno.
"""

from __future__ import annotations

import struct

X86_64 = (
    # fcntl(status_fd, F_SETFD, FD_CLOEXEC)
    "4989e4bf{fd}be02000000ba01000000b8480000000f05"
    # rt_sigprocmask(SIG_SETMASK, all, 0, 8)
    "4883ec1048c70424ffffffffbf020000004889e631d241ba08000000b80e0000000f05"
    # fork()
    "b8390000000f0585c07476"
    # parent: close(status_fd)
    "89c5bf{fd}b8030000000f05"
    # signal = rt_sigtimedwait(all, 0, 0, 8)
    "4889e731f631d241ba08000000b8800000000f05"
    # SIGCHLD: reap; an error: wait again
    "83f811741185c078e3"
    # kill(child, signal); wait again
    "89ef89c6b83e0000000f05ebd6"
    # pid = wait4(-1, &status, WNOHANG, 0)
    "bfffffffff488d742408ba010000004531d2b83d0000000f05"
    # none left: wait again; not the child: reap on
    "85c07eb939e875df"
    # code = signal ? 128 + signal : status >> 8
    "8b44240889c783e77f740881c780000000eb030fb6fc"
    # exit_group(code)
    "b8e70000000f05"
    # child: setpgid(0, 0)
    "31ff31f6b86d0000000f05"
    # ioctl(0, TIOCSPGRP, &pid): the terminal is the child's
    "b8270000000f058944240831ffbe10540000488d542408b8100000000f05"
    # rt_sigprocmask(SIG_SETMASK, none, 0, 8)
    "48c7042400000000bf020000004889e631d241ba08000000b80e0000000f05"
    # execve(argv[0], argv + 1, envp)
    "498b0424498b7c2408498d742410498d54c410b83b0000000f05"
    # write(status_fd, &error, 8)
    "50bf{fd}4889e6ba08000000b8010000000f05"
    # read(status_fd, ..., 8): until the other end is closed
    "bf{fd}4889e6ba0800000031c00f05"
    # exit_group(127)
    "bf7f000000b8e70000000f05"
)  # fmt: skip

AARCH64 = (
    # fcntl(status_fd, F_SETFD, FD_CLOEXEC)
    "910003f3 {fd} d2800041 d2800022 d2800328 d4000001 "
    # rt_sigprocmask(SIG_SETMASK, all, 0, 8)
    "d10043ff 92800009 f90003e9 d2800040 910003e1 d2800002 d2800103 d28010e8 d4000001 "
    # fork()
    "d2800220 d2800001 d2800002 d2800003 d2800004 d2801b88 d4000001 b40004a0 "
    # parent: close(status_fd)
    "aa0003f4 {fd} d2800728 d4000001 "
    # signal = rt_sigtimedwait(all, 0, 0, 8)
    "910003e0 d2800001 d2800002 d2800103 d2801128 d4000001 "
    # SIGCHLD: reap; an error: wait again
    "f100441f 540000e0 b7ffff00 "
    # kill(child, signal); wait again
    "aa0003e1 aa1403e0 d2801028 d4000001 17fffff3 "
    # pid = wait4(-1, &status, WNOHANG, 0)
    "92800000 910023e1 d2800022 d2800003 d2802088 d4000001 "
    # none left: wait again; not the child: reap on
    "f100001f 54fffd6d eb14001f 54fffee1 "
    # code = signal ? 128 + signal : status >> 8
    "b9400be9 72001920 54000060 11020000 14000002 53083d20 "
    # exit_group(code)
    "d2800bc8 d4000001 "
    # child: setpgid(0, 0)
    "d2800000 d2800001 d2801348 d4000001 "
    # ioctl(0, TIOCSPGRP, &pid): the terminal is the child's
    "d2801588 d4000001 b9000be0 d2800000 d28a8201 910023e2 d28003a8 d4000001 "
    # rt_sigprocmask(SIG_SETMASK, none, 0, 8)
    "f90003ff d2800040 910003e1 d2800002 d2800103 d28010e8 d4000001 "
    # execve(argv[0], argv + 1, envp)
    "f9400269 f9400660 91004261 8b090c22 d2801ba8 d4000001 "
    # write(status_fd, &error, 8)
    "f81f0fe0 {fd} 910003e1 d2800102 d2800808 d4000001 "
    # read(status_fd, ..., 8): until the other end is closed
    "{fd} 910003e1 d2800102 d28007e8 d4000001 "
    # exit_group(127)
    "d2800fe0 d2800bc8 d4000001 "
)  # fmt: skip


ALONE_X86_64 = (
    # close(status_fd)
    "bf{fd}b8030000000f05"
    # rt_sigprocmask(SIG_SETMASK, all, 0, 8)
    "4883ec1048c70424ffffffffbf020000004889e631d241ba08000000b80e0000000f05"
    # signal = rt_sigtimedwait(all, 0, 0, 8)
    "4889e731f631d241ba08000000b8800000000f05"
    # SIGCHLD: reap; not SIGTERM: wait again
    "83f811741183f80f75e2"
    # exit_group(128 + SIGTERM)
    "bf8f000000b8e70000000f05"
    # pid = wait4(-1, 0, WNOHANG, 0); one was there: reap on; else wait again
    "bfffffffff31f6ba010000004531d2b83d0000000f0585c07fe6ebba"
)  # fmt: skip

ALONE_AARCH64 = (
    # close(status_fd)
    "{fd} d2800728 d4000001 "
    # rt_sigprocmask(SIG_SETMASK, all, 0, 8)
    "d10043ff 92800009 f90003e9 d2800040 910003e1 d2800002 d2800103 d28010e8 d4000001 "
    # signal = rt_sigtimedwait(all, 0, 0, 8)
    "910003e0 d2800001 d2800002 d2800103 d2801128 d4000001 "
    # SIGCHLD: reap; not SIGTERM: wait again
    "f100441f 540000c0 f1003c1f 54fffee1 "
    # exit_group(128 + SIGTERM)
    "d28011e0 d2800bc8 d4000001 "
    # pid = wait4(-1, 0, WNOHANG, 0); one was there: reap on; else wait again
    "92800000 d2800001 d2800022 d2800003 d2802088 d4000001 f100001f 54ffff2c 17ffffeb "
)  # fmt: skip


def code(status_fd: int, machine: str, *, alone: bool = False) -> bytes:
    """The machine code for one status descriptor."""
    if machine == "x86_64":
        text = ALONE_X86_64 if alone else X86_64
        return bytes.fromhex(text.format(fd=struct.pack("<I", status_fd).hex()))
    load = f"{0xD2800000 | status_fd << 5:08x}"  # movz x0, #status_fd
    text = ALONE_AARCH64 if alone else AARCH64
    words = [int(word, 16) for word in text.format(fd=load).split()]
    return struct.pack(f"<{len(words)}I", *words)
