"""The last step before a container's program: a tiny static program in a sealed memfd.

While a process of cuddy is inside a container, `/proc/PID/exe` is the host's Python interpreter; a
program `#!/proc/self/exe` would make the kernel hand it out (CVE-2019-5736). So Python does not
execute the user's program itself: it executes these two hundred bytes, which execute it. What an
image can reach that way is a sealed copy of nothing of value.

The springboard marks the status descriptor close-on-exec, calls execve(argv[0], argv + 1, envp),
and if that fails writes -errno as eight bytes to the status descriptor, waits until the other end
is closed, and exits with 127. Whoever reads that end learns: end of file, the program runs; eight
bytes, it does not, and its root can be looked at to see why.
"""

from __future__ import annotations

import fcntl
import os
import struct

from cuddy.kernel import small_init
from cuddy.kernel.syscall import MACHINE, address_of, syscall
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

AT_EMPTY_PATH = 0x1000
MFD_CLOEXEC = 1
MFD_ALLOW_SEALING = 2
MFD_EXEC = 0x10
F_ADD_SEALS = 1033
SEALS = 0x1 | 0x2 | 0x4 | 0x8  # F_SEAL_SEAL, SHRINK, GROW, WRITE

LOAD_ADDRESS = 0x400000
HEADERS_BYTES = 64 + 56
EM_X86_64 = 62
EM_AARCH64 = 183


def code_x86_64(status_fd: int) -> bytes:
    """fcntl(fd, F_SETFD, FD_CLOEXEC); execve(...); write(fd, &rax, 8); read(fd, ...);
    exit_group(127).
    """
    fd = struct.pack("<I", status_fd)
    return b"".join(
        (
            b"\xbf" + fd,                           # mov    edi, status_fd
            b"\xbe\x02\0\0\0", b"\xba\x01\0\0\0",   # mov    esi, F_SETFD; mov edx, FD_CLOEXEC
            b"\xb8\x48\0\0\0", b"\x0f\x05",         # mov    eax, SYS_fcntl; syscall
            b"\x48\x8b\x04\x24",                    # mov    rax, [rsp]             argc
            b"\x48\x8b\x7c\x24\x08",                # mov    rdi, [rsp+8]           argv[0]
            b"\x48\x8d\x74\x24\x10",                # lea    rsi, [rsp+16]          argv + 1
            b"\x48\x8d\x54\xc4\x10",                # lea    rdx, [rsp+rax*8+16]    envp
            b"\xb8\x3b\0\0\0", b"\x0f\x05",         # mov    eax, SYS_execve; syscall
            b"\x50", b"\xbf" + fd,                  # push   rax; mov edi, status_fd
            b"\x48\x89\xe6", b"\xba\x08\0\0\0",     # mov    rsi, rsp; mov edx, 8
            b"\xb8\x01\0\0\0", b"\x0f\x05",         # mov    eax, SYS_write; syscall
            b"\xbf" + fd, b"\x48\x89\xe6",         # mov    edi, status_fd; mov rsi, rsp
            b"\xba\x08\0\0\0",                     # mov    edx, 8
            b"\x31\xc0", b"\x0f\x05",               # xor    eax, eax (SYS_read); syscall
            b"\xbf\x7f\0\0\0",                      # mov    edi, 127
            b"\xb8\xe7\0\0\0", b"\x0f\x05",         # mov    eax, SYS_exit_group; syscall
        )
    )  # fmt: skip


def code_aarch64(status_fd: int) -> bytes:
    """The same for 64-bit ARM."""

    def movz(register: int, value: int) -> int:
        return 0xD2800000 | value << 5 | register

    svc = 0xD4000001
    words = (
        movz(0, status_fd), movz(1, 2), movz(2, 1), movz(8, 25), svc,  # fcntl
        0xF94003E9,                                # ldr x9, [sp]              argc
        0xF94007E0,                                # ldr x0, [sp, #8]          argv[0]
        0x910043E1,                                # add x1, sp, #16           argv + 1
        0x8B090C22,                                # add x2, x1, x9, lsl #3    envp
        movz(8, 221), svc,                         # execve
        0xF81F0FE0,                                # str x0, [sp, #-16]!
        movz(0, status_fd), 0x910003E1, movz(2, 8), movz(8, 64), svc,  # write
        movz(0, status_fd), 0x910003E1, movz(2, 8), movz(8, 63), svc,  # read
        movz(0, 127), movz(8, 94), svc,            # exit_group
    )  # fmt: skip
    return struct.pack(f"<{len(words)}I", *words)


def assemble(
    status_fd: int, machine: str = MACHINE, *, as_init: bool = False, alone: bool = False
) -> bytes:
    """The springboard, or with `as_init` the small init, as an ELF program. `alone`: the small
    init that starts nothing.
    """
    if as_init or alone:
        return elf(small_init.code(status_fd, machine, alone=alone), machine)
    return elf(code_x86_64(status_fd) if machine == "x86_64" else code_aarch64(status_fd), machine)


def elf(code: bytes, machine: str) -> bytes:
    """File header, one loadable segment, code (elf(5))."""
    size = HEADERS_BYTES + len(code)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2,  # ET_EXEC
        EM_X86_64 if machine == "x86_64" else EM_AARCH64, 1, LOAD_ADDRESS + HEADERS_BYTES,
        64, 0, 0, 64, 56, 1, 64, 0, 0,
    )  # fmt: skip
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, LOAD_ADDRESS, LOAD_ADDRESS, size, size, 0x1000)
    return header + segment + code


def prepare(status_fd: int, *, as_init: bool = False, alone: bool = False) -> int:
    """The sealed springboard as a descriptor; made while the host's kernel may still be asked."""
    return seal(assemble(status_fd, as_init=as_init, alone=alone))


def seal(program: bytes) -> int:
    """A descriptor of a program that nobody can change. Raises OSError."""
    try:
        fd = syscall("memfd_create", "cuddy", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC)
    except OSError:  # before Linux 6.3 every memfd is executable and the flag unknown
        fd = syscall("memfd_create", "cuddy", MFD_CLOEXEC | MFD_ALLOW_SEALING)
    os.write(fd, program)
    fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    return fd


def strings(values: list[bytes]) -> tuple[bytearray, bytearray]:
    """A NULL-terminated array of C strings: the pointers, and the bytes they point to."""
    text = bytearray(b"".join(value + b"\0" for value in values) or b"\0")
    position = address_of(text)
    pointers = []
    for value in values:
        pointers.append(position)
        position += len(value) + 1
    return bytearray(struct.pack(f"={len(pointers) + 1}Q", *pointers, 0)), text


class Leap(NamedTuple):
    """The last call, all in memory: a filter may be loaded before it that allows no other."""

    path: str
    arguments: tuple[int, ...]
    alive: tuple[bytearray, ...]


def aim(springboard_fd: int, path: str, arguments: list[str], environment: list[str]) -> Leap:
    """Everything for becoming the program at `path`."""
    argv, argv_text = strings([os.fsencode(word) for word in (path, *arguments)])
    envp, envp_text = strings([os.fsencode(word) for word in environment])
    alive = bytearray(1), argv, envp, argv_text, envp_text
    pointers = [address_of(buffer) for buffer in alive[:3]]
    return Leap(path, (springboard_fd, *pointers, AT_EMPTY_PATH), alive)


def leap(aimed: Leap) -> NoReturn:
    """Become the program. Raises OSError only if the springboard itself cannot run."""
    syscall("execveat", *aimed.arguments, about=aimed.path)
    raise AssertionError  # not reached
