"""Device rules as a program, run here by a small interpreter of the instructions it uses."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from cuddy.kernel import bpf
from cuddy.kernel.bpf import ANY, DeviceRule

TYPES = {"b": 1, "c": 2}
ACCESS = {"m": 1, "r": 2, "w": 4}


def run(program: bytes, kind: str, major: int, minor: int, access: str) -> bool:
    """What the kernel would answer (Documentation/bpf/standardization/instruction-set.rst)."""
    context = (sum(ACCESS[a] for a in access) << 16 | TYPES[kind], major, minor)
    code = [struct.unpack_from("=BBhi", program, at) for at in range(0, len(program), 8)]
    registers = [0] * 10
    at = 0
    while True:
        operation, names, offset, value = code[at]
        to, source = names & 15, names >> 4
        at += 1
        if operation == 0x61:
            registers[to] = context[offset // 4]
        elif operation == 0xBF:
            registers[to] = registers[source]
        elif operation == 0xB7:
            registers[to] = value
        elif operation == 0x54:
            registers[to] &= value
        elif operation == 0x74:
            registers[to] >>= value
        elif operation == 0x05:
            at += offset
        elif operation == 0x45:
            at += offset if registers[to] & value else 0
        elif operation == 0x55:
            at += offset if registers[to] != value else 0
        elif operation == 0x95:
            return bool(registers[0])
        else:
            raise AssertionError(f"unknown instruction {operation:#x}")


def expected(rules: list[DeviceRule], kind: str, major: int, minor: int, access: str) -> bool:
    """The sentence in the docstring of `compile_rules`."""
    for rule in reversed(rules):
        if rule.type != "a":
            if rule.type != kind or rule.major not in (ANY, major):
                continue
            if rule.minor not in (ANY, minor):
                continue
        fits = set(access) <= set(rule.access) if rule.allow else set(access) & set(rule.access)
        if fits:
            return rule.allow
    return False


numbers = st.sampled_from([ANY, 0, 1, 5, 255, 1 << 20])
accesses = st.sets(st.sampled_from("rwm"), min_size=1).map("".join)
rules = st.builds(DeviceRule, st.booleans(), st.sampled_from("abc"), numbers, numbers, accesses)


@given(
    st.lists(rules, max_size=8),
    st.sampled_from("bc"),
    numbers.filter(lambda n: n != ANY),
    numbers.filter(lambda n: n != ANY),
    accesses,
)
def test_the_last_rule_that_fits_decides(
    rules: list[DeviceRule], kind: str, major: int, minor: int, access: str
) -> None:
    program = bpf.compile_rules(rules)
    assert run(program, kind, major, minor, access) == expected(rules, kind, major, minor, access)


def test_no_rules_allow_nothing() -> None:
    assert not run(bpf.compile_rules([]), "c", 1, 3, "r")


def test_nothing_follows_a_rule_for_everything() -> None:
    """The verifier of older kernels refuses a program with instructions it cannot reach."""
    everything = bpf.compile_rules([DeviceRule(True)])
    assert bpf.compile_rules([DeviceRule(False, "c", 1, 3), DeviceRule(True)]) == everything


@given(rules)
def test_a_rule_is_read_back_from_its_text(rule: DeviceRule) -> None:
    assert bpf.parse_rule("allow" if rule.allow else "deny", str(rule)) == rule


def test_the_short_form_means_every_device_and_access() -> None:
    assert bpf.parse_rule("deny", "a") == DeviceRule(False, "a", ANY, ANY, "rwm")
