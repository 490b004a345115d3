"""Lists of containers, asked for again and again by one client: never what was, always what is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from console import Cuddy, kill, monitor_of, wait_until
from cuddy import files
from engine_api import Api, UnixConnection


class Client:
    """One that keeps its connection, and so the process that answers it."""

    def __init__(self, api: Api) -> None:
        self._connection = UnixConnection(api.path, 20)

    def get(self, path: str) -> Any:
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        document = json.loads(answer.read())
        assert answer.status == 200, document
        return document

    def all(self) -> dict[str, Any]:
        """What is listed, by name."""
        return {each["Names"][0][1:]: each for each in self.get("/containers/json?all=1")}

    def status(self, name: str) -> str:
        return str(self.all()[name]["Status"])

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    client = Client(api)
    yield client
    client.close()


def settle() -> None:
    """Until records are old enough to be remembered (engine/memory.py)."""
    time.sleep(0.15)


def test_a_container_whose_monitor_was_killed_does_not_run_any_more(
    client: Client, cuddy: Cuddy
) -> None:
    cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sleep", "1000")
    cuddy.ok("run", "-d", "--name", "fleeting", "--rm", "--network", "none", "alpine", "sleep",
             "1000")  # fmt: skip
    settle()
    for _ in range(3):
        assert client.status("box").startswith("Up ")
    monitors = [monitor_of(cuddy, name) for name in ("box", "fleeting")]
    for pid in monitors:
        kill(pid)
    wait_until(lambda: not any(map(files.start_time, monitors)))
    found = client.all()
    assert list(found) == ["box"]
    assert (found["box"]["State"], found["box"]["Status"][:12]) == ("exited", "Exited (137)")
    assert client.get("/containers/json") == []


def test_what_is_done_to_containers_is_seen_at_once(client: Client, cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "box", "--network", "none", "alpine", "sleep", "1000")
    settle()
    assert client.status("box") == client.status("box") == "Created"
    cuddy.ok("start", "box")
    assert client.status("box").startswith("Up ")
    settle()
    assert client.status("box").startswith("Up ")
    cuddy.ok("pause", "box")
    assert client.status("box").endswith(" (Paused)")
    cuddy.ok("unpause", "box")
    assert "Paused" not in client.status("box")
    settle()
    client.all()
    cuddy.ok("rename", "box", "chest")
    assert list(client.all()) == ["chest"]
    cuddy.ok("kill", "chest")
    cuddy.ok("wait", "chest")
    assert client.status("chest").startswith("Exited (137)")
    settle()
    assert client.status("chest").startswith("Exited (137)")
    cuddy.ok("rm", "chest")
    assert client.all() == {}


def test_how_long_it_runs_is_as_of_now(client: Client, cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "box", "--network", "none", "alpine", "sleep", "1000")
    settle()
    before = client.status("box")
    wait_until(lambda: client.status("box") != before)


def test_the_image_is_shown_by_its_id_once_its_name_is_gone(client: Client, cuddy: Cuddy) -> None:
    cuddy.ok("tag", "alpine", "other:1")
    cuddy.ok("create", "--name", "box", "other:1", "true")
    settle()
    assert client.all()["box"]["Image"] == client.all()["box"]["Image"] == "other:1"
    cuddy.ok("rmi", "other:1")
    assert client.all()["box"]["Image"] == client.all()["box"]["ImageID"]


def test_links_give_a_container_further_names(client: Client, cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "db", "alpine", "sleep", "1000")
    settle()
    assert client.all()["db"]["Names"] == ["/db"]
    cuddy.ok("create", "--name", "web", "--link", "db:store", "--link", "db", "alpine", "true")
    assert client.all()["db"]["Names"] == ["/db", "/web/db", "/web/store"]
    assert client.all()["web"]["Names"] == ["/web"]
    names = ("ps", "--filter", "name=db", "--format", "{{.Names}}")
    assert cuddy.ok(*names) == "db"
    assert cuddy.ok(*names, "--no-trunc") == "db,web/db,web/store"
    for path in ("web/store", "/web/db"):
        assert cuddy.field(path, "{{.Name}}") == "/db"
        assert cuddy.ok("exec", path, "hostname") == cuddy.ok("exec", "db", "hostname")
    assert client.get("/containers/web/store/json")["Name"] == "/db"
    for path in ("web/nothing", "web/store/db", "nobody/db", "web/", "a" + "/b" * 5000):
        assert "No such" in cuddy("stop", path).err
    cuddy.ok("rm", "web")
    assert client.all()["db"]["Names"] == ["/db"]
