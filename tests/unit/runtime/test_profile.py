"""Seccomp profiles as programs: what they decide, against the spec and against libseccomp."""

from __future__ import annotations

import errno
import functools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import classic_bpf
import libseccomp
from cuddy.errors import InvalidArgument
from cuddy.kernel import seccomp, syscall_table
from cuddy.kernel.seccomp import AUDIT_ARCH
from cuddy.kernel.syscall import MACHINE
from cuddy.runtime import profile

ALLOW, LOG, TRACE, NOTIFY = 0x7FFF0000, 0x7FFC0000, 0x7FF00000, 0x7FC00000
ERRNO, TRAP, KILL_THREAD, KILL_PROCESS = 0x50000, 0x30000, 0, 0x80000000
EPERM, ENOSYS = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
X32_BIT = 1 << 30
BIG = (1 << 64) - 1

numbers = functools.cache(syscall_table.load)
ORACLE = libseccomp.open_library()
needs_libseccomp = pytest.mark.skipif(ORACLE is None, reason="libseccomp2 is not installed")


class Filter:
    """A compiled profile that can be asked about calls by name."""

    def __init__(self, section: dict[str, Any], machine: str = "x86_64") -> None:
        self.code = classic_bpf.decode(profile.compile(section, machine))
        self.machine = machine

    def __call__(self, call: str | int, *arguments: int, on: str = "") -> int:
        on = on or self.machine
        number = numbers(on)[call] if isinstance(call, str) else call
        if on == "x32":
            number |= X32_BIT
        return classic_bpf.run(self.code, AUDIT_ARCH[on], number, arguments)[0]


def section(
    *rules: dict[str, Any], default: str = "SCMP_ACT_ERRNO", arches: Sequence[str] = (), **more: Any
) -> dict[str, Any]:
    return {
        "defaultAction": default,
        "architectures": [f"SCMP_ARCH_{name}" for name in arches],
        "syscalls": list(rules),
        **more,
    }


def rule(names: str, action: str = "SCMP_ACT_ALLOW", *args: tuple[Any, ...], **more: Any) -> Any:
    keys = ("index", "op", "value", "valueTwo")
    entry: dict[str, Any] = {"names": names.split(), "action": action, **more}
    if args:
        entry["args"] = [dict(zip(keys, argument)) for argument in args]
    return entry


def test_what_is_named_is_allowed_and_the_rest_is_refused() -> None:
    decide = Filter(section(rule("read write openat2")))
    assert decide("read") == decide("openat2") == ALLOW
    assert decide("mkdir") == EPERM


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("SCMP_ACT_KILL", KILL_THREAD),
        ("SCMP_ACT_KILL_THREAD", KILL_THREAD),
        ("SCMP_ACT_KILL_PROCESS", KILL_PROCESS),
        ("SCMP_ACT_TRAP", TRAP),
        ("SCMP_ACT_ERRNO", EPERM),
        ("SCMP_ACT_TRACE", TRACE | errno.EPERM),
        ("SCMP_ACT_NOTIFY", NOTIFY),
        ("SCMP_ACT_LOG", LOG),
        ("SCMP_ACT_ALLOW", ALLOW),
    ],
)
def test_each_action_has_the_kernels_value(action: str, value: int) -> None:
    default = "SCMP_ACT_LOG" if action == "SCMP_ACT_ALLOW" else "SCMP_ACT_ALLOW"
    assert Filter(section(rule("mkdir", action), default=default))("mkdir") == value


def test_a_refusal_carries_the_error_number_asked_for() -> None:
    decide = Filter(
        section(
            rule("mkdir", "SCMP_ACT_ERRNO", errnoRet=errno.EROFS),
            rule("ptrace", "SCMP_ACT_TRACE", errnoRet=77),
            rule("openat2"),
            defaultErrnoRet=errno.EACCES,
        )
    )
    assert decide("mkdir") == ERRNO | errno.EROFS
    assert decide("ptrace") == TRACE | 77
    assert decide("rmdir") == ERRNO | errno.EACCES


