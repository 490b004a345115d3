"""From what is there to what is wrong."""

from __future__ import annotations

import pytest

import elf
from cuddy.engine import diagnosis
from cuddy.engine.diagnosis import Elf, Facts, File


def hint(*chain: File, format_error: bool = False) -> str:
    return diagnosis.hint(Facts("it", ("/bin",), 1000, chain), format_error=format_error)


def program(head: bytes, **more: object) -> File:
    return File("/it", head=head, size=len(head))._replace(**more)


class TestPlace:
    def test_path_without_it_is_shown(self) -> None:
        assert hint() == "none of the directories in PATH has it: /bin"
        assert "PATH is empty" in diagnosis.hint(Facts("it", (), 0, ()))

    def test_a_missing_file_and_a_dangling_link_are_told_apart(self) -> None:
        assert hint(File("/it", "missing")) == "there is no /it in the container"
        assert "link to /there" in hint(File("/it", "missing", link="/there"))

    @pytest.mark.parametrize(
        ("file", "words"),
        [
            (File("/it", "directory"), "/it is a directory"),
            (File("/it", "other"), "not a regular file"),
            (File("/it", executable=False, mode=0o100644), "for user 1000: its mode is 0644"),
            (File("/root/it", blocked="/root"), "user 1000 may not enter the directory /root"),
            (File("/it", noexec=True), "mounted noexec"),
        ],
    )  # fmt: skip
    def test_what_keeps_it_from_being_executed(self, file: File, words: str) -> None:
        assert words in hint(file)

    def test_nothing_wrong_is_no_hint(self) -> None:
        assert hint(program(b"#!/bin/sh\n"), File("/bin/sh", head=elf.elf())) == ""


class TestInterpreters:
    def test_the_missing_interpreter_of_a_script(self) -> None:
        found = hint(program(b"#!/bin/bash -e\n"), File("/bin/bash", "missing"))
        assert found == "the first line of /it asks for /bin/bash, which is not in the container"

    def test_windows_line_ends(self) -> None:
        found = hint(program(b"#!/bin/sh\r\n"), File("/bin/sh\r", "missing"))
        assert "CR LF" in found
        assert "\r" not in found

    @pytest.mark.parametrize(("loader", "word"), [(elf.GLIBC, "glibc"), (elf.MUSL, "musl")])
    def test_the_missing_loader_of_a_program(self, loader: str, word: str) -> None:
        found = hint(program(elf.elf(interpreter=loader)), File(loader, "missing"))
        assert "dynamic loader" in found
        assert word in found

    def test_an_interpreter_without_rights(self) -> None:
        found = hint(program(b"#!/x\n"), File("/x", executable=False, mode=0o600))
        assert "/x is not executable" in found

    @pytest.mark.parametrize(
        ("head", "name"),
        [
            (b"#!/bin/sh\n", "/bin/sh"), (b"#! \t /bin/sh -e -x\n", "/bin/sh"),
            (b"#!/bin/sh", "/bin/sh"), (b"#!\n/bin/sh", ""), (b"echo", ""), (b"", ""),
            (b"#!" + b"x" * 300 + b"\n", ""), (b"#!/bin/sh " + b"x" * 300, "/bin/sh"),
            (b"#!/bin/sh\0evil\n", "/bin/sh"),
        ],
    )  # fmt: skip
    def test_the_first_line_is_read_as_the_kernel_does(self, head: bytes, name: str) -> None:
        assert diagnosis.interpreter_line(head) == name


class TestContent:
    @pytest.mark.parametrize(
        ("head", "words"),
        [
            (b"", "is empty"),
            (b"echo hi\n", "has no '#!' line"),
            (b"MZ\x90\0", "a program for Windows"),
            (b"\xef\xbb\xbf#!/bin/sh\n", "byte order mark"),
            (b"\x7fELF", "damaged"),
            (elf.elf(elf.RISCV), "built for riscv64, this machine is amd64 (x86-64)"),
            (elf.elf(elf.AARCH64), "built for arm64 (aarch64), this machine is amd64"),
            (elf.elf(22, order=">"), "built for s390x"),
            (elf.elf(elf.ARM, bits=32), "built for arm (32-bit)"),
            (b"#!\n", "names no interpreter"),
        ],
    )
    def test_a_format_the_kernel_does_not_know(self, head: bytes, words: str) -> None:
        assert words in hint(program(head), format_error=True)

    def test_it_is_the_interpreters_if_there_is_one(self) -> None:
        chain = program(b"#!/x\n"), File("/x", head=elf.elf(elf.RISCV), size=64)
        assert "/x is built for riscv64" in hint(*chain, format_error=True)

    def test_another_machine_comes_before_a_missing_loader(self) -> None:
        foreign = elf.elf(elf.AARCH64, interpreter=elf.GLIBC)
        chain = program(foreign), File(elf.GLIBC, "missing")
        assert "built for arm64" in hint(*chain, format_error=True)

    def test_it_is_not_looked_at_when_the_kernel_complains_of_something_else(self) -> None:
        assert hint(program(elf.elf(elf.RISCV))) == ""


class TestElf:
    def test_the_interpreter_is_found_in_both_sizes_and_orders(self) -> None:
        for bits in (32, 64):
            for order in "<>":
                data = elf.elf(elf.X86, "/lib/ld.so", bits=bits, order=order)
                found = diagnosis.parse_elf(data)
                assert found
                end = found.interpreter_offset + found.interpreter_bytes
                assert data[found.interpreter_offset : end] == b"/lib/ld.so\0"

    def test_every_beginning_of_one_is_harmless(self) -> None:
        data = elf.elf(interpreter="/lib/ld.so")
        for length in range(len(data)):
            assert diagnosis.parse_elf(data[:length]) in (
                None, Elf(elf.HOST), diagnosis.parse_elf(data)
            )  # fmt: skip

    def test_absurd_numbers_are_harmless(self) -> None:
        data = bytearray(elf.elf(interpreter="/lib/ld.so"))
        data[32:40] = b"\xff" * 8
        assert diagnosis.parse_elf(bytes(data)) == Elf(elf.HOST)


def test_long_names_are_cut() -> None:
    assert len(diagnosis.hint(Facts("x" * 5000, (), 0, ()))) < 300
    assert len(diagnosis.hint(Facts("x", ("/bin",) * 5000, 0, ()))) < 300
    assert len(hint(File("/" + "x" * 5000, "missing"))) < 300
