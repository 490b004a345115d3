"""linux.seccomp of config.json as a program for `seccomp.load`. Pure. runtime-spec, config-linux.md

What a profile means is what runc and libseccomp make of it:

* A rule without arguments decides, whatever rules with arguments the same call has. Rules that
  equal the default action, and names that nobody knows, are passed over.
* Several arguments must all fit; if one index comes twice, each is a rule of its own.
* Calls newer than the newest one the profile names answer ENOSYS where a refusal is the default,
  so that a C library falls back to an older call instead of failing.
* Calls of an architecture that is not listed kill the thread.
* Without any flags named, SPEC_ALLOW is set: before Linux 5.16 a filter would otherwise slow its
  process down by measures against speculation.
"""

from __future__ import annotations

import errno

from cuddy.errors import InvalidArgument
from cuddy.kernel import seccomp, syscall_table
from cuddy.kernel.syscall import MACHINE
from cuddy.kernel.syscall_table import X32_BIT, Multiplexer
from cuddy.runtime import filter_program
from cuddy.runtime.filter_program import COMPARE, Case, Condition, Decision, Range
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

ACTIONS = {
    "SCMP_ACT_KILL": seccomp.SECCOMP_RET_KILL_THREAD,
    "SCMP_ACT_KILL_THREAD": seccomp.SECCOMP_RET_KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": seccomp.SECCOMP_RET_KILL_PROCESS,
    "SCMP_ACT_TRAP": seccomp.SECCOMP_RET_TRAP,
    "SCMP_ACT_ERRNO": seccomp.SECCOMP_RET_ERRNO,
    "SCMP_ACT_NOTIFY": seccomp.SECCOMP_RET_USER_NOTIF,
    "SCMP_ACT_TRACE": seccomp.SECCOMP_RET_TRACE,
    "SCMP_ACT_LOG": seccomp.SECCOMP_RET_LOG,
    "SCMP_ACT_ALLOW": seccomp.SECCOMP_RET_ALLOW,
}
WITH_NUMBER = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
PERMISSIVE = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE")
FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 0,  # for all threads: there is one
    "SECCOMP_FILTER_FLAG_LOG": seccomp.SECCOMP_FILTER_FLAG_LOG,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": seccomp.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV": seccomp.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
}
# what a process of each machine can be, the machine's own first
FAMILIES = {"x86_64": ("x86_64", "x86", "x32"), "aarch64": ("aarch64", "arm")}
ARCHITECTURES = (
    "X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64",
    "MIPSEL64N32", "PPC", "PPC64", "PPC64LE", "S390", "S390X", "PARISC", "PARISC64", "RISCV64",
    "LOONGARCH64", "M68K", "SH", "SHEB",
)  # fmt: skip
ENOSYS = seccomp.SECCOMP_RET_ERRNO | errno.ENOSYS
ROOM = 128
"""Instructions that are left for the doors of `launch`."""
LAST_CALLS = ("execveat", "fcntl")
"""What is called between the filter and the program's own execve(2)."""


class Rule(NamedTuple):
    """What to do with calls of these names; with alternatives, if all conditions of one hold."""

    names: tuple[str, ...]
    action: int
    alternatives: tuple[tuple[Condition, ...], ...] = ()


def compile(section: Mapping[str, Any], machine: str = MACHINE) -> bytes:
    """The program of a profile. Raises InvalidArgument."""
    default, rules = parse(section)
    newer = default if section["defaultAction"] in PERMISSIVE else ENOSYS
    names = architectures(section, machine)
    ranges = {name: find_ranges(name, rules, default, newer) for name in names}
    program = filter_program.write(ranges, default)
    if len(program) > 8 * (seccomp.MAX_INSTRUCTIONS - ROOM):
        raise InvalidArgument(
            f"seccomp: the profile takes {len(program) // 8} instructions, no more than "
            f"{seccomp.MAX_INSTRUCTIONS - ROOM} are possible"
        )
    return program


