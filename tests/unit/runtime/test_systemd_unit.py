"""What systemd is told of a container."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.errors import InvalidArgument
from cuddy.kernel.cgroup_limits import CgroupWrite
from cuddy.runtime import systemd_unit
from cuddy.runtime.systemd_unit import INFINITY, Place, limits_of, mask_of, place_of

DEVICES = """Character devices:
  1 mem
136 pts

Block devices:
  8 sd
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("machine.slice:libpod:abc", Place("machine.slice", "libpod-abc.scope")),
        (":docker:abc", Place("system.slice", "docker-abc.scope")),
        ("-.slice::abc", Place("-.slice", "abc.scope")),
        ("", Place("system.slice", "cuddy-box.scope")),
        ("a-b.slice:x:y", Place("a-b.slice", "x-y.scope")),
    ],
)
def test_paths_name_scopes(path: str, place: Place) -> None:
    assert place_of(path, "box", rootless=False) == place


def test_an_ordinary_users_scope_is_among_that_users() -> None:
    assert place_of("", "box", rootless=True).slice == "user.slice"


@pytest.mark.parametrize(
    "path",
    ["/a", "a:b", "a:b:c", "a.slice:b:c.slice", "a--b.slice:b:c", "-a.slice:b:c", "x.slice:b:c/d"],
)
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(InvalidArgument):
        place_of(path, "box", rootless=False)


@pytest.mark.parametrize(
    ("text", "mask"), [("0", b"\1"), ("0-2,5", b"\x27"), ("7-8", b"\x80\1"), ("1,1", b"\2")]
)
def test_sets_are_bits(text: str, mask: bytes) -> None:
    assert mask_of(text) == mask


@pytest.mark.parametrize("text", ["", "a", "3-1", "-1", "0-99999999", "1,,2"])
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        mask_of(text)


@pytest.mark.parametrize(
    ("wanted", "v2", "v1"),
    [
        ({"memory": {"limit": 9}}, {"MemoryMax": ("t", 9)}, {"MemoryLimit": ("t", 9)}),
        (
            {"memory": {"limit": -1}},
            {"MemoryMax": ("t", INFINITY), "MemorySwapMax": ("t", INFINITY)},
            {"MemoryLimit": ("t", INFINITY)},
        ),
        (
            {"memory": {"limit": 10, "swap": 30, "reservation": 5}},
            {"MemoryMax": ("t", 10), "MemoryLow": ("t", 5), "MemorySwapMax": ("t", 20)},
            {"MemoryLimit": ("t", 10)},
        ),
        (
            {"cpu": {"shares": 1024, "quota": 50000}},
            {"CPUWeight": ("t", 100), "CPUQuotaPerSecUSec": ("t", 500000)},
            {"CPUShares": ("t", 1024), "CPUQuotaPerSecUSec": ("t", 500000)},
        ),
        (
            {"cpu": {"quota": -1, "period": 1000, "cpus": "0-1"}},
            {
                "CPUQuotaPeriodUSec": ("t", 1000), "CPUQuotaPerSecUSec": ("t", INFINITY),
                "AllowedCPUs": ("ay", [3]),
            },
            {"CPUQuotaPeriodUSec": ("t", 1000), "CPUQuotaPerSecUSec": ("t", INFINITY)},
        ),
        (
            {"unified": {"memory.high": "max", "pids.max": "7", "io.max": "8:0 rbps=1"}},
            {"MemoryHigh": ("t", INFINITY), "TasksMax": ("t", 7)},
            {"MemoryHigh": ("t", INFINITY), "TasksMax": ("t", 7)},
        ),
    ],
)  # fmt: skip
def test_limits_are_properties(
    wanted: dict[str, Any], v2: dict[str, Any], v1: dict[str, Any]
) -> None:
    assert dict(limits_of(wanted, v1=False)) == v2
    assert dict(limits_of(wanted, v1=True)) == v1


def test_devices_are_named_as_systemd_does() -> None:
    rules = [
        CgroupWrite("devices", "devices.deny", "a"),
        CgroupWrite("devices", "devices.allow", "c *:* m"),
        CgroupWrite("devices", "devices.allow", "c 136:* rwm"),
        CgroupWrite("devices", "devices.allow", "b 8:0 r"),
        CgroupWrite("devices", "devices.allow", "c 77:* r"),
    ]
    (policy, (_, allowed)) = systemd_unit.devices_of(rules, systemd_unit.drivers(DEVICES))
    assert policy == ("DevicePolicy", ("s", "strict"))
    assert allowed == ("a(ss)", [("char-*", "m"), ("char-pts", "rwm"), ("/dev/block/8:0", "r")])


def test_all_devices_need_no_list() -> None:
    rules = [CgroupWrite("devices", "devices.allow", "a")]
    assert systemd_unit.devices_of(rules, {}) == [("DevicePolicy", ("s", "auto"))]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("TimeoutStopUSec", "uint64 5", ("TimeoutStopUSec", ("t", 5))),
        ("TimeoutStopSec", "7", ("TimeoutStopUSec", ("t", 7000000))),
        ("CollectMode", "'inactive'", ("CollectMode", ("s", "inactive"))),
        ("SendSIGHUP", "true", ("SendSIGHUP", ("b", True))),
    ],
)
def test_annotations_are_properties(name: str, text: str, told: object) -> None:
    assert systemd_unit.annotated({f"org.systemd.property.{name}": text, "other": "x"}) == [told]


@pytest.mark.parametrize(
    ("name", "text"), [("A-b", "1"), ("TimeoutStopUSec", "[1]"), ("Abc", "int32 x"), ("Abc", "")]
)
def test_annotations_that_cannot_be_read_are_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidArgument):
        systemd_unit.annotated({f"org.systemd.property.{name}": text})
