"""Builds from whatever context, with whatever to come of them: by the command line."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console import Cuddy
from git_repository import Repository, daemon, needs_git
from hostile_registry import Answer, Hostile
from registry import Registry

DOCKERFILE = "FROM alpine\nCOPY . /srv\nCMD ls /srv\n"
SCRATCH = "FROM scratch\nCOPY . /\n"


@pytest.fixture
def builder(cuddy: Cuddy) -> Iterator[Cuddy]:
    """Whatever is built goes again."""
    before = set(cuddy.ok("images", "-aq", "--no-trunc").split())
    yield cuddy
    cuddy.remove_all()
    made = set(cuddy.ok("images", "-aq", "--no-trunc").split()) - before
    if made:
        cuddy.ok("rmi", "-f", *made)
    cuddy.ok("builder", "prune", "-af")


def context(directory: Path, text: str, **files: str) -> Path:
    directory.mkdir()
    for name, content in {"Dockerfile": text, **files}.items():
        (directory / name).write_text(content)
    return directory


def tar(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
    return buffer.getvalue()


def listed(builder: Cuddy, image: str) -> list[str]:
    return builder.ok("run", "--rm", "--network", "none", image).split()


def test_a_tar_on_standard_input(builder: Cuddy) -> None:
    image = builder.ok("build", "-q", "-", input=tar(Dockerfile=DOCKERFILE, a="a"))
    assert listed(builder, image) == ["Dockerfile", "a"]


def test_a_dockerfile_on_standard_input(builder: Cuddy, tmp_path: Path) -> None:
    image = builder.ok("build", "-q", "-", input=b"FROM alpine\nCMD echo hi\n")
    assert listed(builder, image) == ["hi"]
    where = context(tmp_path / "c", "FROM nothing", a="a")
    image = builder.ok("build", "-q", "-f", "-", str(where), input=DOCKERFILE.encode())
    assert listed(builder, image) == ["Dockerfile", "a"]


@needs_git
def test_a_repository(builder: Cuddy, tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.commit({"sub/Dockerfile": DOCKERFILE, "sub/a": "a"})
    repository.publish()
    with daemon(tmp_path) as url:
        image = builder.ok("build", "-q", f"{url}/repo.git#main:sub")
        assert listed(builder, image) == ["Dockerfile", "a"]
        assert builder.ok("build", "-q", f"{url}/repo.git#main:sub") == image
        wrong = builder("build", f"{url}/repo.git#other")
        assert "does not contain ref other" in wrong.err


def test_by_http(builder: Cuddy, hostile: Callable[..., Hostile]) -> None:
    server = hostile({"/c": [Answer(body=tar(Dockerfile=DOCKERFILE, b="b"))]})
    assert listed(builder, builder.ok("build", "-q", f"http://{server.host}/c")) == [
        "Dockerfile", "b",
    ]  # fmt: skip


def test_named_contexts(builder: Cuddy, tmp_path: Path) -> None:
    where = context(tmp_path / "c", "FROM base\nCOPY --from=other x /srv/\nCMD ls /srv\n")
    other = context(tmp_path / "o", "", x="x")
    words = ("--build-context", f"other={other}", "--build-context", "base=docker-image://alpine")
    assert listed(builder, builder.ok("build", "-q", *words, str(where))) == ["x"]


def test_files_in_a_directory_and_no_image(builder: Cuddy, tmp_path: Path) -> None:
    where = context(tmp_path / "c", SCRATCH, a="a")
    before = builder.ok("images", "-aq")
    builder.ok("build", "-q", "-t", "not/kept", "-o", str(tmp_path / "out"), str(where))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["Dockerfile", "a"]
    assert builder.ok("images", "-aq") == before


def test_a_tar_on_standard_output(builder: Cuddy, tmp_path: Path) -> None:
    where = context(tmp_path / "c", SCRATCH, a="a")
    done = subprocess.run(
        [*builder.program, "build", "-o", "-", str(where)],
        env=builder.environment,
        capture_output=True,
        check=True,
    )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert sorted(archive.getnames()) == ["Dockerfile", "a"]


def test_several_outputs_at_once(builder: Cuddy, tmp_path: Path) -> None:
    where = context(tmp_path / "c", DOCKERFILE, a="a")
    outputs = ("type=image", f"type=oci,dest={tmp_path}/x.tar", f"type=local,dest={tmp_path}/out")
    words = [word for each in outputs for word in ("-o", each)]
    image = builder.ok("build", "-q", "-t", "both:1", *words, str(where))
    assert (tmp_path / "out/srv/a").read_text() == "a"
    builder.ok("rmi", "-f", "both:1")
    assert "both:1" in builder.ok("load", "-i", f"{tmp_path}/x.tar")
    assert json.loads(builder.ok("inspect", "both:1"))[0]["Id"] == image


def test_zstd_for_the_store(builder: Cuddy, tmp_path: Path) -> None:
    where = context(tmp_path / "c", SCRATCH, a="a")
    words = ("-t", "small:1", "-o", "type=image,compression=zstd")
    builder.ok("build", "-q", *words, str(where))
    builder.ok("save", "-o", f"{tmp_path}/x.tar", "small:1")
    with tarfile.open(f"{tmp_path}/x.tar") as archive:
        index = json.load(archive.extractfile("index.json") or io.BytesIO())
        digest = index["manifests"][0]["digest"].replace(":", "/")
        manifest = json.load(archive.extractfile(f"blobs/{digest}") or io.BytesIO())
    assert manifest["layers"][0]["mediaType"].endswith("+zstd")
    (where / "a").write_text("b")
    other = builder.ok("build", "-q", "-o", "type=image,compression=zstd", str(where))
    assert builder.ok("build", "-q", str(where)) != other


def test_push(builder: Cuddy, tmp_path: Path, registry: Registry) -> None:
    where = context(tmp_path / "c", SCRATCH, a="a")
    name = registry.name("built/pushed", "1")
    builder.ok("build", "-q", "-t", name, "-o", "type=registry", str(where))
    builder.ok("rmi", "-f", name)
    builder.ok("pull", "-q", name)
    wrong = builder("build", "-o", "type=registry", str(where))
    assert "tag is needed when pushing" in wrong.err


@pytest.mark.parametrize(
    "words, told",
    [
        (("-o", "type=loca,dest=x"), "did you mean local?"),
        (("-o", "type=local"), "dest is required for local exporter"),
        (("-f", "nothing"), "open nothing: no such file or directory"),
    ],
)
def test_mistakes_are_told_before_anything_is_built(
    builder: Cuddy, tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    where = context(tmp_path / "c", "FROM alpine\nRUN false\n")
    assert told in builder("build", *words, str(where)).err


def test_for_several_platforms_each_has_steps_of_its_own(builder: Cuddy, tmp_path: Path) -> None:
    place = context(tmp_path / "c", "FROM scratch\nARG TARGETARCH\nWORKDIR /$TARGETARCH\nCMD x\n")
    dest = tmp_path / "o"
    words = ["--platform", "linux/amd64,linux/arm64", "-o", f"type=oci,tar=false,dest={dest}"]
    result = builder("build", "--progress", "plain", *words, place)
    assert result.code == 0, result.err
    steps = [line.partition(" ") for line in result.err.splitlines() if "WORKDIR" in line]
    assert [text for _, _, text in steps] == [
        "[linux/amd64 2/2] WORKDIR /$TARGETARCH", "[linux/arm64 2/2] WORKDIR /$TARGETARCH"
    ]  # fmt: skip
    assert len({number for number, _, _ in steps}) == 2
    assert result.err.count("JSONArgsRecommended") == 1
    [entry] = json.loads((dest / "index.json").read_text())["manifests"]
    listed = json.loads((dest / "blobs" / entry["digest"].replace(":", "/")).read_text())
    told = [each["platform"]["architecture"] for each in listed["manifests"]]
    assert told == ["amd64", "arm64"]
