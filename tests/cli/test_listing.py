"""Listing images from outside: history, tag, platforms, filters; hostile steps at a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import images
from console import ENGINE, Cuddy
from cuddy.image.storage import Storage
from peers import Peer

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="images are put into cuddy's own store")


def install(cuddy: Cuddy, name: str, **fields: object) -> images.BuiltImage:
    layer = images.layer(images.tar(images.entry("a", b"12345")))
    built = images.image([layer], **fields)  # type: ignore[arg-type]
    images.install(Storage(str(cuddy.root)), built, name)
    return built


def test_steps_and_layers_of_an_image(fresh: Cuddy) -> None:
    install(
        fresh, "x", history=[{"created_by": "COPY a /"}, {"created_by": "ENV", "empty_layer": 1}]
    )
    lines = fresh.ok("history", "--format", "{{.CreatedBy}} {{.Size}}", "x").splitlines()
    assert lines == ["ENV 0B", "COPY a / 5B"]


def test_only_the_platform_of_the_image_has_a_history(fresh: Cuddy) -> None:
    install(fresh, "x", architecture="arm64")
    assert fresh.ok("history", "-q", "--platform", "linux/arm64", "x")
    result = fresh("history", "--platform", "linux/s390x", "x")
    assert (result.code, result.out) == (1, "")
    assert "linux/arm64" in result.complaint


def test_nothing_in_a_history_reaches_a_terminal_unseen(fresh: Cuddy) -> None:
    step = {
        "created_by": "RUN \x1b]0;mine\x07\x9b2J\r\n",
        "comment": "\x1b[2J",
        "created": "x",
    }
    install(fresh, "x", history=[step])
    with fresh.terminal("history", "--no-trunc", "x", columns=200) as terminal:
        assert terminal.ends() == 0
        screen = "\n".join(terminal.screen())
    assert r"RUN \x1b]0;mine\a\u009b2J\r\n" in screen
    row = json.loads(fresh.ok("history", "--no-trunc", "--format", "json", "x"))
    assert row["Comment"] == "\x1b[2J"
    assert row["CreatedBy"].endswith("\r\n")


def test_a_history_of_thousands_of_steps(fresh: Cuddy) -> None:
    steps = [{"created_by": f"step {n}", "empty_layer": n % 2 == 0} for n in range(20_000)]
    install(fresh, "x", history=steps)
    assert len(fresh.ok("history", "-q", "x").splitlines()) == 20_000


def test_the_host_has_no_other_name(fresh: Cuddy) -> None:
    for words in (("host", "mine"), ("alpine", "host")):
        result = fresh("tag", *words)
        assert result.code == 1
        assert "this machine itself" in result.complaint
    fresh.ok("tag", "alpine", "host:1")
    assert fresh.ok("images", "-q", "host:1")


def test_inspect_and_rmi_mind_the_platform(fresh: Cuddy) -> None:
    install(fresh, "x", architecture="arm64", variant="v8")
    assert (
        fresh.ok("image", "inspect", "--platform", "linux/arm64", "-f", "{{.Variant}}", "x") == "v8"
    )
    for words in (("image", "inspect"), ("rmi",), ("image", "rm")):
        result = fresh(*words, "--platform", "linux/amd64", "x")
        assert result.code == 1
        assert "linux/arm64" in result.complaint
    fresh.ok("rmi", "--platform", "linux/amd64", "--platform", "linux/arm64", "x")


def test_until_shows_what_is_older(fresh: Cuddy) -> None:
    install(fresh, "old", created="2001-01-01T00:00:00Z")
    install(fresh, "new", created="2031-01-01T00:00:00Z")
    assert fresh.ok("images", "-f", "until=2010-01-01", "--format", "{{.Repository}}") == "old"
    assert fresh.ok("images", "-f", "until=48h", "-f", "since=old", "-q", "new") == ""


def test_a_name_that_another_program_wrote_is_shown_as_it_is(fresh: Cuddy) -> None:
    install(fresh, "x")
    path = fresh.root / "images/index.json"
    path.write_text(path.read_text().replace("docker.io/library/x:latest", "No Name \\u001b[2J"))
    assert "No Name \x1b[2J" in fresh.ok("images", "--format", "{{.Repository}}")
    with fresh.terminal("images", columns=200) as terminal:
        assert terminal.ends() == 0
        assert r"No Name \x1b[2J" in "\n".join(terminal.screen())
    rows = map(json.loads, fresh.ok("images", "--format", "json").splitlines())
    [image_id] = [row["ID"] for row in rows if "No Name" in row["Repository"]]
    assert fresh.ok("image", "inspect", "-f", "{{.RepoTags}}", image_id) == "[No Name \x1b[2J]"
    with fresh.terminal("rmi", "-f", image_id, columns=200) as terminal:
        assert terminal.ends() == 0
        assert r"Untagged: No Name \x1b[2J" in "\n".join(terminal.screen())


def test_when_a_name_was_given(fresh: Cuddy) -> None:
    install(fresh, "x")
    form = ("image", "inspect", "-f", "{{.Metadata.LastTagTime}}", "x")
    assert fresh.ok(*form) == "0001-01-01T00:00:00Z"
    fresh.ok("tag", "x", "y")
    first = fresh.ok(*form)
    assert first.startswith("20")
    fresh.ok("tag", "x", "y")
    assert fresh.ok(*form) == first


DOCKERFILE = """\
FROM base:1
ENV A=b
COPY file /copied
LABEL x="y z" tier=front
EXPOSE 80 443/udp
VOLUME /data
HEALTHCHECK --interval=5s CMD true
USER 1000:1000
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo \\"<&>\\""]
"""


@pytest.fixture
def made_by_docker(docker: Peer, fresh: Cuddy, tmp_path: Path) -> Iterator[list[str]]:
    """Images that docker imported, built and committed; cuddy has loaded them."""
    (tmp_path / "file").write_text("hello\n")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    tar = images.tar(images.entry("etc/"), images.entry("etc/motd", b"x" * 1234))
    docker.ok("import", "-m", "brought in", "-c", "ENV Q=1", "-", "base:1", input=tar)
    docker.ok("build", "-q", "-t", "built:1", tmp_path)
    container = docker.ok("create", "--hostname", "inside", "built:1")
    docker.ok("cp", tmp_path / "file", f"{container}:/etc/file")
    docker.ok("commit", "-a", "Ada", "-m", "by hand", "-c", "WORKDIR /srv", container, "made:1")
    docker.ok("rm", container)
    names = ["made:1", "built:1", "base:1"]
    docker.ok("save", "-o", tmp_path / "archive.tar", *names)
    fresh.ok("load", "-i", tmp_path / "archive.tar")
    yield names
    docker.ok("rmi", *names)  # the newest first: they are each other's parents


def test_images_that_docker_made_are_shown_in_the_same_words(
    docker: Peer, fresh: Cuddy, made_by_docker: list[str]
) -> None:
    sizes = "{{.Repository}} {{.Tag}} {{.ID}} {{.CreatedAt}} {{.Size}} {{.VirtualSize}}"
    steps = "{{.CreatedAt}} {{.CreatedBy}} {{.Size}} {{.Comment}}"
    for name in made_by_docker:
        for words in (
            ("images", "--no-trunc", "--format", sizes, name),
            ("image", "ls", "--format", sizes, name),
            ("history", "-H=false", "--no-trunc", "--format", steps, name),
        ):
            assert fresh.ok(*words) == docker.ok(*words)
        [ours] = json.loads(fresh.ok("image", "inspect", name))
        [theirs] = json.loads(docker.ok("image", "inspect", name))
        for key in ("Container", "ContainerConfig", "VirtualSize"):
            del theirs[key]  # docker 28 has them no more
        for key in ("GraphDriver", "Metadata", "Parent"):
            del ours[key], theirs[key]  # of the machine that made it
        assert ours == theirs
        assert [*ours, *ours["Config"]] == [*theirs, *theirs["Config"]]
