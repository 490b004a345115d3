"""Images of containers."""

from __future__ import annotations

from console import Cuddy
from engine_api import Api


def test_a_container_becomes_an_image(api: Api, cuddy: Cuddy) -> None:
    container = cuddy.ok("create", "--label", "a=b", "-e", "KEPT=1", "alpine", "true").strip()
    answer = api(
        "POST", "/commit", container=container[:12], repo="of/container", tag="1", comment="so",
        author="me", changes=["EXPOSE 80", "CMD [\"sh\"]"],
    )  # fmt: skip
    assert answer.status == 201
    found = api.get("/images/of/container:1/json")
    assert answer.json == {"Id": found["Id"]}
    assert found["Parent"] == api.get("/images/alpine/json")["Id"]
    assert (found["Author"], found["Comment"]) == ("me", "so")
    assert (found["Config"]["Cmd"], found["Config"]["Labels"]) == (["sh"], {"a": "b"})
    assert found["Config"]["ExposedPorts"] == {"80/tcp": {}}
    cuddy.ok("rmi", "of/container:1")


def test_the_body_says_what_is_to_be_another_config(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok(
        "create",
        "--name",
        "committed",
        "--label",
        "a=b",
        "-e",
        "KEPT=1",
        "-e",
        "X=1",
        "alpine",
        "x",
    )
    body = {
        "Env": ["X=2"], "Cmd": ["sh"], "Labels": {"c": "d"}, "User": "me", "Hostname": "ignored",
        "Volumes": {"/v": {}}, "Healthcheck": {"Test": ["NONE"]}, "WorkingDir": None,
    }  # fmt: skip
    answer = api("POST", "/commit", body, container="committed")
    config = api.get(f"/images/{answer.json['Id']}/json")["Config"]
    assert set(config["Env"]) >= {"KEPT=1", "X=2"}
    assert "X=1" not in config["Env"]
    assert (config["Cmd"], config["User"]) == (["sh"], "me")
    assert config["Labels"] == {"a": "b", "c": "d"}
    assert config["Volumes"] == {"/v": {}}
    assert config["Healthcheck"] == {"Test": ["NONE"]}
    cuddy.ok("rmi", answer.json["Id"])


def test_mistakes_are_answered(api: Api, cuddy: Cuddy) -> None:
    missing = api("POST", "/commit", container="nosuch")
    assert (missing.status, missing.message) == (404, "No such container: nosuch")
    cuddy.ok("create", "--name", "committed", "alpine", "x")
    assert api("POST", "/commit", container="committed", repo="UPPER").status == 400
    assert api("POST", "/commit", container="committed", changes="RUN x").status == 400
    assert api("POST", "/commit", {"Cmd": 1}, container="committed").status == 400
    # Half a surrogate pair, which no file could hold: it would make the store unreadable.
    assert api("POST", "/commit", {"Cmd": ["\ud800"]}, container="committed").status == 400
    assert api.get("/images/json")


def test_a_container_may_end_while_it_is_committed(api: Api, cuddy: Cuddy) -> None:
    for delay in range(6):
        command = f"touch /x; sleep 0.0{delay}"
        container = cuddy.ok("run", "-d", "alpine", "sh", "-c", command).strip()
        answer = api("POST", "/commit", container=container)
        assert answer.status == 201, answer
        cuddy.ok("rmi", answer.json["Id"])
