"""The default profile's shut doors, each tried by a program inside; without the profile it opens.

By all three doors of x86_64: a filter that knows but one is open by `int 0x80`, or by x32.
"""

from __future__ import annotations

import errno
import json
import os
import re

import pytest

from console import ENGINE, Cuddy
from cuddy.kernel import syscall_table
from cuddy.kernel.syscall import MACHINE

PYTHON = "/usr/bin/python3"
NEWUSER = 0x10000000
CALLS: dict[str, list[int]] = {
    "add_key": [0, 0, 0, 0, 0],
    "request_key": [0, 0, 0, 0],
    "keyctl": [0, -3 & 0xFFFFFFFF, 0],
    "io_uring_setup": [1, 0],
    "io_uring_enter": [-1 & 0xFFFFFFFF, 0, 0, 0, 0],
    "io_uring_register": [-1 & 0xFFFFFFFF, 0, 0, 0],
    "unshare": [NEWUSER],
    "clone": [NEWUSER | 17, 0, 0, 0, 0],
    "userfaultfd": [1],
    "kcmp": [0, 0, 99, 0, 0],
    "move_pages": [0, 0, 0, 0, 0, 99],
}
"""Calls with arguments that the kernel, if it is asked, takes or refuses for another reason."""

SCRIPT = """
import ctypes, json, mmap, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def native(number, arguments):
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return ctypes.get_errno() if result < 0 else 0, result
def old(number, arguments):
    registers = b'\\xbb\\xb9\\xba\\xbe\\xbf'
    code = b'\\x53\\xb8' + struct.pack('<I', number)
    for register, value in zip(registers, arguments):
        code += bytes([register]) + struct.pack('<I', value)
    memory = mmap.mmap(-1, 4096, prot=7)
    memory.write(code + b'\\xcd\\x80\\x5b\\xc3')
    result = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()
    return max(-result, 0), result
found = {}
for door, numbers in json.loads(sys.argv[1]).items():
    for name, (number, arguments) in numbers.items():
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            parent = os.getpid()
            code, result = (old if door == 'x86' else native)(number, arguments)
            if os.getpid() == parent:
                os.write(write, bytes([code]))
            os._exit(0)
        os.close(write)
        os.waitpid(pid, 0)
        found[door + ' ' + name] = (os.read(read, 1) or b'\\xff')[0]
        os.close(read)
print(json.dumps(found))
"""

pytestmark = [
    pytest.mark.skipif(ENGINE != "cuddy", reason="the image of the host is cuddy's"),
    pytest.mark.skipif(not os.path.exists(PYTHON), reason="no Python of the system's"),
]


def ask(cuddy: Cuddy, *flags: str) -> dict[str, int]:
    """The error number of each call by each door."""
    doors = {MACHINE: 0} | ({"x86": 0, "x32": syscall_table.X32_BIT} if MACHINE == "x86_64" else {})
    asked = {
        door: {name: [syscall_table.load(door)[name] | bit, CALLS[name]] for name in CALLS}
        for door, bit in doors.items()
    }
    words = ["run", "--rm", *flags, "host", PYTHON, "-c", SCRIPT, json.dumps(asked)]
    answers: dict[str, int] = json.loads(cuddy.ok(*words))
    return answers


def test_each_is_shut_by_the_profile_and_by_nothing_else(cuddy: Cuddy) -> None:
    """Both at once: what is refused with it, and not without."""
    shut = ask(cuddy)
    assert shut == dict.fromkeys(shut, errno.EPERM)
    control = ask(cuddy, "--security-opt", "seccomp=unconfined")
    same = {name for name, code in control.items() if code == errno.EPERM}
    # Some hosts refuse these to everybody: kernel.io_uring_disabled, user.max_user_namespaces.
    assert {name for name in same if not re.search("unshare|clone|io_uring", name)} == set()


def test_a_call_that_is_not_to_be_known_is_not_implemented(cuddy: Cuddy) -> None:
    """clone3 hides its flags in memory; a C library that is told ENOSYS takes clone instead."""
    number = syscall_table.load(MACHINE)["clone3"]
    script = (
        "import ctypes; l = ctypes.CDLL(None, use_errno=True); "
        f"l.syscall({number}, 0, 0); print(ctypes.get_errno())"
    )
    assert cuddy.ok("run", "--rm", "host", PYTHON, "-c", script).strip() == str(errno.ENOSYS)


@pytest.mark.parametrize("family", [38, 40], ids=["AF_ALG", "AF_VSOCK"])
def test_families_of_sockets_that_reach_the_host_are_refused(cuddy: Cuddy, family: int) -> None:
    script = f"import socket; socket.socket({family}, socket.SOCK_STREAM)"
    result = cuddy("run", "--rm", "host", PYTHON, "-c", script)
    assert "PermissionError" in result.err
