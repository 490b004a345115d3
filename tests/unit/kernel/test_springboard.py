"""The programs that cuddy assembles itself, looked at as files (elf(5))."""

from __future__ import annotations

import struct

import pytest

from cuddy.kernel import springboard

MACHINES = {"x86_64": 62, "aarch64": 183}

every_program = pytest.mark.parametrize(
    ("machine", "as_init"), [(m, as_init) for m in MACHINES for as_init in (False, True)]
)


@every_program
def test_the_header_is_of_a_static_program_for_the_machine(machine: str, as_init: bool) -> None:
    program = springboard.assemble(3, machine, as_init=as_init)
    assert program[:7] == b"\x7fELF\x02\x01\x01"  # 64 bits, little endian, version 1
    kind, number, version, entry, segments, sections = struct.unpack_from("<HHIQQQ", program, 16)
    assert (kind, number, version, segments, sections) == (2, MACHINES[machine], 1, 64, 0)
    assert entry == springboard.LOAD_ADDRESS + 120  # right behind both headers


@every_program
def test_its_one_segment_is_the_whole_file_and_not_writable(machine: str, as_init: bool) -> None:
    program = springboard.assemble(3, machine, as_init=as_init)
    kind, flags, offset, address, _, in_file, in_memory, _ = struct.unpack_from(
        "<IIQQQQQQ", program, 64
    )
    assert (kind, flags) == (1, 4 | 1)  # PT_LOAD, readable and executable
    assert (offset, address) == (0, springboard.LOAD_ADDRESS)
    assert in_file == in_memory == len(program)


@every_program
def test_it_is_tiny(machine: str, as_init: bool) -> None:
    assert len(springboard.assemble(3, machine, as_init=as_init)) < 600


@pytest.mark.parametrize("as_init", [False, True])
@pytest.mark.parametrize("fd", [3, 255, 256, 65535])
def test_the_status_descriptor_is_what_differs(fd: int, as_init: bool) -> None:
    for machine in MACHINES:
        program = springboard.assemble(fd, machine, as_init=as_init)
        other = springboard.assemble(3, machine, as_init=as_init)
        assert len(program) == len(other)
        assert (program == other) == (fd == 3)


def test_aarch64_code_is_whole_words() -> None:
    for as_init in (False, True):
        assert (len(springboard.assemble(3, "aarch64", as_init=as_init)) - 120) % 4 == 0
    assert (len(springboard.assemble(3, "aarch64", alone=True)) - 120) % 4 == 0


def test_strings_are_pointers_ended_by_null_to_bytes_ended_by_nul() -> None:
    pointers, text = springboard.strings([b"one", b"", b"three"])
    assert bytes(text) == b"one\0\0three\0"
    first, second, third, null = struct.unpack("=4Q", pointers)
    assert (second - first, third - second, null) == (4, 1, 0)


def test_no_strings_are_one_null_pointer() -> None:
    pointers, _ = springboard.strings([])
    assert bytes(pointers) == bytes(8)
