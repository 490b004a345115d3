"""From options to config.json: whole documents, compared with those under tests/golden/spec.

A case is a directory with `input.json` (the options that differ from their defaults, the image's
config, the user found in the image, the host) and `result.json`, which `make golden` writes.
"""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

import golden
from cuddy.engine import create, default_profile, devices, spec
from cuddy.engine.home import Home
from cuddy.engine.options import ContainerOptions
from cuddy.engine.users import Identity
from cuddy.image import host as host_image
from cuddy.kernel import capabilities
from cuddy.runtime import bundle, mount_plan

ID = "0123456789abcdef"  # short, for results that are read by people
SHARED = Home("/var/lib/cuddy", "/run/cuddy")
CASES = sorted(path.parent.name for path in (golden.GOLDEN / "spec").glob("*/input.json"))
HOST = {
    "kernel": [6, 1], "machine": "x86_64", "capabilities": [], "devices": [], "cpus": 2,
    "blockDevices": {}, "namespaces": {},
}  # fmt: skip
IDENTITY = {"uid": 0, "gid": 0, "groups": [], "home": "/root"}


def build(given: dict[str, Any]) -> Any:
    """config.json of a case."""
    listed = {"command": ["sh"]} | given.get("options", {})
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in listed.items()}
    options = ContainerOptions("image", **values)
    create.check(options)
    image = host_image.IMAGE._replace(config={"config": given.get("image", {})})
    record = create.build_record(SHARED, options, image, ID)
    host = HOST | given.get("host", {})
    this = spec.Host(
        tuple(host["kernel"]),
        host["machine"],
        frozenset(host["capabilities"] or capabilities.NAMES),
        spec.Granted(tuple(host["devices"]), devices.rules(record["HostConfig"])),
        host["blockDevices"],
        host["cpus"],
        host["namespaces"],
    )
    identity = IDENTITY | given.get("identity", {})
    who = Identity(**identity | {"groups": tuple(identity["groups"])})
    return spec.build_spec(record, who, this, given.get("size"))


def shorten_seccomp(config: Any) -> None:
    """Docker's profile has tests of its own: here it is only said to be there."""
    own = frozenset(config["process"]["capabilities"]["bounding"])
    for machine in ("x86_64", "aarch64"):
        if config["linux"].get("seccomp") == default_profile.build(own, (6, 1), machine):
            config["linux"]["seccomp"] = f"the default profile for {machine}"


def pretty(value: Any, indent: str = "") -> str:
    """JSON with as much on a line as fits there: made to be read as a diff."""
    line = json.dumps(value)
    if len(indent) + len(line) <= 98 or not isinstance(value, (dict, list)):
        return line
    inner = indent + "  "
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, dict):
        parts = [f"{json.dumps(k)}: {pretty(v, inner)}" for k, v in value.items()]
    elif all(isinstance(each, str) for each in value):
        parts = textwrap.wrap(line[1:-1], 98 - len(inner), break_on_hyphens=False)
        return f"\n{inner}".join([opening, *parts]) + f"\n{indent}{closing}"
    else:
        parts = [pretty(each, inner) for each in value]
    body = f",\n{inner}".join(parts)
    return f"{opening}\n{inner}{body}\n{indent}{closing}"


@pytest.mark.parametrize("case", CASES)
def test_options_become_this_config(case: str) -> None:
    given = json.loads((golden.GOLDEN / f"spec/{case}/input.json").read_text())
    config = build(given)
    shorten_seccomp(config)
    golden.check(f"spec/{case}/result.json", pretty(config) + "\n")


@pytest.mark.parametrize("case", CASES)
def test_the_config_is_one_our_runtime_takes(case: str) -> None:
    config = build(json.loads((golden.GOLDEN / f"spec/{case}/input.json").read_text()))
    bundle.check("/bundle", config)
    mount_plan.plan_mounts(config)


def test_the_same_options_give_the_same_config() -> None:
    assert build({}) == build({})


class TestCapabilities:
    def test_what_the_engine_has_not_got_it_cannot_give(self) -> None:
        own = sorted(set(capabilities.NAMES) - {"CAP_SYS_RESOURCE"})
        config = build({"options": {"privileged": True}, "host": {"capabilities": own}})
        assert config["process"]["capabilities"]["bounding"] == own

    @pytest.mark.parametrize("uid", [0, 1000])
    def test_inheritable_and_ambient_are_always_empty(self, uid: int) -> None:
        """CVE-2022-24769."""
        for options in ({}, {"privileged": True}, {"cap_add": ["ALL"]}):
            sets = build({"options": options, "identity": {"uid": uid}})["process"]["capabilities"]
            assert sets["inheritable"] == sets["ambient"] == []


class TestAVolumeAtDev:
    """A container's /dev may be a directory of the user's; nothing of ours is put there then."""

    def mounts(self, **options: Any) -> list[str]:
        return [entry["destination"] for entry in build({"options": options})["mounts"]]

    def test_what_would_be_mounted_inside_is_left_out(self) -> None:
        inside = [path for path in self.mounts(volumes=["/x:/dev"]) if path.startswith("/dev/")]
        assert inside == []

    def test_what_the_user_puts_inside_stays(self) -> None:
        mounts = self.mounts(volumes=["/x:/dev", "/y:/dev/shm"])
        assert [path for path in mounts if path.startswith("/dev")] == ["/dev", "/dev/shm"]
