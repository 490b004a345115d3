"""Containers over the API: made, listed, started, stopped, looked at, changed, removed."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from console import Cuddy, wait_until
from engine_api import Answer, Api


def create(api: Api, name: str = "box", *command: str, **body: Any) -> str:
    """A new container's id."""
    document = {"Image": "alpine", "Cmd": command or ("sleep", "100"), **body}
    answer = api("POST", "/containers/create", document, name=name)
    assert answer.status == 201, answer
    assert answer.json["Warnings"] == []
    found: str = answer.json["Id"]
    return found


def run(api: Api, name: str = "box", *command: str, **body: Any) -> str:
    container_id = create(api, name, *command, **body)
    post(api, name, "start")
    return container_id


def post(api: Api, box: str, verb: str, status: int = 204, **query: Any) -> Answer:
    answer = api("POST", f"/containers/{box}/{verb}", **query)
    assert answer.status == status, answer
    return answer


def state(api: Api, name: str = "box") -> Any:
    return api.get(f"/containers/{name}/json")["State"]


def ended(api: Api, name: str = "box") -> Any:
    wait_until(lambda: state(api, name)["Status"] == "exited")
    return state(api, name)


def test_a_container_lives_from_create_to_removal(api: Api) -> None:
    container_id = create(api)
    assert state(api)["Status"] == "created"
    post(api, "box", "start")
    assert post(api, "box", "start", 304).data == b""
    assert state(api)["Running"]
    post(api, container_id[:12], "pause")
    assert state(api, "/box".lstrip("/"))["Status"] == "paused"
    post(api, "box", "unpause")
    post(api, "box", "stop", t=0)
    post(api, "box", "stop", 304)
    assert state(api)["ExitCode"] == 137
    post(api, "box", "restart", t=0)
    post(api, "box", "kill", signal="9")
    assert not state(api)["Running"]
    answer = api("DELETE", "/containers/box")
    assert (answer.status, answer.data) == (204, b"")
    assert api("GET", "/containers/box/json").message == "No such container: box"


def test_what_was_asked_is_what_inspect_tells(api: Api, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    create(
        api,
        Env=["Foo", "A=1", "B="],
        Entrypoint=[],
        Labels={"a": "b", "c": "", "d=e": "f=g", "": "h"},
        ExposedPorts={"81/udp": {}},
        Healthcheck={"Test": ["CMD", "true"], "Interval": 10**9},
        Shell=["/bin/ash", "-c"],
        Hostname="my_host",
        OpenStdin=True,
        AttachStdin=True,
        HostConfig={
            "Binds": [f"{tmp_path}/source:/b:ro"],
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}]},
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
            "Memory": 128 << 20,
            "MemorySwappiness": -1,
            "MaskedPaths": ["/proc/kcore"],
            "ConsoleSize": [24, 80],
            "Tmpfs": {"/run": "size=1m"},
            "NetworkMode": "default",
        },
        NetworkingConfig={"EndpointsConfig": {"default": {}}},
    )
    found = api.get("/containers/box/json")
    config, host = found["Config"], found["HostConfig"]
    assert [each for each in config["Env"] if not each.startswith("PATH=")] == ["Foo", "A=1", "B="]
    assert (config["Image"], config["Cmd"]) == ("alpine", ["sleep", "100"])
    assert config["Labels"] == {"a": "b", "c": "", "d=e": "f=g", "": "h"}
    assert set(config["ExposedPorts"]) == {"80/tcp", "81/udp"}
    assert config["Healthcheck"] == {"Test": ["CMD", "true"], "Interval": 10**9}
    assert config["Shell"] == ["/bin/ash", "-c"]
    assert config["Hostname"] == "my_host"
    assert (config["AttachStdin"], config["StdinOnce"]) == (True, False)
    assert host["PortBindings"] == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}]}
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 2}
    assert host["MemorySwap"] == 256 << 20
    assert host["MaskedPaths"] == ["/proc/kcore"]
    assert host["ConsoleSize"] == [24, 80]
    assert host["NetworkMode"] == "bridge"
    assert set(found["NetworkSettings"]["Networks"]) == {"bridge"}
    (mount,) = found["Mounts"]
    assert (mount["Destination"], mount["RW"], mount["Type"]) == ("/b", False, "bind")
    assert "SizeRw" in api.get("/containers/box/json", size=1)


def test_variables_reach_the_program_without_those_that_are_unset(api: Api, cuddy: Cuddy) -> None:
    run(api, "box", "env", Env=["HOSTNAME", "A=1"])
    ended(api)
    lines = set(cuddy.ok("logs", "box").splitlines())
    assert "A=1" in lines
    assert not any(line.startswith("HOSTNAME=") for line in lines)


def test_an_image_that_is_not_here_is_the_clients_to_pull(api: Api) -> None:
    for name, told in (("nosuch", "nosuch:latest"), ("docker.io/library/a:1", "a:1")):
        answer = api("POST", "/containers/create", {"Image": name})
        assert (answer.status, answer.message) == (404, f"No such image: {told}")


