"""Seccomp profiles in Docker's format, made to fit one container."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy import files
from cuddy.engine import docker_profile, spec
from cuddy.errors import InvalidArgument
from cuddy.kernel.capabilities import NAMES

ALLOW = "SCMP_ACT_ALLOW"


def names(*entries: dict[str, Any], **how: Any) -> list[str]:
    """Which of the rules are left for a container."""
    whole = [{"action": ALLOW, **entry} for entry in entries]
    section = specialize({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": whole}, **how)
    return [name for entry in section["syscalls"] for name in entry["names"]]


def specialize(
    profile: Any, caps: str = "", kernel: tuple[int, int] = (5, 10), machine: str = "x86_64"
) -> dict[str, Any]:
    capabilities = frozenset(f"CAP_{name}" for name in caps.split())
    return docker_profile.specialize(profile, capabilities, kernel, machine)


def test_a_rule_holds_for_whom_it_includes() -> None:
    entry = {"names": ["mount"], "includes": {"caps": ["CAP_SYS_ADMIN", "CAP_CHOWN"]}}
    assert names(entry, caps="SYS_ADMIN CHOWN") == ["mount"]
    assert names(entry, caps="SYS_ADMIN") == []


def test_a_rule_does_not_hold_for_whom_it_excludes() -> None:
    entry = {"names": ["clone"], "excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["arm64"]}}
    assert names(entry) == ["clone"]
    assert names(entry, caps="SYS_ADMIN") == names(entry, machine="aarch64") == []


def test_architectures_have_dockers_names() -> None:
    entry = {"names": ["modify_ldt"], "includes": {"arches": ["amd64", "x86"]}}
    assert names(entry) == ["modify_ldt"]
    assert names(entry, machine="aarch64") == []


def test_a_rule_may_need_a_kernel_or_an_older_one() -> None:
    newer = {"names": ["ptrace"], "includes": {"minKernel": "4.8"}}
    older = {"names": ["ptrace"], "excludes": {"minKernel": "5.11"}}
    assert names(newer, kernel=(4, 8)) == names(older, kernel=(5, 10)) == ["ptrace"]
    assert names(newer, kernel=(4, 7)) == names(older, kernel=(5, 11)) == []


def test_the_old_form_with_one_name_is_understood() -> None:
    assert names({"name": "read", "args": []}) == ["read"]


def test_other_architectures_come_with_the_machines_own() -> None:
    profile = {
        "defaultAction": ALLOW,
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": None},
        ],
    }
    assert specialize(profile)["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert specialize(profile, machine="aarch64")["architectures"] == ["SCMP_ARCH_AARCH64"]


def test_a_plain_oci_section_stays_as_it_is() -> None:
    section = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 0,
        "architectures": ["SCMP_ARCH_X86_64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [
            {"names": ["read"], "action": ALLOW, "args": [{"index": 0, "op": "SCMP_CMP_EQ"}]},
            {"names": ["write"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0},
        ],
    }
    assert specialize(section) == section


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "a JSON object wanted"),
        ("", "a JSON object wanted"),
        ({"syscalls": [1]}, "not in Docker's format"),
        ({"archMap": [{}]}, "not in Docker's format"),
        ({"archMap": [{"architecture": ""}], "architectures": ["x"]}, "not both"),
        ({"syscalls": [{"name": "a", "names": ["b"]}]}, "either name or names"),
        ({"syscalls": [{"includes": {"minKernel": "new"}}]}, "not a kernel version"),
        ({"syscalls": [{"includes": {"caps": 7}}]}, "not in Docker's format"),
    ],
)
def test_what_is_no_profile_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        specialize(wrong)


def test_a_users_profile_opens_nothing_to_a_container_without_the_capability() -> None:
    """Taken as it is, Docker's own default.json would allow mount to everyone."""
    entry = {"names": ["mount"], "action": ALLOW, "includes": {"caps": ["CAP_SYS_ADMIN"]}}
    choice = files.format_json({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [entry]})
    config = {"Privileged": False, "CapAdd": [], "CapDrop": []}
    host = spec.Host((6, 1), "x86_64", frozenset(NAMES))
    assert spec.seccomp_profile({"seccomp": choice}, config, host)["syscalls"] == []
    config["CapAdd"] = ["SYS_ADMIN"]
    assert spec.seccomp_profile({"seccomp": choice}, config, host)["syscalls"] == [
        {"names": ["mount"], "action": ALLOW}
    ]
