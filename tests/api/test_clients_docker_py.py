"""docker-py drives cuddy: the everyday paths of its users."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine_api import Api

docker = pytest.importorskip("docker")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def client(api: Api) -> Iterator[Any]:
    made = docker.DockerClient(base_url=f"unix://{api.path}")
    yield made
    made.close()


def test_a_program_runs_and_its_output_comes_back(client: Any) -> None:
    assert client.containers.run("alpine", ["echo", "hello"], remove=True) == b"hello\n"
    assert client.containers.list(all=True) == []


def test_a_failure_is_an_error_with_what_was_said(client: Any) -> None:
    with pytest.raises(docker.errors.ContainerError) as failed:
        client.containers.run("alpine", ["sh", "-c", "echo no >&2; exit 3"], remove=True)
    assert failed.value.exit_status == 3
    assert failed.value.stderr == b"no\n"


def test_what_is_missing_is_told_by_its_own_error(client: Any) -> None:
    with pytest.raises(docker.errors.NotFound):
        client.containers.get("nobody")
    with pytest.raises(docker.errors.ImageNotFound):
        client.images.get("nothing")
    with pytest.raises(docker.errors.ImageNotFound):
        client.api.create_container("nothing", "true")


def test_a_life_from_creation_to_removal(client: Any) -> None:
    container = client.containers.create(
        "alpine",
        ["sh", "-c", "echo $GREETING; trap 'exit 5' TERM; while :; do sleep 0.1; done"],
        environment={"GREETING": "hi"},
        labels={"tier": "front"},
        name="life",
    )
    assert container.status == "created"
    container.start()
    lines = iter(container.logs(stream=True, follow=True))
    assert next(lines) == b"hi\n"
    container.reload()
    assert container.status == "running"
    assert client.containers.list(filters={"label": "tier=front"})[0].name == "life"
    container.stop(timeout=5)
    assert container.wait()["StatusCode"] == 5
    assert list(lines) == []
    container.remove()
    with pytest.raises(docker.errors.NotFound):
        container.reload()


def test_commands_in_a_running_container(client: Any) -> None:
    container = client.containers.run("alpine", ["sleep", "100"], detach=True)
    code, (out, err) = container.exec_run(
        ["sh", "-c", "pwd; echo $A; echo e >&2; exit 4"],
        environment={"A": "1"},
        workdir="/tmp",
        demux=True,
    )
    assert (code, out, err) == (4, b"/tmp\n1\n", b"e\n")
    assert container.exec_run("tty", tty=True).output == b"/dev/pts/0\r\n"
    assert b"sleep 100" in str(container.top()).encode()
    container.kill()


def test_both_ways_of_an_attached_container(client: Any) -> None:
    container = client.containers.create("alpine", "cat", stdin_open=True)
    sock = client.api.attach_socket(container.id, {"stdin": 1, "stdout": 1, "stream": 1})
    container.start()
    sock._sock.sendall(b"over\n")
    assert sock.read(13)[8:] == b"over\n"
    sock._response.close()
    sock.close()
    container.remove(force=True)


def test_files_in_and_out(client: Any) -> None:
    container = client.containers.create("alpine", ["cat", "/tmp/given"])
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("given")
        entry.size = 6
        archive.addfile(entry, io.BytesIO(b"given\n"))
    assert container.put_archive("/tmp", packed.getvalue())
    chunks, stat = container.get_archive("/tmp/given")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        member = archive.extractfile("given")
        assert member is not None
        assert member.read() == b"given\n"
    assert stat["name"] == "given"
    container.remove()


def test_an_image_is_built_tagged_and_removed(client: Any, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM alpine\nARG X\nRUN echo $X > /x\nCMD cat /x\n")
    image, log = client.images.build(path=str(tmp_path), tag="built:1", buildargs={"X": "7"})
    said = "".join(line.get("stream", "") for line in log)
    assert "Step 1/4 : FROM alpine" in said
    assert f"Successfully built {image.short_id.removeprefix('sha256:')}" in said
    assert client.containers.run("built:1", remove=True) == b"7\n"
    assert image.tag("built", "2")
    assert sorted(client.images.get("built:2").tags) == ["built:1", "built:2"]
    client.images.remove("built:1")
    client.images.remove("built:2")


def test_an_image_out_and_in_again(client: Any) -> None:
    image = client.images.get("alpine")
    image.tag("kept", "1")
    saved = b"".join(client.images.get("kept:1").save(named="kept:1"))
    client.images.remove("kept:1")
    assert client.images.load(saved)[0].tags
    client.images.remove("kept:1")


def test_networks_and_volumes(client: Any) -> None:
    network = client.networks.create("pynet", labels={"a": "b"})
    volume = client.volumes.create("pyvol")
    try:
        mounts = {"pyvol": {"bind": "/data", "mode": "rw"}}
        client.containers.run(
            "alpine", ["sleep", "100"], name="store", network="pynet", volumes=mounts, detach=True
        )
        asking = ["sh", "-c", "ping -c1 -W2 store >/dev/null && touch /data/x && ls /data"]
        out = client.containers.run("alpine", asking, network="pynet", volumes=mounts, remove=True)
        assert out == b"x\n"
        with pytest.raises(docker.errors.APIError, match="active endpoints"):
            network.remove()
    finally:
        for container in client.containers.list(all=True):
            container.remove(force=True)
        network.remove()
        volume.remove()


def test_events_as_they_happen(client: Any) -> None:
    events = client.events(decode=True, filters={"type": "container"})
    client.containers.run("alpine", "true", remove=True, name="seen")
    seen = []
    for event in events:
        seen.append(event["Action"])
        if event["Action"] == "destroy":
            break
    events.close()
    assert [each for each in seen if each in ("create", "start", "die", "destroy")] == [
        "create", "start", "die", "destroy",
    ]  # fmt: skip


def test_stats_and_system(client: Any) -> None:
    container = client.containers.run("alpine", ["sleep", "100"], detach=True)
    assert container.stats(stream=False)["memory_stats"]["usage"] > 0
    assert client.info()["ContainersRunning"] == 1
    assert json.dumps(client.df())
    assert client.version()["ApiVersion"]
    container.remove(force=True)
