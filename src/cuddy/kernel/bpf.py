"""The device filter of control groups version 2: rules become a BPF program on the group. bpf(2)

Version 1 has a controller whose files take the rules as text; version 2 asks a program of type
BPF_PROG_TYPE_CGROUP_DEVICE at each open and mknod. It answers 1 to allow; with several programs on
the way to the root, all must. Documentation/bpf/prog_cgroup_*.rst, uapi/linux/bpf.h.
"""

from __future__ import annotations

import os
import struct

from cuddy.kernel.syscall import address_of, syscall
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BPF_PROG_LOAD = 5
BPF_PROG_ATTACH = 8
BPF_PROG_DETACH = 9
BPF_PROG_GET_FD_BY_ID = 13
BPF_PROG_QUERY = 16
BPF_PROG_TYPE_CGROUP_DEVICE = 15
BPF_CGROUP_DEVICE = 6
BPF_F_ALLOW_MULTI = 2
BPF_F_REPLACE = 4

# BPF_DEVCG_*: struct bpf_cgroup_dev_ctx {u32 access_type /* access << 16 | type */, major, minor}
TYPES = {"b": 1, "c": 2}
ACCESS = {"m": 1, "r": 2, "w": 4}
ANY = -1

# code of struct bpf_insn {u8 code, u8 source << 4 | destination, s16 offset, s32 immediate}
LOAD_WORD, AND, SHIFT_RIGHT, MOVE, EXIT = 0x61, 0x54, 0x74, 0xB7, 0x95
JUMP, JUMP_IF_SET, JUMP_IF_NOT = 0x05, 0x45, 0x55
RESULT, CONTEXT, TYPE, WANTED, MAJOR, MINOR = 0, 1, 2, 3, 4, 5  # registers


class DeviceRule(NamedTuple):
    """Whether devices may be used. Type "a" is every device; a number may be ANY."""

    allow: bool
    type: str = "a"
    major: int = ANY
    minor: int = ANY
    access: str = "rwm"

    def __str__(self) -> str:
        major, minor = ("*" if number == ANY else number for number in (self.major, self.minor))
        return f"{self.type} {major}:{minor} {self.access}"


def parse_rule(verb: str, text: str) -> DeviceRule:
    """A rule from what version 1 takes: "a" or "c 1:* rwm", written to devices.allow or .deny."""
    kind, _, rest = text.partition(" ")
    numbers, _, access = rest.partition(" ")
    major, _, minor = numbers.partition(":")
    return DeviceRule(
        verb == "allow",
        kind,
        int(major) if major.isdecimal() else ANY,
        int(minor) if minor.isdecimal() else ANY,
        access or "rwm",
    )


def compile_rules(rules: Sequence[DeviceRule]) -> bytes:
    """The program for rules of which the last that fits decides; what none fits is refused.

    An allowing rule fits when it gives all access that is wanted, a denying one when it takes any.
    """
    program = [
        _instruction(LOAD_WORD, TYPE, CONTEXT, 0),
        _instruction(MOVE | 8, WANTED, TYPE),
        _instruction(AND, TYPE, immediate=0xFFFF),
        _instruction(SHIFT_RIGHT, WANTED, immediate=16),
        _instruction(LOAD_WORD, MAJOR, CONTEXT, 4),
        _instruction(LOAD_WORD, MINOR, CONTEXT, 8),
    ]
    for rule in reversed(rules):
        tests = _tests(rule)
        program += tests + _answer(rule.allow)
        if not tests:  # it fits all, and the verifier takes no code that cannot be reached
            return b"".join(program)
    return b"".join(program + _answer(False))


