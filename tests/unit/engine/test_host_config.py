"""The HostConfig section of a record against what docker's client 28 made dockerd record."""

from __future__ import annotations

import json
from pathlib import Path

from cuddy.engine import create, host_config
from cuddy.engine.options import ContainerOptions

RECORDED = Path(__file__).parents[2] / "golden/host_config/plain.json"

OURS = {
    "NetworkMode": "bridge",  # docker 28 says so too; the dockerd that was asked said "default"
    "CgroupnsMode": "private",  # docker's on version 1 is "host"
    "Runtime": "cuddy",
}


def test_a_plain_container_has_dockers_fields_in_dockers_order() -> None:
    docker = json.loads(RECORDED.read_text())
    found = host_config.shown(create.build_host_config(ContainerOptions("image")))
    assert list(found) == list(docker)
    masks = set(found.pop("MaskedPaths"))
    assert masks.issuperset(docker.pop("MaskedPaths"))
    assert found == docker | OURS


def test_what_is_not_there_is_null_or_absent_as_docker_has_it() -> None:
    found = host_config.shown({"Binds": [], "Dns": [], "Tmpfs": {}, "Init": False, "Memory": 0})
    assert found == {"Binds": None, "Dns": [], "Init": False, "Memory": 0}
    assert host_config.shown({"Init": None, "Sysctls": {"a": "b"}}) == {"Sysctls": {"a": "b"}}
