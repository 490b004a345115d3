"""Docker's default seccomp profile: what a container may call."""

from __future__ import annotations

import errno
import functools

import pytest

import classic_bpf
import libseccomp
from cuddy.engine import default_profile, defaults
from cuddy.kernel import syscall_table
from cuddy.kernel.capabilities import NAMES
from cuddy.kernel.seccomp import AUDIT_ARCH
from cuddy.runtime import profile

ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
X32_BIT = 1 << 30
DANGEROUS = """
    add_key keyctl request_key userfaultfd io_uring_setup io_uring_enter io_uring_register
    kexec_load pivot_root swapon swapoff mount umount2 unshare setns bpf perf_event_open
    open_by_handle_at reboot init_module finit_module delete_module acct quotactl syslog
    settimeofday clock_settime vhangup move_mount open_tree fsopen kcmp pidfd_getfd
"""
KERNEL = (6, 1)
NO_CAPABILITY: frozenset[str] = frozenset()


@functools.cache
def program(
    capabilities: frozenset[str] = defaults.CAPABILITIES,
    kernel: tuple[int, int] = KERNEL,
    machine: str = "x86_64",
) -> list[classic_bpf.Instruction]:
    section = default_profile.build(capabilities, kernel, machine)
    return classic_bpf.decode(profile.compile(section, machine))


def decide(name: str, *arguments: int, on: str = "x86_64", **how: object) -> int:
    machine = "aarch64" if on in ("aarch64", "arm") else "x86_64"
    number = syscall_table.load(on)[name] | (X32_BIT if on == "x32" else 0)
    code = program(machine=machine, **how)  # type: ignore[arg-type]
    return classic_bpf.run(code, AUDIT_ARCH[on], number, arguments)[0]


@pytest.mark.parametrize("on", AUDIT_ARCH)
def test_ordinary_calls_pass_on_every_architecture(on: str) -> None:
    for name in ("read", "openat", "execve", "exit_group", "mseal", "epoll_pwait2"):
        assert decide(name, on=on) == ALLOW


@pytest.mark.parametrize("on", AUDIT_ARCH)
@pytest.mark.parametrize("name", DANGEROUS.split())
def test_dangerous_calls_are_refused_on_every_architecture(name: str, on: str) -> None:
    assert decide(name, on=on) == EPERM


def test_calls_newer_than_the_profile_do_not_exist() -> None:
    for on in AUDIT_ARCH:
        for name in ("open_tree_attr", "file_setattr", "listns"):
            # x32 has old calls with higher numbers, so that these do not look new.
            assert decide(name, on=on) == (EPERM if on == "x32" else ENOSYS)


def test_a_thread_may_be_cloned_but_no_namespace() -> None:
    pthread = 0x3D0F00
    assert decide("clone", pthread) == ALLOW
    for flag in (17, 25, 26, 27, 28, 29, 30):
        assert decide("clone", pthread | 1 << flag) == EPERM
    assert decide("clone", 1 << 28, capabilities=frozenset({"CAP_SYS_ADMIN"})) == ALLOW


def test_clone3_does_not_exist_so_that_libc_takes_clone() -> None:
    assert decide("clone3") == ENOSYS
    assert decide("clone3", capabilities=frozenset({"CAP_SYS_ADMIN"})) == ALLOW


def test_no_sockets_of_the_hypervisor_or_of_the_kernels_crypto() -> None:
    refused = {38: "AF_ALG", 40: "AF_VSOCK"}
    for family in range(64):
        assert decide("socket", family) == (EPERM if family in refused else ALLOW)


@pytest.mark.parametrize("family", [38, 40])
def test_a_family_cannot_hide_behind_bits_the_kernel_drops(family: int) -> None:
    """The kernel takes an int; a comparison of 64 bits would let this through, as Docker's does."""
    for high in (1 << 32, 1 << 63, 0xFFFFFFFF << 32):
        assert decide("socket", high | family) == EPERM
        assert decide("socket", high | 2) == ALLOW


def test_harmless_personalities_pass() -> None:
    for value in (0, 8, 0x20000, 0x20008, 0xFFFFFFFF):
        assert decide("personality", value) == ALLOW
    for value in (0x40000, 0x400000, 9, 1 << 32):  # ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC
        assert decide("personality", value) == EPERM


@pytest.mark.parametrize(
    ("capability", "name"),
    [
        (capability, name)
        for capability, names in default_profile.BY_CAPABILITY.items()
        for name in names.split()
        if name in syscall_table.load("x86_64")
    ],
)
def test_a_capability_opens_its_calls(capability: str, name: str) -> None:
    assert capability in NAMES
    assert decide(name, capabilities=frozenset({capability})) == ALLOW
    if name not in default_profile.SINCE_4_8:
        assert decide(name, 1 << 28, capabilities=NO_CAPABILITY) in (EPERM, ENOSYS)


def test_tracing_needs_a_kernel_that_filters_what_is_traced() -> None:
    assert decide("ptrace") == ALLOW
    assert decide("ptrace", kernel=(4, 7)) == EPERM


def test_arm_has_calls_of_its_own() -> None:
    for name in default_profile.ARM.split():
        assert decide(name, on="arm") == ALLOW
    assert decide("arch_prctl", on="x86_64") == decide("modify_ldt", on="x86") == ALLOW


def test_every_name_is_known_for_some_architecture() -> None:
    """A name misspelt here would be passed over without a word."""
    known = {name for on in AUDIT_ARCH for name in syscall_table.load(on)}
    known |= {name for m in syscall_table.multiplexers("x86") for name in m.codes}
    for entry in default_profile.default()["syscalls"]:
        assert set(entry["names"]) <= known


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_call_costs_about_ten_instructions(machine: str) -> None:
    code = program(machine=machine)
    assert len(code) < 500
    for on in profile.FAMILIES[machine]:
        mark = X32_BIT if on == "x32" else 0
        steps = [classic_bpf.run(code, AUDIT_ARCH[on], n | mark)[1] for n in range(470)]
        assert max(steps) < 40
        assert sum(steps) / len(steps) < 15


@pytest.mark.skipif(libseccomp.open_library() is None, reason="libseccomp2 is not installed")
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_libseccomp_makes_the_same_of_it(machine: str) -> None:
    """Every call of every architecture, with arguments that make a difference."""
    section = default_profile.build(defaults.CAPABILITIES, KERNEL, machine)
    calls = [*range(600), 983041, 983045, 983046, 0xFFFFFFFF]
    arguments = [[0], [2], [38], [40], [45], [0x20008], [1 << 28], [0x3D0F00], [1 << 32]]
    assert not libseccomp.differences(section, machine, calls, arguments)