def parse(section: Mapping[str, Any]) -> tuple[int, list[Rule]]:
    """The default action and the rules. Raises InvalidArgument."""
    default = parse_action(section, "defaultAction", "defaultErrnoRet")
    if default == seccomp.SECCOMP_RET_USER_NOTIF:
        raise InvalidArgument("seccomp: SCMP_ACT_NOTIFY cannot be used as default action")
    return default, [parse_rule(entry) for entry in elements(section, "syscalls", dict)]


def elements(section: Mapping[str, Any], key: str, kind: type) -> list[Any]:
    """A list, which may be left out, of elements of one type. Raises InvalidArgument."""
    found = section.get(key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, kind) for each in found):
        raise InvalidArgument(f"seccomp: {key} is no list of what belongs there")
    return found


def is_tight(section: Mapping[str, Any]) -> bool:
    """Whether not all of LAST_CALLS are simply allowed."""
    default, rules = parse(section)
    for name in LAST_CALLS:
        plain = [rule.action for rule in rules if name in rule.names and not rule.alternatives]
        others = [rule for rule in rules if name in rule.names and rule.action != default]
        answer = next((action for action in plain if action != default), default)
        if answer != seccomp.SECCOMP_RET_ALLOW or (default == answer and others):
            return True
    return False


def flags(section: Mapping[str, Any]) -> int:
    """The flags that a profile is to be loaded with. Raises InvalidArgument."""
    bits = 0
    named = elements(section, "flags", str)
    for name in named if section.get("flags") is not None else ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]:
        if name not in FLAGS:
            raise InvalidArgument(f"seccomp: unknown flag {name!r}")
        bits |= FLAGS[name]
    if notifies(section):
        return bits | seccomp.SECCOMP_FILTER_FLAG_NEW_LISTENER
    return bits & ~seccomp.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV


def notifies(section: Mapping[str, Any]) -> bool:
    """Whether a listener is to be asked about some calls. Raises InvalidArgument without one."""
    entries = elements(section, "syscalls", dict)
    for key in ("listenerPath", "listenerMetadata"):
        if not isinstance(section.get(key) or "", str):
            raise InvalidArgument(f"seccomp: {key} is no text")
    asked = any(entry.get("action") == "SCMP_ACT_NOTIFY" for entry in entries)
    if asked and not section.get("listenerPath"):
        raise InvalidArgument("seccomp: SCMP_ACT_NOTIFY needs a listenerPath")
    if section.get("listenerMetadata") and not section.get("listenerPath"):
        raise InvalidArgument("seccomp: listenerMetadata needs a listenerPath")
    return asked


def parse_action(entry: Mapping[str, Any], key: str, errno_key: str) -> int:
    """An action as the value the program returns."""
    name, number = entry.get(key), entry.get(errno_key)
    if not isinstance(name, str) or name not in ACTIONS:
        raise InvalidArgument(f"seccomp: unknown action {name!r}")
    if name not in WITH_NUMBER:
        if number is not None:
            raise InvalidArgument(f"seccomp: {errno_key} has no meaning for {name}")
        return ACTIONS[name]
    if number is None:
        number = errno.EPERM
    if type(number) is not int or not 0 <= number <= 0xFFFF:
        raise InvalidArgument(f"seccomp: {errno_key} {number!r} is no error number")
    return ACTIONS[name] | number


def parse_rule(entry: Mapping[str, Any]) -> Rule:
    """An element of `syscalls`."""
    names, action = entry.get("names"), parse_action(entry, "action", "errnoRet")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidArgument(f"seccomp: names of calls wanted, not {names!r}")
    if action == seccomp.SECCOMP_RET_USER_NOTIF and "write" in names:
        raise InvalidArgument("seccomp: SCMP_ACT_NOTIFY cannot be used for the write syscall")
    conditions = tuple([parse_condition(argument) for argument in elements(entry, "args", dict)])
    if len({condition.argument for condition in conditions}) < len(conditions):
        return Rule(tuple(names), action, tuple([(condition,) for condition in conditions]))
    return Rule(tuple(names), action, (conditions,) if conditions else ())