@pytest.mark.parametrize(
    ("op", "value", "two", "fits", "fails"),
    [
        ("EQ", 1 << 40 | 5, 0, [1 << 40 | 5], [5, 1 << 40, 1 << 40 | 6]),
        ("NE", 1 << 40 | 5, 0, [5, 1 << 40, 0, BIG], [1 << 40 | 5]),
        ("GT", 1 << 32, 0, [(1 << 32) + 1, 1 << 33, BIG], [1 << 32, 0, (1 << 32) - 1]),
        ("GE", 1 << 32, 0, [1 << 32, (1 << 32) + 1, BIG], [0, (1 << 32) - 1]),
        ("LT", 1 << 32, 0, [0, (1 << 32) - 1], [1 << 32, (1 << 32) + 1, BIG]),
        ("LE", 1 << 32, 0, [0, (1 << 32) - 1, 1 << 32], [(1 << 32) + 1, BIG]),
        ("MASKED_EQ", 0xFF, 0x12, [0x12, 0xAB12, 1 << 40 | 0x12], [0x13, 0x1200, 0]),
        ("MASKED_EQ", 3 << 40, 1 << 40, [1 << 40, 1 << 40 | 7], [3 << 40, 0, 2 << 40]),
        ("MASKED_EQ", 0, 0, [0, 1, BIG], []),
    ],
)
def test_arguments_are_compared_as_64_bit_numbers(
    op: str, value: int, two: int, fits: list[int], fails: list[int]
) -> None:
    """config-linux.md: SCMP_CMP_*; each in the last argument, which is the farthest."""
    condition = (5, f"SCMP_CMP_{op}", value, two)
    decide = Filter(section(rule("mmap", "SCMP_ACT_ALLOW", condition)))
    assert [decide("mmap", 0, 0, 0, 0, 0, x) for x in fits] == [ALLOW] * len(fits)
    assert [decide("mmap", 0, 0, 0, 0, 0, x) for x in fails] == [EPERM] * len(fails)


def test_arguments_of_different_index_must_all_fit() -> None:
    both = rule("fcntl", "SCMP_ACT_ALLOW", (0, "SCMP_CMP_EQ", 3), (1, "SCMP_CMP_EQ", 4))
    decide = Filter(section(both))
    assert decide("fcntl", 3, 4) == ALLOW
    assert decide("fcntl", 3, 5) == decide("fcntl", 2, 4) == EPERM


def test_arguments_of_the_same_index_are_alternatives() -> None:
    either = rule("personality", "SCMP_ACT_ALLOW", (0, "SCMP_CMP_EQ", 0), (0, "SCMP_CMP_EQ", 8))
    decide = Filter(section(either))
    assert decide("personality", 0) == decide("personality", 8) == ALLOW
    assert decide("personality", 4) == EPERM


def test_several_rules_for_a_call_are_alternatives() -> None:
    decide = Filter(
        section(
            rule("socket", "SCMP_ACT_ALLOW", (0, "SCMP_CMP_LT", 38)),
            rule("socket", "SCMP_ACT_LOG", (0, "SCMP_CMP_EQ", 39)),
        )
    )
    assert [decide("socket", n) for n in (37, 38, 39, 40)] == [ALLOW, EPERM, LOG, EPERM]


def test_a_rule_without_arguments_decides_alone() -> None:
    decide = Filter(
        section(
            rule("clone", "SCMP_ACT_ALLOW", (0, "SCMP_CMP_EQ", 0)),
            rule("clone", "SCMP_ACT_LOG"),
            rule("clone", "SCMP_ACT_TRAP"),
        )
    )
    assert decide("clone", 0) == decide("clone", 1) == LOG