def test_a_name_is_had_once(api: Api) -> None:
    container_id = create(api, "/box")
    answer = api("POST", "/containers/create", {"Image": "alpine"}, name="box")
    assert answer.status == 409
    assert answer.message == (
        f'Conflict. The container name "/box" is already in use by container "{container_id}". You'
        " have to remove (or rename) that container to be able to reuse that name."
    )
    post(api, "box", "rename", name="other")
    assert post(api, "other", "rename", 400, name="other").message
    assert api.get("/containers/other/json")["Name"] == "/other"
    answer = api("POST", "/containers/create", {"Image": "alpine"}, name="-bad")
    words = "Invalid container name (-bad), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
    assert (answer.status, answer.message) == (400, words)


@pytest.mark.parametrize(
    ("command", "words", "code"),
    [
        ("nosuchcmd", "executable file not found in $PATH", 127),
        ("/no/such", "no such file or directory", 127),
        ("/etc", "permission denied", 126),
    ],
)
def test_a_command_that_cannot_begin_is_told_in_the_words_clients_look_for(
    api: Api, command: str, words: str, code: int
) -> None:
    create(api, "box", command)
    answer = post(api, "box", "start", 400)
    assert words in answer.message
    found = state(api)
    assert (found["Status"], found["ExitCode"]) == ("created", code)


def test_what_the_state_does_not_allow_is_a_conflict(api: Api) -> None:
    container_id = create(api)
    told = post(api, "box", "kill", 409).message
    assert told == f"cannot kill container: box: container {container_id} is not running"
    for verb in ("pause", "unpause"):
        assert "is not running" in post(api, "box", verb, 409).message
    assert "is not running" in api("GET", "/containers/box/top").message
    post(api, "box", "start")
    answer = api("DELETE", "/containers/box")
    assert answer.status == 409
    assert "stop the container before" in answer.message
    assert post(api, "box", "kill", 400, signal="NOSUCH").message == "invalid signal: NOSUCH"
    post(api, "box", "stop", 400, t="soon")
    assert api("DELETE", "/containers/box", force=1).status == 204


def test_a_start_has_no_body(api: Api) -> None:
    create(api)
    answer = api("POST", "/containers/box/start", {"Binds": []})
    assert answer.status == 400
    assert api("POST", "/containers/box/start", {}).status == 204


def test_lists_tell_of_those_that_are_asked_for(api: Api) -> None:
    first = run(api, "first", "sh", "-c", "sleep 100", Labels={"a": "1"})
    second = create(api, "second", Labels={"a": "2"})
    (running,) = api.get("/containers/json")
    assert running["Id"] == first
    assert (running["Names"], running["Image"]) == (["/first"], "alpine")
    assert (running["State"], running["Command"]) == ("running", "sh -c 'sleep 100'")
    assert running["Status"].startswith("Up ")
    assert running["Labels"] == {"a": "1"}
    assert running["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    both = api.get("/containers/json", all=1, size="true")
    assert [each["Id"] for each in both] == [second, first]
    assert "SizeRootFs" in both[0]
    assert both[0]["Status"] == "Created"

    def listed(filters: str) -> list[str]:
        return [each["Names"][0] for each in api.get("/containers/json", all=1, filters=filters)]

    assert listed('{"label":["a=1"]}') == ["/first"]
    assert listed('{"label":{"a":true},"status":{"created":true}}') == ["/second"]
    assert listed(json.dumps({"name": ["fir"], "id": [first[:10]]})) == ["/first"]
    assert [each["Id"] for each in api.get("/containers/json", limit=1)] == [second]
    assert len(api.get("/containers/json", limit=-1, all=0, trunc_cmd=0)) == 1
    assert api("GET", "/containers/json", filters='{"x":["y"]}').message == "invalid filter 'x'"


def test_an_image_that_lost_its_name_is_listed_by_its_id(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("tag", "alpine", "mine")
    create(api, Image="mine")
    assert api.get("/containers/json", all=1)[0]["Image"] == "mine"
    cuddy.ok("rmi", "mine")
    (found,) = api.get("/containers/json", all=1)
    assert found["Image"] == found["ImageID"]


def test_processes_and_changes_and_the_root_are_there_to_see(api: Api) -> None:
    run(api, "box", "sh", "-c", "touch /test; exec sleep 60")
    wait_until(lambda: api.get("/containers/box/changes") == [{"Path": "/test", "Kind": 1}])
    found = api.get("/containers/box/top")
    assert [row[-1] for row in found["Processes"]] == ["sleep 60"]
    assert api.get("/containers/box/top", ps_args="-o pid,args")["Titles"] == ["PID", "COMMAND"]
    answer = api("GET", "/containers/box/export")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as archive:
        assert archive.getmember("test").isfile()
    assert api("GET", "/containers/nosuch/export").status == 404


def test_an_update_changes_what_says_something(api: Api) -> None:
    create(api, HostConfig={"CpuShares": 100})
    body = {"CpuShares": 0, "Memory": 64 << 20, "MemorySwap": -1, "PidsLimit": 20, "CpusetCpus": "",
            "RestartPolicy": {"Name": "", "MaximumRetryCount": 0}}  # fmt: skip
    answer = api("POST", "/containers/box/update", body)
    assert (answer.status, answer.json) == (200, {"Warnings": []})
    host = api.get("/containers/box/json")["HostConfig"]
    assert (host["CpuShares"], host["Memory"], host["PidsLimit"]) == (100, 64 << 20, 20)
    assert host["RestartPolicy"]["Name"] == "no"
    policy = {"Name": "on-failure", "MaximumRetryCount": 4}
    api("POST", "/containers/box/update", {"RestartPolicy": policy, "PidsLimit": 0})
    host = api.get("/containers/box/json")["HostConfig"]
    assert (host["RestartPolicy"], host["PidsLimit"]) == (policy, None)
    assert api("POST", "/containers/box/update", {"Memory": 1}).status == 400


def test_a_port_of_the_host_is_had_once(api: Api) -> None:
    bindings = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "0"}], "81/tcp": []}
    run(api, "first", HostConfig={"PortBindings": bindings})
    places = api.get("/containers/first/json")["NetworkSettings"]["Ports"]
    (place,) = places["80/tcp"]
    assert places["81/tcp"]
    (listed,) = api.get("/containers/json")
    port = int(place["HostPort"])
    assert {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": port, "Type": "tcp"} in listed[
        "Ports"
    ]
    create(api, "second", HostConfig={"PortBindings": {"80/tcp": [place]}})
    answer = post(api, "second", "start", 500)
    assert "port is already allocated" in answer.message
    assert state(api, "second")["Status"] == "created"