def _tests(rule: DeviceRule) -> list[bytes]:
    """Instructions that jump over the rest of them and the answer when the rule does not fit."""
    tests = []
    wanted = sum(ACCESS[letter] for letter in set(rule.access))
    if rule.type != "a":
        tests.append((JUMP_IF_NOT, TYPE, TYPES[rule.type]))
        if rule.major != ANY:
            tests.append((JUMP_IF_NOT, MAJOR, rule.major))
        if rule.minor != ANY:
            tests.append((JUMP_IF_NOT, MINOR, rule.minor))
    if wanted != sum(ACCESS.values()):
        if rule.allow:
            tests.append((JUMP_IF_SET, WANTED, ~wanted & sum(ACCESS.values())))
        else:
            tests += [(JUMP_IF_SET, WANTED, wanted), (JUMP, 0, 0)]
    length = len(tests) + len(_answer(rule.allow))
    code = []
    for position, (operation, register, value) in enumerate(tests):
        offset = length - position - 1
        if (operation, rule.allow) == (JUMP_IF_SET, False):
            offset = 1  # it does fit: over the jump to the next rule
        code.append(_instruction(operation, register, offset=offset, immediate=value))
    return code


def _answer(allow: bool) -> list[bytes]:
    return [_instruction(MOVE, RESULT, immediate=int(allow)), _instruction(EXIT)]


def _instruction(
    code: int, destination: int = 0, source: int = 0, offset: int = 0, immediate: int = 0
) -> bytes:
    return struct.pack("=BBhi", code, source << 4 | destination, offset, immediate)


def limit_devices(cgroup_fd: int, rules: Sequence[DeviceRule]) -> None:
    """Make these rules the only ones of a group itself; those above it go on holding as well.

    Raises OSError. The new program works before the old ones are gone.
    """
    old_fds = [_open_program(number) for number in attached(cgroup_fd)]
    try:
        program_fd = load(compile_rules(rules))
        try:
            if len(old_fds) == 1:
                attach(cgroup_fd, program_fd, BPF_F_ALLOW_MULTI | BPF_F_REPLACE, old_fds[0])
            else:
                attach(cgroup_fd, program_fd, BPF_F_ALLOW_MULTI)
                for old_fd in old_fds:
                    detach(cgroup_fd, old_fd)
        finally:
            os.close(program_fd)
    finally:
        for old_fd in old_fds:
            os.close(old_fd)


def load(program: bytes) -> int:
    """A descriptor of a program the kernel has verified. Raises OSError."""
    code, license_text = bytearray(program), bytearray(b"Apache-2.0\0")
    addresses = address_of(code), address_of(license_text)
    kind = BPF_PROG_TYPE_CGROUP_DEVICE
    return _bpf(
        BPF_PROG_LOAD, struct.pack("=IIQQIIQII", kind, len(code) // 8, *addresses, 0, 0, 0, 0, 0)
    )


def attach(cgroup_fd: int, program_fd: int, flags: int, replaced_fd: int = 0) -> None:
    """Put a program on a group. Raises OSError."""
    fields = (cgroup_fd, program_fd, BPF_CGROUP_DEVICE, flags, replaced_fd)
    _bpf(BPF_PROG_ATTACH, struct.pack("=IIIII", *fields))


def detach(cgroup_fd: int, program_fd: int) -> None:
    """Take a program off a group. Raises OSError."""
    _bpf(BPF_PROG_DETACH, struct.pack("=IIII", cgroup_fd, program_fd, BPF_CGROUP_DEVICE, 0))


def attached(cgroup_fd: int) -> list[int]:
    """The ids of the device programs on a group itself."""
    ids = bytearray(4 * 64)
    query = struct.pack("=IIIIQII", cgroup_fd, BPF_CGROUP_DEVICE, 0, 0, address_of(ids), 64, 0)
    attributes = bytearray(query)
    syscall("bpf", BPF_PROG_QUERY, attributes, len(attributes), about="BPF_PROG_QUERY")
    (count,) = struct.unpack_from("=I", attributes, 24)
    return list(struct.unpack_from(f"={count}I", ids))


def _open_program(number: int) -> int:
    return _bpf(BPF_PROG_GET_FD_BY_ID, struct.pack("=III", number, 0, 0))


def _bpf(command: int, fields: bytes) -> int:
    attributes = bytearray(fields)
    return syscall("bpf", command, attributes, len(attributes), about=f"command {command}")