def test_a_rule_that_equals_the_default_is_passed_over() -> None:
    decide = Filter(
        section(rule("mkdir", "SCMP_ACT_ERRNO"), rule("mkdir", "SCMP_ACT_LOG"), rule("openat2"))
    )
    assert decide("mkdir") == LOG


def test_names_nobody_knows_are_passed_over() -> None:
    decide = Filter(section(rule("read warp_drive openat2")))
    assert decide("read") == ALLOW


def test_calls_newer_than_the_profile_do_not_exist() -> None:
    """A C library falls back to an older call on ENOSYS, and gives up on EPERM."""
    decide = Filter(section(rule("read faccessat2"), arches=["X86_64", "X86", "X32"]))
    for on in ("x86_64", "x86", "x32"):
        assert decide("process_madvise", on=on) == ENOSYS
        assert decide("openat2", on=on) == EPERM
        assert decide(5000, on=on) == ENOSYS


@pytest.mark.parametrize("default", ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"])
def test_newer_calls_pass_where_passing_is_the_default(default: str) -> None:
    decide = Filter(section(rule("mkdir", "SCMP_ACT_ERRNO"), default=default))
    assert decide("openat2") == decide("read") != ENOSYS


def test_an_architecture_that_is_not_listed_is_killed() -> None:
    decide = Filter(section(rule("read")))
    assert decide("read", on="x86") == decide("read", on="x32") == KILL_THREAD
    assert decide("read", on="arm") == KILL_THREAD


def test_each_architecture_has_its_own_numbers() -> None:
    decide = Filter(section(rule("execve openat2"), arches=["X86_64", "X86", "X32"]))
    assert decide(59) == decide(11, on="x86") == decide(520, on="x32") == ALLOW
    assert decide(11) == decide(59, on="x86") == EPERM
    arm = Filter(section(rule("execve openat2"), arches=["ARM"]), "aarch64")
    assert arm("execve") == arm("execve", on="arm") == ALLOW
    assert arm("mkdir", on="arm") == EPERM


def test_the_machines_own_architecture_is_always_in() -> None:
    assert Filter(section(rule("read"), arches=["X86", "S390X"]))("read") == ALLOW


def test_a_call_that_a_tracer_has_cancelled_gets_the_default() -> None:
    assert Filter(section(rule("read"), default="SCMP_ACT_LOG"))(-1) == LOG


def test_arms_private_calls_do_not_count_as_new() -> None:
    decide = Filter(section(rule("read set_tls openat2"), arches=["ARM"]), "aarch64")
    assert decide("set_tls", on="arm") == ALLOW
    assert decide("faccessat2", on="arm") == ENOSYS
    assert decide("breakpoint", on="arm") == ENOSYS


def test_sockets_through_socketcall_are_the_same_calls() -> None:
    decide = Filter(section(rule("socket accept semget openat2"), arches=["X86"]))
    assert decide("socketcall", 1, on="x86") == decide("socketcall", 5, on="x86") == ALLOW
    assert decide("socketcall", 2, on="x86") == EPERM
    assert decide("ipc", 2, on="x86") == ALLOW
    assert decide("ipc", 1, on="x86") == EPERM


def test_arguments_hidden_by_socketcall_get_the_stricter_answer() -> None:
    """socketcall(2) has them in memory: family 40 must not slip through as "some family"."""
    allowed = rule("socket openat2", "SCMP_ACT_ALLOW", (0, "SCMP_CMP_NE", 40))
    assert Filter(section(allowed, arches=["X86"]))("socketcall", 1, on="x86") == EPERM
    refused = rule("socket", "SCMP_ACT_ERRNO", (0, "SCMP_CMP_EQ", 40))
    open_by_default = section(refused, default="SCMP_ACT_ALLOW", arches=["X86"])
    assert Filter(open_by_default)("socketcall", 1, on="x86") == EPERM


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (section(default="SCMP_ACT_MAYBE"), "unknown action 'SCMP_ACT_MAYBE'"),
        (section(default="SCMP_ACT_NOTIFY"), "cannot be used as default action"),
        ({}, "unknown action None"),
        (section(rule("read", "ALLOW")), "unknown action 'ALLOW'"),
        (section(rule("write", "SCMP_ACT_NOTIFY")), "cannot be used for the write"),
        (section(rule("read", errnoRet=1)), "errnoRet has no meaning for SCMP_ACT_ALLOW"),
        (section(default="SCMP_ACT_KILL", defaultErrnoRet=1), "defaultErrnoRet has no meaning"),
        (section(rule("read", "SCMP_ACT_ERRNO", errnoRet=-1)), "no error number"),
        (section(rule("read", "SCMP_ACT_ERRNO", errnoRet=1 << 16)), "no error number"),
        (section({"action": "SCMP_ACT_ALLOW"}), "names of calls wanted"),
        (section({"action": "SCMP_ACT_ALLOW", "names": [1]}), "names of calls wanted"),
        (section(rule("read", "SCMP_ACT_ALLOW", (0, "EQ", 1))), "unknown operator 'EQ'"),
        (section(rule("read", "SCMP_ACT_ALLOW", (6, "SCMP_CMP_EQ", 1))), "no argument 6"),
        (section(rule("read", "SCMP_ACT_ALLOW", (0, "SCMP_CMP_EQ", 1 << 64))), "64-bit"),
        (section(rule("read", "SCMP_ACT_ALLOW", (0, "SCMP_CMP_EQ", -1))), "64-bit"),
        (section(rule("read", "SCMP_ACT_ALLOW", (0, "SCMP_CMP_EQ", "1"))), "64-bit"),
        (section(arches=["VAX"]), "unknown architecture 'SCMP_ARCH_VAX'"),
    ],
)
def test_a_profile_that_cannot_be_meant_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        profile.compile(wrong, "x86_64")


