"""An interpreter of classic BPF as seccomp(2) knows it, so that two programs can be compared."""

from __future__ import annotations

import struct
from collections.abc import Sequence

Instruction = tuple[int, int, int, int]  # code, if_true, if_false, value


def decode(program: bytes) -> list[Instruction]:
    return [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]


def run(
    code: Sequence[Instruction], architecture: int, number: int, arguments: Sequence[int] = ()
) -> tuple[int, int]:
    """What the program returns for a call, and how many instructions that took."""
    words = [number & 0xFFFFFFFF, architecture, 0, 0]
    for argument in (*arguments, *[0] * (6 - len(arguments))):
        words += [argument & 0xFFFFFFFF, argument >> 32 & 0xFFFFFFFF]
    accumulator = at = steps = 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        steps += 1
        if operation == 0x20:
            accumulator = words[value // 4]
        elif operation == 0x06:
            return value, steps
        elif operation == 0x05:
            at += value
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x15:
            at += if_true if accumulator == value else if_false
        elif operation == 0x25:
            at += if_true if accumulator > value else if_false
        elif operation == 0x35:
            at += if_true if accumulator >= value else if_false
        elif operation == 0x45:
            at += if_true if accumulator & value else if_false
        else:
            raise AssertionError(f"unknown instruction {operation:#x}")
