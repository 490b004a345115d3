"""`inspect`: everything known of a thing, field for field as docker tells it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import inspected
import userns_expected
from console import Cuddy, wait_until

# The dockerd that was asked is 20.10, docker 28 has (api/types at v28.2): no kernel memory, the
# network's own name, namespaces of cgroups on both versions, a priority and names of endpoints.
GONE = ("KernelMemory", "KernelMemoryTCP")
NEWER_ENDPOINT = {"GwPriority": 0, "DNSNames": None}
OURS = {"CgroupnsMode": "private"}


def as_of_28(document: dict[str, Any]) -> dict[str, Any]:
    """What docker 28 would have said where the one that was asked is older."""
    host_config = document["HostConfig"] | OURS
    for key in GONE:
        del host_config[key]
    if host_config["NetworkMode"] == "default":
        host_config["NetworkMode"] = "bridge"
    settings = document["NetworkSettings"]
    networks = {name: each | NEWER_ENDPOINT for name, each in settings["Networks"].items()}
    return document | {
        "HostConfig": host_config,
        "NetworkSettings": settings | {"Networks": networks},
    }


def differences(docker: Any, ours: Any, path: str = "") -> list[str]:
    """Where two documents differ, as paths."""
    if isinstance(docker, dict) and isinstance(ours, dict):
        found = []
        for key in {**docker, **ours}:
            where = f"{path}.{key}"
            if key not in ours or key not in docker:
                found.append(f"{where} only {'docker' if key in docker else 'cuddy'} has")
            else:
                found += differences(docker[key], ours[key], where)
        return found
    return [] if docker == ours else [f"{path}: docker {docker!r}, cuddy {ours!r}"]


# Said of every container: files that docker makes at the first start, what ours is called, and
# what only we tell.
KNOWN = (
    ".ResolvConfPath", ".HostnamePath", ".HostsPath", ".LogPath", ".GraphDriver.Name",
    ".Config.WorkingDir", ".ExitReport",
    ".NetworkSettings.EndpointID", ".NetworkSettings.SandboxID", ".NetworkSettings.SandboxKey",
    ".AppArmorProfile", *(f".NetworkSettings.Networks.bridge.{each}" for each in
                          ("Driver", "Link", "HostLink")),
)  # fmt: skip
# docker has users of their own for all containers or for none, and a container says nothing of it.
KNOWN_OF_USERS = (".HostConfig.UsernsMode: docker '', cuddy 'auto'", ".HostConfig.IDMappings only")


@pytest.mark.parametrize("case", inspected.CASES)
def test_a_container_is_told_of_as_docker_does(cuddy: Cuddy, case: str) -> None:
    words, recorded = inspected.read(case)
    cuddy(*words)
    document = cuddy.inspect(cuddy.ok("ps", "-aq"))
    docker, ours = as_of_28(recorded), inspected.normal(document)
    known = KNOWN + (KNOWN_OF_USERS if userns_expected.is_asked_for() else ())
    found = [each for each in differences(docker, ours) if not each.startswith(known)]
    endpoints = (".EndpointID", ".NetworkID", ".IPAMConfig")
    assert [each for each in found if not each.partition(":")[0].endswith(endpoints)] == []
    assert list(document)[: len(recorded)] == list(recorded)
    for section in ("State", "Config"):
        assert list(document[section]) == list(recorded[section])


def test_the_size_is_what_the_container_wrote(cuddy: Cuddy) -> None:
    script = "mkdir -p /a/b; head -c 100000 /dev/zero > /a/b/c; ln /a/b/c /a/d"
    cuddy.ok("run", "--name", "fat", "alpine", "sh", "-c", script)
    assert "SizeRw" not in cuddy.inspect("fat")
    (document,) = json.loads(cuddy.ok("inspect", "-s", "fat"))
    assert document["SizeRw"] == 100_000
    assert document["SizeRootFs"] > 1_000_000
    keys = list(document)
    assert keys[keys.index("SizeRw") - 1 : keys.index("SizeRw") + 3] == [
        "GraphDriver", "SizeRw", "SizeRootFs", "Mounts"
    ]  # fmt: skip
    assert cuddy.ok("container", "inspect", "-s", "-f", "{{.SizeRw}}", "fat") == "100000"


def test_a_tree_deeper_than_any_path_is_long_is_measured(cuddy: Cuddy) -> None:
    script = "i=0; while [ $i -lt 60 ]; do mkdir -p $0 && cd $0; i=$((i+1)); done; echo hello > f"
    cuddy.ok("run", "--name", "deep", "alpine", "sh", "-c", script, "d" * 100)
    assert cuddy.ok("inspect", "-s", "-f", "{{.SizeRw}}", "deep") == "6"


def test_lists_and_maps_without_a_value_are_empty_ones(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "plain", "alpine", "true")
    form = "{{.HostConfig.Binds}} {{len .HostConfig.CapAdd}} {{.HostConfig.Sysctls}} {{.ExecIDs}}"
    assert cuddy.field("plain", form) == "[] 0 map[] []"
    form = "{{range .HostConfig.Dns}}x{{end}}{{.Config.Entrypoint}} {{.HostConfig.Init}}"
    assert cuddy.field("plain", form) == "[] <nil>"
    form = "{{.HostConfig.PidsLimit}} {{.State.Health}} {{.Config.StopTimeout}} {{.SizeRw}}"
    assert cuddy.field("plain", form) == "<nil> <nil> <nil> <nil>"
    form = (
        "{{with .NetworkSettings.Networks.bridge}}{{.IPAMConfig}} {{.Links}} {{.DriverOpts}}{{end}}"
    )
    assert cuddy.field("plain", form) == "<nil> [] map[]"
    form = '{{json .HostConfig.Binds}} {{json .HostConfig.Links}} {{join .HostConfig.Links ","}}|'
    assert cuddy.field("plain", form) == "null null |"


def test_names_that_are_not_there_are_told_of_after_what_is(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "here", "alpine", "true")
    result = cuddy("inspect", "-f", "{{.Name}}", "nowhere", "here")
    assert (result.code, result.out) == (1, "/here")
    assert "No such object: nowhere" in result.complaint
    alone = cuddy("inspect", "nowhere")
    assert (alone.code, alone.out) == (1, "[]")
    container = cuddy("container", "inspect", "nowhere")
    assert (container.code, container.out) == (1, "[]")
    assert "No such container: nowhere" in container.complaint


def test_a_type_narrows_where_is_looked(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "alpine", "alpine", "true")
    assert cuddy.field("alpine", "{{.Name}}") == "/alpine"
    image = cuddy.ok("inspect", "--type", "image", "-f", "{{.RepoTags}}", "alpine")
    assert image == "[alpine:latest]"
    network = cuddy.ok("inspect", "--type", "network", "-f", "{{.Driver}}", "bridge")
    assert network == cuddy.ok("inspect", "-f", "{{.Driver}}", "bridge") == "bridge"
    assert cuddy("inspect", "--type", "container", "bridge").code == 1
    assert cuddy("inspect", "--type", "secret", "alpine").code == 1
    unknown = cuddy("inspect", "--type", "thing", "alpine")
    assert unknown.code == 1
    assert 'unknown type: "thing"' in unknown.complaint


def test_a_network_names_the_containers_on_it(cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "member", "alpine", "sleep", "1000")
    (network,) = json.loads(cuddy.ok("inspect", "--type", "network", "bridge"))
    found = network["Containers"][cuddy.field("member", "{{.Id}}")]
    address = cuddy.field("member", "{{.NetworkSettings.IPAddress}}")
    assert found["Name"] == "member"
    assert found["IPv4Address"].partition("/")[0] == address
    key = cuddy.field("member", "{{.NetworkSettings.SandboxKey}}")
    assert Path(key).readlink() == Path(f"/proc/{cuddy.pid('member')}/ns/net").readlink()
    cuddy.ok("stop", "-t", "0", "member")
    wait_until(lambda: not cuddy.field("member", "{{.NetworkSettings.IPAddress}}"))


def test_an_empty_name_means_nothing(fresh: Cuddy, home_in: Callable[[Path], Cuddy]) -> None:
    result = fresh("inspect", "")
    assert (result.code, result.out) == (1, "[]")
    assert "value is empty" in result.complaint