def test_a_profile_larger_than_the_kernel_takes_is_refused() -> None:
    many = [("read", value) for value in range(2000)]
    rules = [rule(n, "SCMP_ACT_ALLOW", (0, "SCMP_CMP_EQ", value)) for n, value in many]
    with pytest.raises(InvalidArgument, match="no more than 3968 are possible"):
        profile.compile(section(*rules), "x86_64")


def test_jumps_reach_over_long_programs() -> None:
    """A condition jumps 255 instructions at most: many cases between, and still right."""
    names = [name for name in numbers("x86_64") if name < "p"]
    values = {name: 1000 + place for place, name in enumerate(names)}
    rules = [rule(n, "SCMP_ACT_ALLOW", (1, "SCMP_CMP_EQ", v << 32 | v)) for n, v in values.items()]
    decide = Filter(section(*rules, rule("openat2")))
    assert len(decide.code) > 1000
    for name, value in values.items():
        if name != "openat2":
            assert decide(name, 0, value << 32 | value) == ALLOW
            assert decide(name, 0, value) == EPERM
    assert decide("write", 0, 7) == EPERM


def test_flags_are_those_of_the_profile() -> None:
    names = ["TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"]
    entry = section(flags=[f"SECCOMP_FILTER_FLAG_{name}" for name in names])
    asking = section(rule("mkdir", "SCMP_ACT_NOTIFY"), listenerPath="/agent")
    assert profile.flags(entry) == 2 | 4
    assert profile.flags(asking | entry | {"syscalls": asking["syscalls"]}) == 2 | 4 | 8 | 32
    assert profile.flags(section(rule("read"))) == 4
    assert profile.flags(section(rule("read"), flags=[])) == 0
    assert profile.flags(asking) == 4 | 8
    with pytest.raises(InvalidArgument, match="unknown flag"):
        profile.flags(section(flags=["SECCOMP_FILTER_FLAG_WARP"]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (section(rule("mkdir", "SCMP_ACT_NOTIFY")), "SCMP_ACT_NOTIFY needs a listenerPath"),
        (section(listenerMetadata="x"), "listenerMetadata needs a listenerPath"),
    ],
)
def test_a_listener_has_a_path(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        profile.flags(wrong)


@pytest.mark.parametrize(
    ("entry", "tight"),
    [
        (section(default="SCMP_ACT_ALLOW"), False),
        (section(rule("execveat fcntl")), False),
        (section(rule("execveat")), True),
        (section(rule("execveat fcntl", "SCMP_ACT_LOG")), True),
        (section(rule("execveat fcntl", "SCMP_ACT_ALLOW", (0, "SCMP_CMP_EQ", 1))), True),
        (section(rule("fcntl", "SCMP_ACT_KILL"), default="SCMP_ACT_ALLOW"), True),
    ],
)
def test_a_profile_is_tight_if_it_does_not_let_the_start_pass(
    entry: dict[str, Any], tight: bool
) -> None:
    assert profile.is_tight(entry) is tight


def test_a_door_lets_one_call_pass_and_no_other() -> None:
    """Pointers differ in their high halves, too; other architectures have no doors."""
    doors = seccomp.Door("execveat", (5, 1 << 40 | 9)), seccomp.Door("fcntl", (3, 2, 1))
    entry = section(rule("read openat2"), default="SCMP_ACT_TRAP", arches=["X86"])
    code = classic_bpf.decode(seccomp.with_doors(profile.compile(entry), doors))

    def ask(call: str, *arguments: int, on: str = MACHINE) -> int:
        return classic_bpf.run(code, AUDIT_ARCH[on], numbers(on)[call], arguments)[0]

    assert ask("execveat", 5, 1 << 40 | 9) == ask("fcntl", 3, 2, 1) == ask("read") == ALLOW
    for wrong in ((5, 9), (5, 1 << 40), (4, 1 << 40 | 9), (1 << 32 | 5, 1 << 40 | 9), ()):
        assert ask("execveat", *wrong) == TRAP
    assert ask("fcntl", 3, 2, 0) == ask("fcntl", 4, 2, 1) == ask("write", 3, 2, 1) == TRAP
    if MACHINE == "x86_64":
        assert ask("fcntl", 3, 2, 1, on="x86") == TRAP


# Few names, so that rules meet: plain ones, one that x86 alone has, one that it multiplexes.
NAMES = ["read", "clone", "openat2", "personality", "_llseek", "ioctl", "socket"]
VALUES = [0, 1, 2, 0x7E020000, 0xFFFFFFFF, 1 << 32, (1 << 32) + 1, BIG]
OPERATORS = [f"SCMP_CMP_{name}" for name in libseccomp.OPERATORS]
ACTIONS = ["SCMP_ACT_ALLOW", "SCMP_ACT_TRAP", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_LOG"]
values = st.sampled_from(VALUES)
condition = st.tuples(st.integers(0, 1), st.sampled_from(OPERATORS), values, values)
rules = st.builds(
    lambda name, action, conditions: rule(name, action, *conditions),
    st.sampled_from(NAMES),
    st.sampled_from(ACTIONS),
    st.lists(condition, max_size=2),
)
profiles = st.builds(
    lambda rules, default: section(*rules, default=default, arches=["X86_64", "X86", "ARM"]),
    st.lists(rules, max_size=6),
    st.sampled_from(["SCMP_ACT_LOG", "SCMP_ACT_ALLOW", "SCMP_ACT_TRACE"]),
)


def holds(argument: dict[str, Any], values: Sequence[int], bits: int) -> bool:
    """One element of `args`, in the words of config-linux.md; arguments have so many bits."""
    word = (1 << bits) - 1
    value, two = argument["value"] & word, argument["valueTwo"] & word
    actual = values[argument["index"]] & word
    return {
        "EQ": actual == value,
        "NE": actual != value,
        "LT": actual < value,
        "LE": actual <= value,
        "GT": actual > value,
        "GE": actual >= value,
        "MASKED_EQ": actual & value == two & value,
    }[argument["op"].removeprefix("SCMP_CMP_")]


def expected(entry: dict[str, Any], name: str, values: Sequence[int], bits: int) -> int:
    """The docstring of `profile`, taken word for word."""
    default = profile.parse_action(entry, "defaultAction", "defaultErrnoRet")
    found = [r for r in entry["syscalls"] if name in r["names"]]
    acting = [(profile.parse_action(r, "action", "errnoRet"), r.get("args", [])) for r in found]
    acting = [(action, args) for action, args in acting if action != default]
    for action, args in acting:
        if not args:
            return action
    for action, args in acting:
        fits = [holds(argument, values, bits) for argument in args]
        twice = len({argument["index"] for argument in args}) < len(args)
        if any(fits) if twice else all(fits):
            return action
    return default


@settings(max_examples=60, deadline=None)
@given(profiles, st.sampled_from(["x86_64", "aarch64"]))
def test_any_profile_means_what_the_words_say(entry: dict[str, Any], machine: str) -> None:
    decide = Filter(entry, machine)
    for name in NAMES:
        for on in profile.architectures(entry, machine):
            if name in numbers(on):
                bits = 64 if on in ("x86_64", "aarch64") else 32
                for values in [(a, b) for a in VALUES for b in VALUES]:
                    assert decide(name, *values, on=on) == expected(entry, name, values, bits)


# libseccomp 2.5.4 itself is wrong about some combinations of conditions, and where two actions fit
# its order is its own: it is asked about single conditions.
single_rules = st.builds(
    lambda name, condition: rule(name, "SCMP_ACT_TRAP", condition),
    st.sampled_from(NAMES[:-1]),
    condition,
)


@needs_libseccomp
@settings(max_examples=40, deadline=None)
@given(single_rules, st.sampled_from(["x86_64", "aarch64"]))
def test_any_condition_means_what_libseccomp_makes_of_it(one: dict[str, Any], machine: str) -> None:
    entry = section(one, default="SCMP_ACT_LOG", arches=["X86_64", "X86", "X32", "ARM"])
    calls = {
        number + near
        for architecture in AUDIT_ARCH
        for number in [numbers(architecture).get(one["names"][0], 0)]
        for near in (-1, 0, 1)
    }
    assert not libseccomp.differences(
        entry, machine, calls, [(a, b) for a in VALUES for b in VALUES]
    )


NOTHING_IN_PARTICULAR = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NONSENSE_ARGUMENT = st.fixed_dictionaries(
    {},
    optional={
        key: NOTHING_IN_PARTICULAR | st.sampled_from(["SCMP_CMP_EQ", 1])
        for key in ("index", "value", "valueTwo", "op")
    },
)
NONSENSE_RULE = st.fixed_dictionaries(
    {},
    optional={
        "names": NOTHING_IN_PARTICULAR | st.just(["read"]),
        "action": NOTHING_IN_PARTICULAR | st.just("SCMP_ACT_ALLOW"),
        "errnoRet": NOTHING_IN_PARTICULAR,
        "args": NOTHING_IN_PARTICULAR | st.lists(NONSENSE_ARGUMENT, max_size=2),
    },
)
KEYS = ("architectures", "flags", "listenerPath", "listenerMetadata", "defaultErrnoRet")


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {"defaultAction": st.just("SCMP_ACT_ERRNO") | NOTHING_IN_PARTICULAR},
        optional={
            "syscalls": NOTHING_IN_PARTICULAR | st.lists(NONSENSE_RULE, max_size=2),
            **dict.fromkeys(KEYS, NOTHING_IN_PARTICULAR),
        },
    )
)
def test_nonsense_is_refused_in_words(entry: dict[str, Any]) -> None:
    for work in (profile.flags, profile.is_tight, profile.compile):
        try:
            work(entry)
        except InvalidArgument as error:
            assert str(error).startswith("seccomp: ")
