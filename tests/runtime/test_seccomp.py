"""Profiles around a container's program: what they hold back, and what they need not allow."""

from __future__ import annotations

import errno

import pytest

from bundles import Bundle, Runtime
from profiles import both, confine, rule

NEEDED = """
execve brk arch_prctl set_tid_address set_robust_list rseq prlimit64 readlink readlinkat getrandom
mprotect prctl getuid exit_group write fstat newfstatat ioctl
"""
"""What busybox itself calls to say a word, and nothing that a runtime does."""
OURS = """
getcwd chdir fchdir setgroups setgid setuid setresuid setresgid capset capget prctl close umask
openat openat2 execveat fcntl sendmsg recvmsg poll read close_range
"""


@both
@pytest.mark.parametrize("default", ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"])
def test_a_profile_need_only_allow_what_the_program_does(
    runtime: Runtime, bundle: Bundle, default: str, no_new_privileges: bool
) -> None:
    confine(bundle, default, rule(NEEDED)).runs("echo", "out")
    bundle.process["noNewPrivileges"] = no_new_privileges
    result = runtime.run(bundle)
    assert (result.code, result.out) == (0, "out"), result.err


@both
def test_what_a_runtime_calls_may_be_forbidden(
    runtime: Runtime, bundle: Bundle, no_new_privileges: bool
) -> None:
    confine(bundle, "SCMP_ACT_ALLOW", rule(OURS, "SCMP_ACT_ERRNO")).runs("echo", "out")
    bundle.config["process"] |= {"noNewPrivileges": no_new_privileges, "user": {"uid": 7, "gid": 7}}
    assert runtime.run(bundle).out == "out"


@both
def test_a_profile_without_execve_lets_nothing_run(
    runtime: Runtime, bundle: Bundle, no_new_privileges: bool
) -> None:
    confine(bundle, "SCMP_ACT_ALLOW", rule("execve", "SCMP_ACT_ERRNO")).runs("echo", "out")
    bundle.process["noNewPrivileges"] = no_new_privileges
    result = runtime.run(bundle)
    assert result.code != 0
    assert "operation not permitted" in result.err


@both
def test_the_power_that_loads_a_filter_is_gone_afterwards(
    runtime: Runtime, bundle: Bundle, no_new_privileges: bool
) -> None:
    """A control: with CAP_SYS_ADMIN the same mount(2) works."""
    confine(bundle, "SCMP_ACT_ALLOW", rule("mkdir mkdirat", "SCMP_ACT_ERRNO"))
    bundle.process["noNewPrivileges"] = no_new_privileges
    bundle.script("grep Cap /proc/self/status; mount -t tmpfs x /tmp && echo mounted")
    sets = dict(line.split() for line in runtime.run(bundle).out.splitlines())
    assert {name: int(mask, 16) >> 21 & 1 for name, mask in sets.items()} == dict.fromkeys(
        ("CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"), 0
    )
    for name in ("bounding", "permitted", "effective"):
        bundle.process["capabilities"][name] = ["CAP_SYS_ADMIN"]
    assert "mounted" in runtime.run(bundle, "other").out


@both
def test_a_filtered_user_keeps_only_its_ambient_capabilities(
    runtime: Runtime, bundle: Bundle, no_new_privileges: bool
) -> None:
    confine(bundle, "SCMP_ACT_ALLOW", rule("mkdir", "SCMP_ACT_ERRNO"))
    sets = ("bounding", "permitted", "effective", "inheritable", "ambient")
    bundle.config["process"] |= {
        "noNewPrivileges": no_new_privileges, "user": {"uid": 7, "gid": 7},
        "capabilities": dict.fromkeys(sets, ["CAP_NET_BIND_SERVICE"]),
    }  # fmt: skip
    bundle.runs("grep", "Cap", "/proc/self/status")
    for line in runtime.run(bundle).out.splitlines():
        assert int(line.split()[1], 16) == 1 << 10, line


def test_exec_is_filtered_by_the_containers_profile(runtime: Runtime, bundle: Bundle) -> None:
    refused = rule("mkdir mkdirat", "SCMP_ACT_ERRNO", errnoRet=errno.EXFULL)
    runtime.started(confine(bundle, "SCMP_ACT_ALLOW", refused).runs("sleep", "60"))
    result = runtime("exec", "box", "/bin/mkdir", "/new")
    assert result.code == 1
    assert "Exchange full" in result.err


def test_the_door_of_the_start_is_shut_afterwards(runtime: Runtime, bundle: Bundle) -> None:
    """What the start takes is not allowed to the program: here marking a descriptor."""
    confine(bundle, "SCMP_ACT_ALLOW", rule("fcntl", "SCMP_ACT_ERRNO", errnoRet=errno.EXFULL))
    result = runtime.run(bundle.script("exec 5</etc/passwd 2>&1; echo $?"))
    assert "Exchange full" in result.out or result.code != 0


def test_debug_says_the_flags_of_the_filter(runtime: Runtime, bundle: Bundle) -> None:
    confine(bundle, "SCMP_ACT_ALLOW", flags=["SECCOMP_FILTER_FLAG_LOG"]).runs("true")
    runtime.program.append("--debug")
    assert '"seccomp filter flags: 2"' in runtime.run(bundle).err
