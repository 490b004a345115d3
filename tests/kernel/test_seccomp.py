"""Filters loaded for real, in a child each."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest

from cuddy.engine import default_profile, defaults
from cuddy.kernel import seccomp
from cuddy.kernel.syscall import MACHINE, syscall
from cuddy.runtime import profile

PR_SET_NO_NEW_PRIVS = 38


def section(*rules: dict[str, Any], default: str = "SCMP_ACT_ALLOW", **more: Any) -> dict[str, Any]:
    return {"defaultAction": default, "syscalls": list(rules), **more}


def filtered(entry: dict[str, Any], work: Callable[[], int]) -> int:
    """The wait status of a child that loads the profile and exits with what `work` returns."""
    program, flags = profile.compile(entry), profile.flags(entry)
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            syscall("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            seccomp.load(program, flags)
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def errno_of(work: Callable[[], object]) -> int:
    try:
        work()
    except OSError as error:
        return error.errno or 99
    return 0


def make_directory() -> int:
    return errno_of(lambda: os.mkdir("/proc/self/no-such"))


REFUSE = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EXFULL}


def test_a_refused_call_fails_with_the_error_asked_for() -> None:
    assert filtered(section(), make_directory) == errno.ENOENT
    assert filtered(section(REFUSE), make_directory) == errno.EXFULL


@pytest.mark.parametrize(
    ("action", "ending"),
    [("SCMP_ACT_KILL_PROCESS", signal.SIGSYS), ("SCMP_ACT_TRAP", signal.SIGSYS)],
)
def test_a_deadly_call_ends_the_process(action: str, ending: int) -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": action}
    assert filtered(section(rule), make_directory) == -ending


def test_arguments_decide() -> None:
    args = [{"index": 1, "op": "SCMP_CMP_EQ", "value": int(signal.SIGUSR1)}]
    rule = {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EXFULL, "args": args}

    def kill_softly() -> int:
        assert errno_of(lambda: os.kill(os.getpid(), 0)) == 0
        return errno_of(lambda: os.kill(os.getpid(), signal.SIGUSR1))

    assert filtered(section(rule), kill_softly) == errno.EXFULL


def test_a_filter_stays_over_execve() -> None:
    def run() -> int:
        os.execv("/bin/mkdir", ["mkdir", "/proc/self/no-such"])

    assert filtered(section(REFUSE), run) == 1


def test_each_flag_of_the_runtime_spec_is_taken_by_the_kernel() -> None:
    for name in ("TSYNC", "LOG", "SPEC_ALLOW"):
        entry = section(REFUSE, flags=[f"SECCOMP_FILTER_FLAG_{name}"])
        assert filtered(entry, make_directory) == errno.EXFULL


def test_a_listener_is_asked_about_the_call() -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_NOTIFY"}
    entry = section(rule, listenerPath="/agent")
    program, flags = profile.compile(entry), profile.flags(entry)
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            syscall("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            listener = seccomp.load(program, flags)
            child = os.fork()
            if child == 0:
                os._exit(make_directory())
            answer_with(listener, errno.EXFULL)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == errno.EXFULL


def answer_with(listener: int, number: int) -> None:
    """Take one question and answer it with an error (seccomp_unotify(2))."""
    question, answer = bytearray(80), bytearray(24)
    syscall("ioctl", listener, 0xC0502100, question)
    (identity,) = struct.unpack_from("=Q", question)
    struct.pack_into("=QqiI", answer, 0, identity, 0, -number, 0)
    syscall("ioctl", listener, 0xC0182101, answer)


def test_a_filter_needs_no_new_privs_or_power() -> None:
    program = profile.compile(section(REFUSE))
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.setresuid(65534, 65534, 65534)
            code = errno_of(lambda: seccomp.load(program))
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == errno.EACCES


def test_a_broken_program_is_refused() -> None:
    with pytest.raises(OSError, match="seccomp filter"):
        seccomp.load(b"\xff" * 8)


@pytest.mark.skipif(MACHINE != "x86_64", reason="int 0x80 is x86's door")
def test_a_32_bit_call_is_filtered_by_its_own_number() -> None:
    """Number 39 is mkdir for x86 and getpid for x86_64: a filter must ask which door was used."""
    both = section(REFUSE, architectures=["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"])
    program = profile.compile(both)
    # mov eax, 39; mov ebx, 0; int 0x80; ret
    code = b"\xb8\x27\x00\x00\x00\xbb\x00\x00\x00\x00\xcd\x80\xc3"
    assert run_machine_code(program, code) == errno.EXFULL
    assert run_machine_code(profile.compile(section(REFUSE)), code) == -signal.SIGSYS


def run_machine_code(program: bytes, code: bytes) -> int:
    import ctypes
    import mmap

    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    function = ctypes.CFUNCTYPE(ctypes.c_int)(address)
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            syscall("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            seccomp.load(program)
            status = -function()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_dockers_default_profile_lets_programs_run_and_shuts_the_dangerous_doors() -> None:
    release = os.uname().release.split(".")
    kernel = (int(release[0]), int(release[1]))
    entry = default_profile.build(defaults.CAPABILITIES, kernel, MACHINE)

    def look_around() -> int:
        assert errno_of(lambda: syscall("unshare", 0x10000000)) == errno.EPERM
        assert errno_of(lambda: syscall("mount", "x", "/", "tmpfs", 0, None)) == errno.EPERM
        assert errno_of(lambda: syscall("keyctl", 0, -3, 0)) == errno.EPERM
        assert errno_of(lambda: syscall("clone3", bytearray(64), 64)) == errno.ENOSYS
        assert errno_of(lambda: socket.socket(40, socket.SOCK_STREAM)) == errno.EPERM
        socket.socket(socket.AF_UNIX).close()
        os.execv("/bin/sh", ["sh", "-c", "ls / | cat >/dev/null && exit 42"])

    assert filtered(entry, look_around) == 42
