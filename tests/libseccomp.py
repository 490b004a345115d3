"""Debian's libseccomp as an oracle: an OCI profile through it, as runc would take it there."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import classic_bpf
from cuddy.kernel import syscall_table
from cuddy.kernel.seccomp import AUDIT_ARCH
from cuddy.runtime import profile

ARCHITECTURES = {
    "x86_64": 0xC000003E, "x86": 0x40000003, "x32": 0x4000003E,
    "aarch64": 0xC00000B7, "arm": 0x40000028,
}  # fmt: skip
OPERATORS = {"NE": 1, "LT": 2, "LE": 3, "EQ": 4, "GE": 5, "GT": 6, "MASKED_EQ": 7}
SCMP_FLTATR_CTL_OPTIMIZE = 8
UNKNOWN = -1
ENOSYS = 0x50026


class Comparison(ctypes.Structure):
    _fields_ = [
        ("argument", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("a", ctypes.c_uint64),
        ("b", ctypes.c_uint64),
    ]


def open_library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_release.argtypes = [ctypes.c_void_p]
    library.seccomp_arch_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.seccomp_arch_remove.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
    library.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Comparison),
    ]  # fmt: skip
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_syscall_resolve_name_arch.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    return library


def number(library: ctypes.CDLL, architecture: str, name: str) -> int:
    """A call's number there; negative for none."""
    token = ARCHITECTURES[architecture]
    return int(library.seccomp_syscall_resolve_name_arch(token, name.encode()))


def compile(library: ctypes.CDLL, section: Mapping[str, Any], machine: str) -> bytes:
    """The program libseccomp makes of a profile."""
    default = profile.parse_action(section, "defaultAction", "defaultErrnoRet")
    context = library.seccomp_init(default)
    try:
        for name in profile.architectures(section, machine):
            library.seccomp_arch_add(context, ARCHITECTURES[name])
        if os.uname().machine != machine:
            library.seccomp_arch_remove(context, ARCHITECTURES[os.uname().machine])
        if len(section["syscalls"]) > 32:
            library.seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        for entry in section["syscalls"]:
            action = profile.parse_action(entry, "action", "errnoRet")
            if action != default:
                add(library, context, entry, action)
        with os.fdopen(os.memfd_create("filter"), "w+b") as file:
            assert library.seccomp_export_bpf(context, file.fileno()) == 0
            file.seek(0)
            return file.read()
    finally:
        library.seccomp_release(context)


def add(library: ctypes.CDLL, context: int, entry: Mapping[str, Any], action: int) -> None:
    arguments = [
        Comparison(
            argument["index"],
            OPERATORS[argument["op"].removeprefix("SCMP_CMP_")],
            argument["value"],
            argument.get("valueTwo", 0),
        )
        for argument in entry.get("args", ())
    ]
    indexes = [argument.argument for argument in arguments]
    twice = len(set(indexes)) < len(indexes)
    for name in entry["names"]:
        native = library.seccomp_syscall_resolve_name(name.encode())
        if native == UNKNOWN:
            continue
        for group in [[one] for one in arguments] if twice else [arguments]:
            array = (Comparison * len(group))(*group)
            library.seccomp_rule_add_array(context, action, native, len(group), array)


def differences(
    entry: dict[str, Any], machine: str, calls: Iterable[int], arguments: Sequence[Sequence[int]]
) -> list[str]:
    """Calls of which libseccomp thinks otherwise, apart from ENOSYS, which is runc's addition."""
    library = open_library()
    assert library is not None
    found = []
    ours = classic_bpf.decode(profile.compile(entry, machine))
    theirs = classic_bpf.decode(compile(library, entry, machine))
    for name in profile.architectures(entry, machine):
        mark = syscall_table.X32_BIT if name == "x32" else 0
        table = syscall_table.load(name)
        unknown = {n for call, n in table.items() if number(library, name, call) < 0}
        for call_number in set(calls) - unknown:
            for values in arguments:
                call = (AUDIT_ARCH[name], call_number & 0xFFFFFFFF | mark, values)
                answers = classic_bpf.run(ours, *call)[0], classic_bpf.run(theirs, *call)[0]
                if answers[0] not in (answers[1], ENOSYS):
                    found.append(f"{name} {call_number} {values}: {answers[0]:#x}, {answers[1]:#x}")
    for architecture in (AUDIT_ARCH["x86"], AUDIT_ARCH["arm"], 0xC0000015, 0, 0xFFFFFFFF):
        answers = tuple(classic_bpf.run(code, architecture, 1)[0] for code in (ours, theirs))
        if answers[0] not in (answers[1], ENOSYS):
            found.append(f"architecture {architecture:#x}: {answers}")
    return found
