"""Tiny ELF files made from bytes: a header, perhaps a PT_INTERP segment, and no code."""

from __future__ import annotations

import platform
import struct

X86, ARM, X86_64, AARCH64, RISCV = 3, 40, 62, 183, 243
HOST = {"x86_64": X86_64, "aarch64": AARCH64}[platform.machine()]
OTHER = {X86_64: AARCH64, AARCH64: X86_64}[HOST]
NAMES = {X86_64: "amd64", AARCH64: "arm64"}
MUSL = f"/lib/ld-musl-{platform.machine()}.so.1"
GLIBC = {X86_64: "/lib64/ld-linux-x86-64.so.2", AARCH64: "/lib/ld-linux-aarch64.so.1"}[HOST]


def elf(machine: int = HOST, interpreter: str = "", *, bits: int = 64, order: str = "<") -> bytes:
    """An executable for a machine that asks for an interpreter (elf(5))."""
    identity = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    text = interpreter.encode() + b"\0" if interpreter else b""
    wide = bits == 64
    header_size, segment_size = (64, 56) if wide else (52, 32)
    count = 1 if interpreter else 0
    sizes = (header_size, segment_size, count, 64, 0, 0)
    numbers = (2, machine, 1, 0x400000, header_size, 0, 0, *sizes)
    header = struct.pack(f"{order}{'HHIQQQIHHHHHH' if wide else 'HHIIIIIHHHHHH'}", *numbers)
    at, size = header_size + segment_size, len(text)
    if wide:
        segment = struct.pack(f"{order}IIQQQQQQ", 3, 4, at, 0, 0, size, size, 1)
    else:
        segment = struct.pack(f"{order}IIIIIIII", 3, at, 0, 0, size, size, 4, 1)
    return identity + header + (segment + text if count else b"")
