"""Credentials: whom they are shown to, and that nothing keeps them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import images
from console import Cuddy
from engine_api import Api, serving
from hostile_registry import Answer, Hostile
from registry import PASSWORD, USER, Registry


def header(**fields: str) -> dict[str, str]:
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()}


def test_credentials_are_checked_and_not_kept(
    api: Api, private_registry: Registry, cuddy: Cuddy
) -> None:
    known = {"username": USER, "password": PASSWORD, "serveraddress": private_registry.host}
    good = api("POST", "/auth", known)
    assert good.json == {"Status": "Login Succeeded", "IdentityToken": ""}
    bad = api("POST", "/auth", known | {"password": "wrong"})
    assert bad.status == 401
    assert "wrong" not in bad.message
    assert api("POST", "/auth", known | {"username": 1}).status == 400
    name = private_registry.name("alpine")
    assert api("POST", "/images/create", fromImage=name).status == 404


def test_a_pull_shows_them_to_the_registry_they_are_for(
    api: Api, private_registry: Registry, cuddy: Cuddy
) -> None:
    name = private_registry.name("alpine")
    known = {"username": USER, "password": PASSWORD}
    denied = f"pull access denied for {private_registry.host}/alpine"

    def pull(**fields: str) -> int:
        answer = api("POST", "/images/create", fromImage=name, headers=header(**fields))
        assert answer.status == 200 or denied in answer.message
        return answer.status

    assert pull() == 404
    assert pull(**known, serveraddress="registry.example") == 404
    assert pull(username=USER, password="wrong") == 404
    assert pull(**known, serveraddress=f"http://{private_registry.host}/v2/") == 200
    cuddy.ok("rmi", name)
    together = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    assert pull(auth=together) == 200
    cuddy.ok("rmi", name)
    malformed = api("POST", "/images/create", fromImage=name, headers={"X-Registry-Auth": "!"})
    assert malformed.status == 404


def test_a_push_and_a_look_need_them_too(
    api: Api, private_registry: Registry, cuddy: Cuddy
) -> None:
    name = f"{private_registry.host}/mine"
    known = header(username=USER, password=PASSWORD)
    assert api("POST", "/images/alpine/tag", repo=name, tag="1").status == 201
    try:
        refused = api("POST", f"/images/{name}/push", tag="1").lines[-1]
        assert "denied: requested access to the resource is denied" in refused["error"]
        assert "aux" in api("POST", f"/images/{name}/push", tag="1", headers=known).lines[-1]
        assert api("GET", f"/distribution/{name}:1/json").status == 404
        assert api("GET", f"/distribution/{name}:1/json", headers=known).status == 200
    finally:
        cuddy.ok("rmi", f"{name}:1")


def test_a_build_shows_each_registry_its_own(
    api: Api, private_registry: Registry, cuddy: Cuddy
) -> None:
    name = private_registry.name("alpine")
    context = images.tar(images.entry("Dockerfile", f"FROM {name}\nENV A=b\n".encode()))
    config = {private_registry.host: {"username": USER, "password": PASSWORD}}
    encoded = base64.urlsafe_b64encode(json.dumps(config).encode()).decode()
    refused = api("POST", "/build", data=context)
    assert refused.status == 200
    assert "pull access denied" in refused.lines[-1]["error"]
    built = api("POST", "/build", data=context, t="a/b", headers={"X-Registry-Config": encoded})
    assert built.lines[-1] == {"stream": "Successfully tagged a/b:latest\n"}
    assert any(line.get("status") == "Pulling from alpine" for line in built.lines)
    cuddy.ok("rmi", "a/b", name)
    assert PASSWORD not in cuddy.ok("build", "log")


def test_they_stand_in_no_log_no_message_and_no_command_line(
    home: Cuddy, hostile: Callable[..., Hostile], tmp_path: Path
) -> None:
    secret = "Tr0ub4dor"
    slow = Answer(status=401, needs="x", challenge=f'Basic realm="{secret[::-1]}"', trickle_s=0.05)
    server = hostile({"/v2/*": [slow], "/token*": [slow]})
    known = header(username="u", password=secret)
    config = {server.host: {"username": "u", "password": secret}, "other.example": {"auth": secret}}
    encoded = base64.b64encode(json.dumps(config).encode()).decode()
    context = images.tar(images.entry("Dockerfile", f"FROM {server.host}/x\n".encode()))
    account = {"username": "u", "password": secret, "serveraddress": server.host}
    loud = Cuddy(home.root, home.run_root, [*home.program, "--debug"])
    with serving(loud, tmp_path / "s.sock") as api:
        told = [
            api("POST", "/images/create", fromImage=f"{server.host}/x:1", headers=known),
            api("GET", f"/distribution/{server.host}/x:1/json", headers=known),
            api("POST", "/auth", account),
            api("POST", "/build", data=context, headers={"X-Registry-Config": encoded}),
        ]
        for pid in filter(str.isdecimal, os.listdir("/proc")):
            with suppress(OSError):
                shown = [
                    Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")
                ]
                assert int(pid) == os.getpid() or secret.encode() not in b"".join(shown)
    assert server.asked("/v2/")
    for answer in told:
        assert secret.encode() not in answer.data
    log = (tmp_path / "s.log").read_text()
    assert "POST /images/create" in log
    for spelled in (secret, known["X-Registry-Auth"], encoded):
        assert spelled not in log
    kept = [
        each for each in home.root.rglob("*") if each.is_file() and each.stat().st_size < 1 << 20
    ]
    assert not [each for each in kept if secret.encode() in each.read_bytes()]
