"""Which devices a container may use: linux.resources.devices as a deny-by-default list. Pure.

The rules are in the words of version 1's devices.allow and devices.deny; on version 2,
`Cgroup.apply` makes a program of the same words.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.kernel.cgroup_limits import CgroupWrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.kernel.cgroup_hierarchies import Hierarchies

LIMIT = "the device rules"
EVERYTHING = "a"
LARGEST = (1 << 31) - 1
ALWAYS = (
    # Making a node harms nobody; opening it does.
    "c *:* m", "b *:* m",
    # null, zero, full, random, urandom, tty, the terminals of a container, ptmx
    "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm",
    "c 136:* rwm", "c 5:2 rwm",
)  # fmt: skip
"""Every container needs these, whatever its config says: runc and crun add them as well."""


def plan(rules: list[Mapping[str, Any]], hierarchies: Hierarchies) -> list[CgroupWrite]:
    """The rules in order, after a denial of everything. Raises InvalidArgument."""
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise InvalidArgument("config.json: resources.devices has the wrong type")
    words = [(bool(rule.get("allow")), rule_text(rule)) for rule in rules]
    if not words or words[0][1] != EVERYTHING:
        words.insert(0, (False, EVERYTHING))
    if words[-1] != (True, EVERYTHING):
        words += [(True, text) for text in ALWAYS if (True, text) not in words]
    hierarchy = hierarchies.of("devices")
    if hierarchy and hierarchy.version == 1:
        refuse_holes(words)
    return [
        CgroupWrite("devices", "devices.allow" if allow else "devices.deny", text, LIMIT)
        for allow, text in words
    ]


def rule_text(rule: Mapping[str, Any]) -> str:
    """`c 1:3 rwm`, or `a` for everything. Raises InvalidArgument."""
    kind, access = rule.get("type") or "a", rule.get("access") or "rwm"
    if isinstance(access, str):  # runc takes other letters for nothing; "rwa" has been seen
        access = "".join(letter for letter in access if letter in "rwm")
    numbers = [rule.get("major"), rule.get("minor")]
    if kind not in ("a", "b", "c", "u") or not isinstance(access, str) or not access:
        raise InvalidArgument(f"config.json: not a device rule: {rule!r}")
    if not all(n is None or (type(n) is int and n <= LARGEST) for n in numbers):
        raise InvalidArgument(f"config.json: not a device rule: {rule!r}")
    if kind == "a":
        if set(access) != set("rwm") or any(n is not None and n >= 0 for n in numbers):
            raise InvalidArgument(f"config.json: a rule for all devices cannot choose: {rule!r}")
        return EVERYTHING
    major, minor = ("*" if number is None or number < 0 else number for number in numbers)
    ordered = "".join(letter for letter in "rwm" if letter in access)
    return f"{'c' if kind == 'u' else kind} {major}:{minor} {ordered}"


def refuse_holes(words: list[tuple[bool, str]]) -> None:
    """Version 1 cannot deny a part of what a wildcard allows: it would silently do nothing."""
    allowed: list[str] = []
    for allow, text in words:
        if text == EVERYTHING:
            allowed = []
        elif allow:
            allowed.append(text)
        elif any(covers(wider, text) for wider in allowed):
            raise InvalidArgument(
                f"cannot deny the device {text!r}: an earlier rule allows it with others",
                hint="cgroup version 1 takes back only whole rules",
            )


def covers(wider: str, text: str) -> bool:
    """Whether a rule is about the same devices and more, with some of the same access."""
    (kind, numbers, access), (kind2, numbers2, access2) = wider.split(), text.split()
    pairs = list(zip(numbers.split(":"), numbers2.split(":")))
    return (
        kind == kind2
        and numbers != numbers2
        and all(one in ("*", other) for one, other in pairs)
        and bool(set(access) & set(access2))
    )
