"""What the caller has and the container must not get: its keys, its terminal, its ambient power."""

from __future__ import annotations

import ctypes
import errno
import os
import pty
from collections.abc import Callable
from pathlib import Path

import pytest

from bundles import OTHER, Bundle, Runtime
from cuddy.kernel import capabilities, springboard, syscall_table
from cuddy.kernel.syscall import MACHINE

LIBC = ctypes.CDLL(None, use_errno=True)
SESSION_KEYRING = -3
POSSESSOR_ONLY = 0x3F000000
SECRET = b"cuddy-tests-secret"
JOIN, SETPERM = 1, 5


def call(name: str, *arguments: int | bytes | None) -> int:
    number = syscall_table.load(MACHINE)[name]
    result: int = LIBC.syscall(ctypes.c_long(number), *map(as_argument, arguments))
    assert result >= 0, f"{name}: {os.strerror(ctypes.get_errno())}"
    return result


def as_argument(value: int | bytes | None) -> ctypes.c_long | bytes | None:
    return ctypes.c_long(value) if isinstance(value, int) else value


def hold_a_key() -> None:
    """A key that only who has our session keyring can see."""
    call("keyctl", JOIN, b"cuddy-tests")
    key = call("add_key", b"user", SECRET, b"x", 1, SESSION_KEYRING)
    call("keyctl", SETPERM, key, POSSESSOR_ONLY)


def raise_ambient() -> None:
    own = capabilities.own()
    capabilities.set_sets(permitted=own, effective=own, inheritable=own)
    capabilities.set_ambient(["CAP_NET_RAW"])


@pytest.mark.parametrize(("flags", "seen"), [([], False), (["--no-new-keyring"], True)])
def test_the_callers_keys_are_its_own(
    runtime: Runtime, bundle: Bundle, flags: list[str], seen: bool
) -> None:
    """With the caller's own keyring, which it may ask for, they are seen: the test can fail."""
    bundle.runs("cat", "/proc/keys").linux["maskedPaths"] = []
    bundle.write()
    runtime.made("box")
    result = runtime("run", "-b", bundle.path, *flags, "box", preexec_fn=hold_a_key)
    assert (SECRET in result.stdout) is seen, result.err


def test_nor_are_they_those_of_an_exec(runtime: Runtime, bundle: Bundle) -> None:
    """And it is in a session of its own, where nobody's terminal is."""
    bundle.linux["maskedPaths"] = []
    runtime.started(bundle.runs("sleep", "1000"))
    words = ["exec", "box", "sh", "-c", "cat /proc/keys /proc/self/stat; echo $$"]
    result = runtime(*words, preexec_fn=hold_a_key)
    assert result.code == 0, result.err
    assert SECRET not in result.stdout
    *_, stat, own_pid = result.out.splitlines()
    assert stat.split()[5] == own_pid


def test_the_callers_ambient_capabilities_are_its_own(runtime: Runtime, bundle: Bundle) -> None:
    bundle.runs("grep", "-E", "CapInh|CapAmb", "/proc/self/status")
    result = runtime.run(bundle, preexec_fn=raise_ambient)
    assert [int(line.split()[1], 16) for line in result.out.splitlines()] == [0, 0], result.err


# ioctl(0, TIOCSTI, "x"), and how that went as the exit code
TYPE_A_LETTER = bytes.fromhex(
    "31ff be12540000 488d1511000000 b810000000 0f05 f7d8 89c7 b8e7000000 0f05 78"
)


@pytest.mark.skipif(MACHINE != "x86_64", reason="machine code of x86_64")
@pytest.mark.skipif(bool(OTHER), reason="a question to cuddy")
def test_nobody_inside_can_type_for_the_caller(
    runtime: Runtime, bundle: Bundle, tmp_path: Path
) -> None:
    """TIOCSTI (CVE-2016-2568, CVE-2017-5226): the container is in a session of its own."""
    program = bundle.rootfs / "typist"
    program.write_bytes(springboard.elf(TYPE_A_LETTER, MACHINE))
    program.chmod(0o755)
    if run_at_terminal([str(program)]) != 0:
        pytest.skip("this kernel lets nobody type: dev.tty.legacy_tiocsti")
    bundle.runs("/typist").write()
    runtime.made("box")
    words = [*runtime.program, "run", "-b", str(bundle.path), "box"]
    assert run_at_terminal(words) == errno.EPERM


def run_at_terminal(words: list[str], before: Callable[[], None] = lambda: None) -> int:
    """The exit code of a command whose controlling terminal is a pty of ours."""
    pid, master = pty.fork()
    if pid == 0:
        try:
            before()
            os.execv(words[0], words)
        finally:
            os._exit(99)
    try:
        while os.read(master, 4096):
            pass
    except OSError:  # nobody has it open any more
        pass
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
