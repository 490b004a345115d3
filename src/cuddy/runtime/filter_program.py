"""What a seccomp profile decides, as a program: by architecture, by number, by arguments. Pure.

A call is found by halving ranges of numbers, in about ten instructions. The kernel keeps by heart
which calls a filter always allows, if it finds that out without looking at arguments: here it does.
"""

from __future__ import annotations

from cuddy.kernel import seccomp
from cuddy.kernel.seccomp import ARGUMENTS, AUDIT_ARCH, IF_EQUAL, IF_GREATER, IF_NOT_LESS, Assembler
from cuddy.kernel.syscall_table import X32_BIT
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

WORD = 0xFFFFFFFF
SHORT = ("x86", "x32", "arm")
"""Architectures whose arguments have 32 bits: the high half is not looked at."""


class Condition(NamedTuple):
    """A test of one argument, as in a profile: `value_two` only for SCMP_CMP_MASKED_EQ."""

    argument: int
    op: str
    value: int
    value_two: int = 0


class Case(NamedTuple):
    """What to do with a call if all conditions hold."""

    conditions: tuple[Condition, ...]
    action: int


Decision = int | tuple[Case, ...]
"""An action, or the first case that fits; if none does, the default action."""
Range = tuple[int, Decision]
"""From this number on up to the next range."""


def write(ranges: dict[str, list[Range]], default: int) -> bytes:
    """The program for the ranges of each architecture; any other one kills the thread."""
    assembler = Assembler()
    entry = assembler.answer(seccomp.SECCOMP_RET_KILL_THREAD)
    for name in reversed(ranges):
        if name == "x32":
            continue  # with x86_64, of which it is a part
        start = write_search(assembler, ranges[name], default, name in SHORT)
        if name == "x86_64":
            start = split_x32(assembler, start, ranges.get("x32", ()), default)
        start = assembler.load(seccomp.NUMBER, start)
        entry = assembler.test(IF_EQUAL, AUDIT_ARCH[name], start, entry)
    assembler.load(seccomp.ARCHITECTURE, entry)
    return assembler.program()


def split_x32(assembler: Assembler, x86_64: int, ranges: Sequence[Range], default: int) -> int:
    """Numbers with bit 30 are x32's; -1 is no call at all but what a tracer leaves of one."""
    if ranges:
        x32 = write_search(assembler, ranges, default, True)
    else:
        none = assembler.answer(default)
        kill = assembler.answer(seccomp.SECCOMP_RET_KILL_THREAD)
        x32 = assembler.test(IF_EQUAL, WORD, none, kill)
    return assembler.test(IF_NOT_LESS, X32_BIT, x32, x86_64)


def write_search(assembler: Assembler, ranges: Sequence[Range], default: int, short: bool) -> int:
    """The search for the call's number, which is in the accumulator."""
    written: dict[tuple[Case, ...], int] = {}

    def write_half(low: int, high: int) -> int:
        if high - low > 1:
            middle = (low + high) // 2
            right, left = write_half(middle, high), write_half(low, middle)
            return assembler.test(IF_NOT_LESS, ranges[middle][0], right, left)
        decision = ranges[low][1]
        if isinstance(decision, int):
            return assembler.answer(decision)
        if decision not in written:
            written[decision] = write_cases(assembler, decision, default, short)
        return written[decision]

    return write_half(0, len(ranges))


def write_cases(assembler: Assembler, cases: tuple[Case, ...], default: int, short: bool) -> int:
    """Tests of arguments; the first case that fits decides."""
    otherwise = assembler.answer(default)
    for case in reversed(cases):
        place = assembler.answer(case.action)
        for condition in reversed(case.conditions):
            place = COMPARE[condition.op](assembler, condition, place, otherwise, short)
        otherwise = place
    return otherwise


def masked_equal(assembler: Assembler, condition: Condition, yes: int, no: int, short: bool) -> int:
    """(argument & value) == valueTwo; bits of valueTwo outside the mask do not count."""
    mask, value = condition.value, condition.value & condition.value_two
    return test_equal(assembler, condition.argument, mask, value, yes, no, short)


def equal(assembler: Assembler, condition: Condition, yes: int, no: int, short: bool) -> int:
    """argument == value"""
    mask, value = (1 << 64) - 1, condition.value
    return test_equal(assembler, condition.argument, mask, value, yes, no, short)


def not_equal(assembler: Assembler, condition: Condition, yes: int, no: int, short: bool) -> int:
    """argument != value"""
    return equal(assembler, condition, no, yes, short)


def greater(assembler: Assembler, condition: Condition, yes: int, no: int, short: bool) -> int:
    """argument > value, both unsigned"""
    return test_order(assembler, IF_GREATER, condition, yes, no, short)


def not_less(assembler: Assembler, condition: Condition, yes: int, no: int, short: bool) -> int:
    """argument >= value"""
    return test_order(assembler, IF_NOT_LESS, condition, yes, no, short)


def less(assembler: Assembler, condition: Condition, yes: int, no: int, short: bool) -> int:
    """argument < value"""
    return not_less(assembler, condition, no, yes, short)


def not_greater(assembler: Assembler, condition: Condition, yes: int, no: int, short: bool) -> int:
    """argument <= value"""
    return greater(assembler, condition, no, yes, short)


COMPARE = {
    "SCMP_CMP_EQ": equal,
    "SCMP_CMP_NE": not_equal,
    "SCMP_CMP_GT": greater,
    "SCMP_CMP_GE": not_less,
    "SCMP_CMP_LT": less,
    "SCMP_CMP_LE": not_greater,
    "SCMP_CMP_MASKED_EQ": masked_equal,
}


def test_equal(
    assembler: Assembler, index: int, mask: int, value: int, yes: int, no: int, short: bool
) -> int:
    """Both halves in turn; a half that the mask leaves out need not be looked at."""
    place = yes
    for half in (0,) if short else (0, 1):
        bits = mask >> 32 * half & WORD
        if bits:
            place = assembler.test(IF_EQUAL, value >> 32 * half & WORD, place, no)
            if bits != WORD:
                place = assembler.mask(bits, place)
            place = assembler.load(ARGUMENTS + 8 * index + 4 * half, place)
    return place


def test_order(
    assembler: Assembler, comparison: int, condition: Condition, yes: int, no: int, short: bool
) -> int:
    """The high half decides unless it is equal; then the low half does."""
    low, high = condition.value & WORD, condition.value >> 32
    offset = ARGUMENTS + 8 * condition.argument
    place = assembler.load(offset, assembler.test(comparison, low, yes, no))
    if short:
        return place
    place = assembler.test(IF_EQUAL, high, place, no)
    place = assembler.test(IF_GREATER, high, yes, place)
    return assembler.load(offset + 4, place)