def parse_condition(argument: Mapping[str, Any]) -> Condition:
    """An element of `args`."""
    op = argument.get("op")
    numbers = [argument.get(key) or 0 for key in ("index", "value", "valueTwo")]
    if not isinstance(op, str) or op not in COMPARE:
        raise InvalidArgument(f"seccomp: unknown operator {op!r}")
    if not all(type(number) is int and 0 <= number >> 64 < 1 for number in numbers):
        raise InvalidArgument(f"seccomp: not 64-bit numbers: {argument!r}")
    if numbers[0] > 5:
        raise InvalidArgument(f"seccomp: a system call has no argument {numbers[0]}")
    return Condition(numbers[0], op, numbers[1], numbers[2])


def architectures(section: Mapping[str, Any], machine: str) -> list[str]:
    """Those listed that this machine can run; its own is always among them, and first."""
    listed = {machine}
    for name in elements(section, "architectures", str):
        short = name.removeprefix("SCMP_ARCH_")
        if short not in ARCHITECTURES:
            raise InvalidArgument(f"seccomp: unknown architecture {name!r}")
        listed.add(short.lower())
    return [name for name in FAMILIES[machine] if name in listed]


def find_ranges(architecture: str, rules: list[Rule], default: int, newer: int) -> list[Range]:
    """Where in the numbers of an architecture which decision begins, in ascending order."""
    table = syscall_table.load(architecture)
    numbered = [([table[name] for name in rule.names if name in table], rule) for rule in rules]
    decisions = decide(numbered, syscall_table.multiplexers(architecture), default)
    known = [n for numbers, _ in numbered for n in numbers if n < syscall_table.PRIVATE]
    newest = max(known, default=0)
    newer = newer if known else default
    starts: dict[int, Decision] = {0: default, newest + 1: newer}
    for number in sorted(decisions):
        starts[number] = decisions[number]
        starts[number + 1] = default if number < newest else newer
    mark = X32_BIT if architecture == "x32" else 0
    ranges: list[Range] = []
    for number in sorted(starts):
        if not ranges or starts[number] != ranges[-1][1]:
            ranges.append((number + mark, starts[number]))
    return ranges


def decide(
    numbered: list[tuple[list[int], Rule]], multiplexers: list[Multiplexer], default: int
) -> dict[int, Decision]:
    """For each number with a rule: the action, or the cases by arguments in order."""
    relevant = [(numbers, rule) for numbers, rule in numbered if rule.action != default]
    decisions: dict[int, Decision] = {}
    for numbers, rule in reversed(relevant):  # the first one stands
        if not rule.alternatives:
            decisions.update(dict.fromkeys(numbers, rule.action))
    cases: dict[int, tuple[Case, ...]] = {}
    for numbers, rule in relevant:
        for number in numbers if rule.alternatives else ():
            mine = [Case(conditions, rule.action) for conditions in rule.alternatives]
            cases[number] = (*cases.get(number, ()), *mine)
    for multiplexer in multiplexers:
        if more := multiplexed(multiplexer, [rule for _, rule in relevant], default):
            cases[multiplexer.number] = (*cases.get(multiplexer.number, ()), *more)
    return cases | decisions


def multiplexed(multiplexer: Multiplexer, rules: list[Rule], default: int) -> list[Case]:
    """The rules for calls that can also be reached through a multiplexer.

    The arguments are in memory then, where no filter can see them: if they mattered, the stricter
    of the two answers is given.
    """
    cases = []
    for rule in rules:
        if rule.alternatives and is_stricter(default, rule.action):
            continue
        for name in multiplexer.codes.keys() & set(rule.names):
            is_meant = Condition(0, "SCMP_CMP_EQ", multiplexer.codes[name])
            cases.append(Case((is_meant,), rule.action))
    return cases


def is_stricter(action: int, other: int) -> bool:
    """Whether an action takes precedence for the kernel: as signed numbers, the lower one does."""
    return (action ^ 1 << 31) < (other ^ 1 << 31)
