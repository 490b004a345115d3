"""seccomp(2): a filter program that the kernel runs before each system call of a process.

The program is classic BPF (Documentation/networking/filter.rst) on `struct seccomp_data`: number,
architecture, instruction pointer, six arguments. `Assembler` writes it from the last instruction to
the first, so that the distance of each jump is known when it is written.
"""

from __future__ import annotations

import struct

from cuddy.kernel.syscall import MACHINE, address_of, number, syscall
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_LOG = 1 << 1
SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1 << 2
SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3
SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 1 << 5

SECCOMP_RET_KILL_PROCESS = 0x80000000
SECCOMP_RET_KILL_THREAD = 0
SECCOMP_RET_TRAP = 0x00030000
SECCOMP_RET_ERRNO = 0x00050000
SECCOMP_RET_USER_NOTIF = 0x7FC00000
SECCOMP_RET_TRACE = 0x7FF00000
SECCOMP_RET_LOG = 0x7FFC0000
SECCOMP_RET_ALLOW = 0x7FFF0000

# offsets in struct seccomp_data; an argument is 64 bits, low half first
NUMBER = 0
ARCHITECTURE = 4
ARGUMENTS = 16

# linux/audit.h: EM_* of the ELF header, 64-bit, little-endian
AUDIT_ARCH = {
    "x86_64": 0xC000003E, "x86": 0x40000003, "x32": 0xC000003E,
    "aarch64": 0xC00000B7, "arm": 0x40000028,
}  # fmt: skip

# struct sock_filter {u16 code; u8 if_true, if_false; u32 value}
LOAD, RETURN, JUMP, AND = 0x20, 0x06, 0x05, 0x54
IF_EQUAL, IF_GREATER, IF_NOT_LESS = 0x15, 0x25, 0x35
MAX_INSTRUCTIONS = 4096
FAR = 255
"""A condition can jump over so many instructions at most; a plain jump over any number."""


class Assembler:
    """A program, written backwards. A place is the count of instructions from it to the end."""

    def __init__(self) -> None:
        self._code: list[int] = []
        self._returns: dict[int, int] = {}

    def answer(self, value: int) -> int:
        """An instruction that ends the program with this SECCOMP_RET_; a near one is used again."""
        place = self._returns.get(value)
        if place is None or len(self._code) - place >= FAR:
            place = self._returns[value] = self._add(RETURN, value)
        return place

    def load(self, offset: int, then: int) -> int:
        """Take 32 bits of seccomp_data into the accumulator."""
        self._lead_to(then)
        return self._add(LOAD, offset)

    def mask(self, bits: int, then: int) -> int:
        """Keep only these bits of the accumulator."""
        self._lead_to(then)
        return self._add(AND, bits)

    def test(self, condition: int, value: int, if_true: int, if_false: int) -> int:
        """Go one of two ways by comparing the accumulator with a value."""
        if if_true == if_false:
            return if_true
        # Each detour lengthens the other way by one.
        if len(self._code) - if_true >= FAR:
            if_true = self._add(JUMP, len(self._code) - if_true)
        if len(self._code) - if_false > FAR:
            if_false = self._add(JUMP, len(self._code) - if_false)
        here = len(self._code)
        return self._add(condition | (here - if_true) << 16 | (here - if_false) << 24, value)

    def program(self) -> bytes:
        """What has been written; the instruction written last is the first to run."""
        code = self._code[::-1]
        return struct.pack(f"={len(code)}Q", *code)

    def _lead_to(self, place: int) -> None:
        if place != len(self._code):
            self._add(JUMP, len(self._code) - place)

    def _add(self, code: int, value: int) -> int:
        self._code.append(code | value << 32)
        return len(self._code)


class Door(NamedTuple):
    """A call with exactly these arguments, of which pointers are as good as a password."""

    call: str
    arguments: tuple[int, ...]


def with_doors(program: bytes, doors: Collection[Door]) -> bytes:
    """The program with some calls let through before it is asked."""
    if not doors:
        return program
    assembler = Assembler()
    asked = entry = 0  # a place behind everything: where the program begins
    for door in doors:
        place = assembler.answer(SECCOMP_RET_ALLOW)
        for index, argument in enumerate(door.arguments):
            for half in (0, 1):
                place = assembler.test(IF_EQUAL, argument >> 32 * half & 0xFFFFFFFF, place, asked)
                place = assembler.load(ARGUMENTS + 8 * index + 4 * half, place)
        entry = assembler.test(IF_EQUAL, number(door.call), place, entry)
    entry = assembler.load(NUMBER, entry)
    assembler.load(ARCHITECTURE, assembler.test(IF_EQUAL, AUDIT_ARCH[MACHINE], entry, asked))
    return assembler.program() + program


def load(program: bytes, flags: int = 0) -> int:
    """Filter every system call of this process from now on, for good.

    Takes no_new_privs or CAP_SYS_ADMIN. Returns the listener's descriptor with
    SECCOMP_FILTER_FLAG_NEW_LISTENER, else 0. Raises OSError.
    """
    code = bytearray(program)
    pointer = bytearray(struct.pack("=HxxxxxxQ", len(code) // 8, address_of(code)))
    return syscall("seccomp", SECCOMP_SET_MODE_FILTER, flags, pointer, about="filter")
