"""The API of an ordinary user's engine: a socket of the user's own, and all that is everyday."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import images
from console import ENGINE, TIME_FACTOR, Cuddy, wait_until
from engine_api import Api, serving
from ordinary_user import OrdinaryUser, with_alpine
from registry import Registry
from serving import SERVE, ask

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="how others do it is their affair")
ALL = {"stream": 1, "stdout": 1, "stderr": 1}


@pytest.fixture(scope="module")
def user(registry: Registry) -> Iterator[OrdinaryUser]:
    """Somebody with ids of /etc/subuid."""
    with with_alpine(OrdinaryUser("cuddy-api", has_ids=True), registry) as somebody:
        yield somebody


@pytest.fixture(scope="module")
def server(user: OrdinaryUser) -> Iterator[Api]:
    """The usual socket of theirs."""
    with serving(user, user.run_root / "cuddy.sock") as api:
        yield api


@pytest.fixture
def rootless(server: Api, user: OrdinaryUser) -> Iterator[Api]:
    """The server; what a test has made goes after it."""
    yield server
    if left := user.ok("ps", "-aq").split():
        user.ok("rm", "-f", *left)


def make(api: Api, name: str, *command: str, host: object = None, **config: object) -> None:
    body = {"Image": "alpine", "Cmd": command, "HostConfig": host or {}, **config}
    assert api("POST", "/containers/create", body, name=name).status == 201


def test_only_the_user_may_connect(server: Api, user: OrdinaryUser) -> None:
    status = server.path.stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o600, user.uid)
    command = ["curl", "-s", "--unix-socket", str(server.path), "http://engine/_ping"]
    for uid, code in ((user.uid, 0), (user.uid + 1, 7)):
        asked = subprocess.run(command, user=uid, group=uid, extra_groups=[], check=False)
        assert asked.returncode == code
    assert "name=rootless" in server.get("/info")["SecurityOptions"]


def test_a_container_lives_and_is_looked_into(rootless: Api) -> None:
    make(rootless, "box", "sh", "-c", "cat; echo err >&2", OpenStdin=True, StdinOnce=True)
    with rootless.hijack("/containers/box/attach", stdin=1, **ALL) as stream:
        assert rootless("POST", "/containers/box/start").status == 204
        stream.sock.sendall(b"typed")
        stream.half_close()
        assert stream.read_frames() == {1: b"typed", 2: b"err\n"}
    assert rootless("POST", "/containers/box/wait").json["StatusCode"] == 0
    logged = rootless("GET", "/containers/box/logs", stdout=1, stderr=1).data
    assert b"typed" in logged
    assert b"err" in logged
    make(rootless, "kept", "sleep", "1000")
    assert rootless("POST", "/containers/kept/start").status == 204
    made = rootless("POST", "/containers/kept/exec", {"Cmd": ["id", "-u"], "AttachStdout": True})
    with rootless.hijack(f"/exec/{made.json['Id']}/start", {}) as stream:
        assert stream.read_frames() == {1: b"0\n"}
    assert rootless.get(f"/exec/{made.json['Id']}/json")["ExitCode"] == 0
    archive = rootless("GET", "/containers/kept/archive", path="/etc/hostname")
    with tarfile.open(fileobj=io.BytesIO(archive.data)) as found:
        assert found.getnames() == ["hostname"]
    assert rootless("DELETE", "/containers/kept", force=1).status == 204


def test_a_published_port_and_a_network_of_ones_own(rootless: Api, user: OrdinaryUser) -> None:
    assert rootless("POST", "/networks/create", {"Name": "back"}).status == 201
    ports = {"PortBindings": {"7000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}}
    host = {"NetworkMode": "back", **ports}
    make(rootless, "web", "sh", "-c", SERVE, host=host, ExposedPorts={"7000/tcp": {}})
    assert rootless("POST", "/containers/web/start").status == 204
    published = rootless.get("/containers/web/json")["NetworkSettings"]["Ports"]["7000/tcp"]
    assert ask("127.0.0.1", int(published[0]["HostPort"])) == "served"
    said = user.ok("run", "--rm", "--network", "back", "alpine", "nc", "web", "7000")
    assert said == "served"
    assert rootless("DELETE", "/containers/web", force=1).status == 204
    assert rootless("DELETE", "/networks/back").status == 204


def test_an_image_is_built_and_events_tell_of_it_all(rootless: Api, user: OrdinaryUser) -> None:
    heard: list[str] = []
    listener = threading.Thread(target=listen, args=(rootless, heard))
    listener.start()
    wait_until(lambda: "listening" in heard)
    recipe = b"FROM alpine\nRUN id -u > /made\nCMD cat /made\n"
    context = images.tar(images.entry("Dockerfile", recipe))
    built = rootless("POST", "/build", data=context, t="made:1")
    assert built.lines[-1] == {"stream": "Successfully tagged made:1\n"}
    assert user.ok("run", "--rm", "made:1") == "0"
    listener.join(60)
    assert {"image tag", "container start", "container die", "container destroy"} <= {*heard}
    user.ok("rmi", "made:1")


def listen(api: Api, heard: list[str]) -> None:
    """Events until a container is gone."""
    with api.connect() as sock:
        sock.sendall(b"GET /events HTTP/1.1\r\nHost: engine\r\n\r\n")
        lines = sock.makefile("rb")
        while lines.readline() != b"\r\n":
            pass
        heard.append("listening")
        while "container destroy" not in heard:
            lines.readline()  # the length of the chunk
            event = json.loads(lines.readline())
            heard.append(f"{event['Type']} {event['Action']}")
            lines.readline()


def test_dockers_command_line_runs_there(rootless: Api, user: OrdinaryUser, tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if not docker:
        pytest.skip("needs docker's command line")
    program = Cuddy(user.root, user.run_root, [*user.prefix, docker])
    program.environment = user.environment | {"DOCKER_HOST": f"unix://{rootless.path}"}
    assert program.ok("run", "--rm", "-i", "alpine", "wc", "-c", input=b"x" * 300_000) == "300000"
    assert program("run", "--rm", "alpine", "sh", "-c", "exit 7").code == 7
    with program.terminal("run", "--rm", "-it", "alpine", rows=30, columns=101) as terminal:
        terminal.expect("/ # ")
        terminal.line("stty size; id -u; exit 3")
        terminal.expect("30 101")
        assert terminal.ends() == 3


@pytest.mark.filterwarnings("ignore")
def test_docker_py_runs_there(rootless: Api) -> None:
    docker = pytest.importorskip("docker")
    client = docker.DockerClient(base_url=f"unix://{rootless.path}")
    assert client.containers.run("alpine", ["echo", "hello"], remove=True) == b"hello\n"
    network = client.networks.create("back")
    kept = client.containers.run(
        "alpine", ["sh", "-c", "echo up; sleep 1000"], detach=True, network="back", tty=True
    )
    wait_until(lambda: kept.logs().startswith(b"up"))
    assert kept.exec_run(["sh", "-c", "exit 4"]).exit_code == 4
    kept.stop(timeout=0)
    assert kept.wait()["StatusCode"] == 137
    kept.remove()
    network.remove()
    client.close()


def test_a_server_that_nobody_needs_ends_and_leaves_the_containers(user: OrdinaryUser) -> None:
    path = user.run_root / "idle.sock"
    words = ("system", "serve", "--unix", str(path), "--idle-timeout", "1")
    with user.start(*words) as process:
        wait_until(path.exists)
        api = Api(path, process.pid)
        make(api, "stays", "sleep", "1000")
        assert api("POST", "/containers/stays/start").status == 204
        assert process.wait(20 * TIME_FACTOR) == 0
    assert not path.exists()
    assert user.field("stays", "{{.State.Running}}") == "true"
    user.ok("rm", "-f", "stays")
    with pytest.raises(FileNotFoundError), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
