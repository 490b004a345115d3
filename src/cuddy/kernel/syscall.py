"""The one door to the kernel: `syscall(2)` of the C library, called through `_ctypes`.

Every system call that `os` does not offer goes through `syscall(name, ...)` by its man-page name,
so numbers, errno and tracing are handled once. `_ctypes` instead of `ctypes`: the wrapper package
costs four milliseconds that the start of a container does not have.
"""

from __future__ import annotations

import os
from _ctypes import (
    FUNCFLAG_CDECL,
    FUNCFLAG_PYTHONAPI,
    FUNCFLAG_USE_ERRNO,
    CFuncPtr,
    _SimpleCData,
    addressof,
    dlopen,
    dlsym,
    get_errno,
)

from cuddy.errors import SystemFailure

MACHINE = os.uname().machine

# asm/unistd_64.h and asm-generic/unistd.h; only what cuddy calls. From 424 on, all agree.
NUMBERS: dict[str, dict[str, int]] = {
    "x86_64": {
        "capget": 125, "capset": 126, "prctl": 157, "pivot_root": 155, "mount": 165, "umount2": 166,
        "setfsuid": 122, "setfsgid": 123,
        "sethostname": 170, "setdomainname": 171, "unshare": 272, "setns": 308, "seccomp": 317,
        "bpf": 321, "execveat": 322, "keyctl": 250, "personality": 135, "memfd_create": 319,
        "ioctl": 16, "statfs": 137, "fstatfs": 138, "prlimit64": 302, "rt_sigprocmask": 14,
        "rt_sigaction": 13, "inotify_add_watch": 254, "inotify_init1": 294,
        "renameat2": 316, "fcntl": 72, "sendmsg": 46, "sched_setattr": 314,
        "ioprio_set": 251, "set_mempolicy": 238, "sched_setaffinity": 203,
    },
    "aarch64": {
        "capget": 90, "capset": 91, "prctl": 167, "pivot_root": 41, "mount": 40, "umount2": 39,
        "setfsuid": 151, "setfsgid": 152,
        "sethostname": 161, "setdomainname": 162, "unshare": 97, "setns": 268, "seccomp": 277,
        "bpf": 280, "execveat": 281, "keyctl": 219, "personality": 92, "memfd_create": 279,
        "ioctl": 29, "statfs": 43, "fstatfs": 44, "prlimit64": 261, "rt_sigprocmask": 135,
        "rt_sigaction": 134, "inotify_init1": 26, "inotify_add_watch": 27,
        "renameat2": 276, "fcntl": 25, "sendmsg": 211, "sched_setattr": 274,
        "ioprio_set": 30, "set_mempolicy": 237, "sched_setaffinity": 122,
    },
}  # fmt: skip
SAME_EVERYWHERE = {
    "pidfd_send_signal": 424, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431,
    "fsmount": 432, "pidfd_open": 434, "clone3": 435, "close_range": 436, "openat2": 437,
    "pidfd_getfd": 438, "mount_setattr": 442,
}  # fmt: skip


class c_long(_SimpleCData):  # type: ignore[type-arg]  # noqa: N801 - the name ctypes gives it
    _type_ = "l"


class c_char(_SimpleCData):  # type: ignore[type-arg]  # noqa: N801 - the name ctypes gives it
    _type_ = "c"


class _Call(CFuncPtr):
    """A C function taking and returning longs; errno is kept; the GIL is released meanwhile."""

    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = c_long
    _argtypes_ = (c_long,) * 7


class _PythonCall(CFuncPtr):
    """The same with the GIL kept, for the calls around a fork."""

    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI | FUNCFLAG_USE_ERRNO
    _restype_ = c_long
    _argtypes_ = (c_long,) * 7


class PythonHook(CFuncPtr):
    """A void function of CPython's own C interface."""

    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI
    _restype_ = None
    _argtypes_ = ()


# RTLD_NOW: the interpreter and every library it is linked with
_program = dlopen(None, 2)  # type: ignore[arg-type]
_syscall = _Call(dlsym(_program, "syscall"))
_syscall_holding_gil = _PythonCall(dlsym(_program, "syscall"))

if MACHINE not in NUMBERS:
    raise SystemFailure(f"cuddy does not know the system calls of {MACHINE}")
_numbers = NUMBERS[MACHINE] | SAME_EVERYWHERE


def number(name: str) -> int:
    """The number of a call on this machine."""
    return _numbers[name]


def python_hook(name: str) -> PythonHook:
    """A function of CPython's C interface without arguments or result, by its C name."""
    return PythonHook(dlsym(_program, name))


def address_of(buffer: bytearray) -> int:
    """Where a bytearray's bytes are. The caller keeps the bytearray alive and of its size."""
    return addressof((c_char * len(buffer)).from_buffer(buffer))


def syscall(
    name: str,
    *arguments: int | str | bytes | bytearray | None,
    about: str = "",
    keep_gil: bool = False,
) -> int:
    """Make a system call and return its result.

    Strings and bytes are passed as NUL-terminated copies, a bytearray as itself (the kernel may
    write to it), None as a null pointer. Raises OSError with the call's name; `about` names the
    object it was about.
    """
    longs = [0] * 6
    alive = []  # what the kernel will read must outlive the call
    for position, argument in enumerate(arguments):
        if isinstance(argument, int):
            # Unsigned 64-bit flags are the same bits as a negative long.
            longs[position] = argument - (1 << 64) if argument >> 63 == 1 else argument
            continue
        if argument is None:
            continue
        if isinstance(argument, bytearray):
            buffer = argument
        else:
            buffer = bytearray(os.fsencode(argument) + b"\0")
        pointer = (c_char * len(buffer)).from_buffer(buffer)
        alive.append(pointer)
        longs[position] = addressof(pointer)
    call = _syscall_holding_gil if keep_gil else _syscall
    result: int = call(_numbers[name], *longs)
    if tracer is not None:
        tracer(name, arguments, result, get_errno() if result == -1 else 0)
    if result == -1:
        code = get_errno()
        raise OSError(code, os.strerror(code), f"{name} {about}" if about else name)
    return result


class Trace:
    """Prints calls as strace(1) would, on a descriptor that monitors and inits keep as well."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __call__(self, name: str, arguments: tuple[object, ...], result: int, code: int) -> None:
        shown = ", ".join(
            f"{{{len(a)} bytes}}" if isinstance(a, bytearray)
            else hex(a) if isinstance(a, int) and a > 9
            else "NULL" if a is None
            else repr(os.fsdecode(a) if isinstance(a, bytes) else a)
            for a in arguments
        )  # fmt: skip
        error = f" ({os.strerror(code)})" if code else ""
        line = f"[{os.getpid()}] {name}({shown}) = {result}{error}\n"
        try:
            os.write(self.fd, line.encode("utf-8", "surrogateescape"))
        except OSError:  # whoever listened is gone
            pass


tracer: Trace | None = None
"""Called after every system call of this module: `main` sets it when CUDDY_TRACE=1."""