def test_several_networks_are_joined_at_once(api: Api, cuddy: Cuddy) -> None:
    for name in ("front", "back"):
        cuddy.ok("network", "create", name)
    try:
        endpoints = {"back": {"Aliases": ["db"]}, "front": {}}
        run(
            api,
            HostConfig={"NetworkMode": "front"},
            NetworkingConfig={"EndpointsConfig": endpoints},
        )
        container = api.get("/containers/box/json")
        networks = container["NetworkSettings"]["Networks"]
        assert set(networks) == {"front", "back"}
        assert networks["back"]["Aliases"] == ["db"]
        assert networks["back"]["DNSNames"][:2] == ["box", "db"]
        before = api.get("/v1.44/containers/box/json")["NetworkSettings"]["Networks"]
        assert before["back"]["Aliases"] == ["db", container["Id"][:12]]
        assert cuddy.ok("exec", "box", "nslookup", "db")
    finally:
        cuddy.remove_all()
        cuddy.remove_networks()


def test_anonymous_volumes_go_when_they_are_told_to(api: Api, cuddy: Cuddy) -> None:
    def volumes() -> set[str]:
        return set(cuddy.ok("volume", "ls", "-q").split())

    before = volumes()
    create(api, Volumes={"/data": {}})
    (name,) = volumes() - before
    assert api.get("/containers/box/json")["Mounts"][0]["Name"] == name
    api("DELETE", "/containers/box", v=1)
    assert volumes() == before


def test_a_container_that_is_removed_at_its_end_needs_nobody_to_do_so(api: Api) -> None:
    run(api, "box", "true", HostConfig={"AutoRemove": True})
    wait_until(lambda: api("GET", "/containers/box/json").status == 404)


def test_prune_removes_what_does_not_run(api: Api) -> None:
    run(api, "first", Labels={"keep": ""})
    second = create(api, "second")
    create(api, "third", Labels={"keep": ""})
    answer = api("POST", "/containers/prune", filters='{"label!":["keep"]}')
    assert answer.json == {"ContainersDeleted": [second], "SpaceReclaimed": 0}
    assert len(api.get("/containers/json", all=1)) == 2


def test_a_link_is_removed_by_itself(api: Api) -> None:
    run(api, "first")
    create(api, "second", HostConfig={"Links": ["first:mylink"]})
    assert api.get("/containers/second/json")["HostConfig"]["Links"] == ["/first:/second/mylink"]
    assert api("DELETE", "/containers/second/mylink", link=1).status == 204
    assert api.get("/containers/second/json")["HostConfig"]["Links"] is None
    assert api("DELETE", "/containers/second/mylink", link=1).status >= 400


def test_a_failure_is_tried_again_so_many_times(api: Api) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    run(api, "box", "false", HostConfig={"RestartPolicy": policy})
    wait_until(lambda: state(api)["Status"] == "exited")
    assert api.get("/containers/box/json")["RestartCount"] == 2


def test_a_terminal_begins_with_the_size_that_was_asked_for(api: Api, cuddy: Cuddy) -> None:
    run(api, "box", "stty", "size", Tty=True, HostConfig={"ConsoleSize": [33, 77]})
    ended(api)
    assert cuddy.ok("logs", "box").strip() == "33 77"


def test_filters_that_are_no_text_are_refused(api: Api) -> None:
    answer = api("GET", "/containers/json", filters='{"before":["\\ud83d"]}')
    assert (answer.status, answer.message) == (
        400, "invalid filter: it holds text that is not Unicode",
    )  # fmt: skip
