"""linux.resources.devices as a list that denies what it does not name."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.errors import InvalidArgument
from cuddy.kernel.cgroup_hierarchies import Hierarchies, Hierarchy
from cuddy.runtime import device_rules

V1 = Hierarchies((Hierarchy(1, "/sys/fs/cgroup/devices", ("devices",), "/"),))
V2 = Hierarchies((Hierarchy(2, "/sys/fs/cgroup", (), "/"),))
ALWAYS = [f"allow {text}" for text in device_rules.ALWAYS]


def words(rules: list[dict[str, Any]], hierarchies: Hierarchies = V2) -> list[str]:
    plan = device_rules.plan(rules, hierarchies)
    return [f"{write.file.removeprefix('devices.')} {write.value}" for write in plan]


def test_without_rules_only_harmless_devices_are_left() -> None:
    assert words([]) == ["deny a", *ALWAYS]


def test_rules_come_after_the_denial_and_in_order() -> None:
    rules = [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "wr"},
        {"allow": True, "type": "b", "major": 8, "minor": -1},
        {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "w"},
    ]
    expected = ["deny a", "allow c 10:229 rw", "allow b 8:* rwm", "deny c 10:229 w"]
    assert words(rules) == [*expected, *ALWAYS]


def test_everything_is_denied_even_if_no_rule_says_so() -> None:
    rules = [{"allow": True, "type": "c", "major": 10, "minor": 229}]
    assert words(rules)[:2] == ["deny a", "allow c 10:229 rwm"]


def test_a_rule_that_is_there_is_not_added_again() -> None:
    rules = [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}]
    assert words(rules).count("allow c 1:3 rwm") == 1


def test_a_privileged_container_may_use_everything() -> None:
    assert words([{"allow": True, "access": "rwm"}]) == ["allow a"]


def test_an_unbuffered_device_is_a_character_device() -> None:
    assert "allow c 9:9 m" in words(
        [{"allow": True, "type": "u", "major": 9, "minor": 9, "access": "m"}]
    )


def test_a_hole_in_a_wildcard_is_refused_where_the_kernel_would_ignore_it() -> None:
    rules = [
        {"allow": True, "type": "c", "major": 10, "access": "rw"},
        {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "w"},
    ]
    with pytest.raises(InvalidArgument, match="cannot deny the device 'c 10:229 w'"):
        words(rules, V1)
    assert "deny c 10:229 w" in words(rules, V2)


def test_taking_back_a_whole_rule_is_fine_on_version_1() -> None:
    rule = {"type": "c", "major": 10, "access": "rw"}
    rules = [rule | {"allow": True}, rule | {"allow": False}]
    assert words(rules, V1)[1:3] == ["allow c 10:* rw", "deny c 10:* rw"]


def test_dockers_denial_of_fuse_is_no_hole() -> None:
    """It comes before the wildcards that every container gets."""
    rules = [
        {"allow": False, "access": "rwm"},
        {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"},
    ]
    assert words(rules, V1)[:2] == ["deny a", "deny c 10:229 rwm"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"allow": True, "type": "x", "major": 1, "minor": 1},
        {"allow": True, "type": "c", "major": 1, "minor": 1, "access": "x"},
        {"allow": True, "type": "c", "major": "1", "minor": 1},
        {"allow": True, "type": "c", "major": 1, "minor": 1, "access": 7},
        {"allow": True, "type": "a", "major": 1},
        {"allow": True, "type": "a", "access": "r"},
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="rule"):
        words([wrong])
