"""Projects of tests/corpus come to what other builders make of them: files and config.

What these made is recorded (recorded_builds.py); the same live, beside the engines of this machine:
`make corpus`. All are built at once, two at a time, before the first test looks at its own.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import explained_builds
import file_server
import flattened
import images
import projects
import recorded_builds
from console import PROGRAM, wait_until
from cuddy.builder import dockerfile
from cuddy.builder.instructions import Change, Copy, From, Run
from cuddy.image import store
from cuddy.image.storage import Storage

AT_ONCE = 2
PATIENCE_S = 120


class Outcome(NamedTuple):
    """How a build ended."""

    code: int
    error: str


class World(NamedTuple):
    """A Home with the images that projects stand on, and how their builds ended."""

    storage: Storage
    outcomes: dict[str, Outcome]


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("corpus")
    storage = Storage(str(directory / "root"))
    chosen = [item.callspec.params["name"] for item in request.session.items
              if getattr(item, "callspec", None) and item.path == request.path]  # fmt: skip
    names = [name for name in chosen if all(map(projects.is_possible, projects.bases(name)))]
    for base in projects.bases_of(names):
        images.install(storage, projects.base(base), base)
    file_server.fill(directory / "served", projects.packed())
    before = links()
    with file_server.serving(directory / "served") as server:
        outcomes = build_all(names, directory, server)
        # The kernel takes down the last steps' networks when it finds the time.
        wait_until(lambda: links() <= before)
        yield World(storage, outcomes)


def links() -> set[str]:
    """The host's ends of containers' links."""
    return {name for _, name in socket.if_nameindex() if name.startswith("veth")}


def build_all(names: list[str], directory: Path, server: str) -> dict[str, Outcome]:
    """Build projects, some at the same time."""
    home = ["--root", f"{directory}/root", "--runroot", f"{directory}/run"]
    running: dict[str, subprocess.Popen[bytes]] = {}
    outcomes: dict[str, Outcome] = {}

    def finish(name: str) -> None:
        with running.pop(name) as process:
            _, error = process.communicate(timeout=PATIENCE_S)
            outcomes[name] = Outcome(process.returncode, error.decode(errors="replace"))

    for name in names:
        if len(running) == AT_ONCE:
            finish(next(iter(running)))
        root = projects.copy(name, directory / "projects" / name)
        words = ["build", "--progress", "plain", "-t", f"built/{name}"]
        command = [*PROGRAM, *home, *words, *projects.flags(name, root, server)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        running[name] = subprocess.Popen(command, stderr=subprocess.PIPE, **pipes)
    for name in list(running):
        finish(name)
    return outcomes


SMALL = [name for name in projects.names() if not projects.is_large(name)]


@pytest.mark.parametrize("name", SMALL)
def test_is_built_like_by_others(world: World, name: str) -> None:
    if name not in world.outcomes:
        pytest.skip("not all of its bases can be made here")
    outcome = world.outcomes[name]
    assert outcome.code == 0, outcome.error[-3000:]
    image = store.resolve(world.storage, f"built/{name}")
    layout = Path(world.storage.images_dir)
    found = recorded_builds.trimmed(name, flattened.of_layout(layout, image.manifest["digest"]))
    wanted = recorded_builds.read(name)
    unexplained = [
        line
        for line in recorded_builds.compare(wanted, found)
        if not explained_builds.why("cuddy", name, line)
    ]
    assert not unexplained, "\n".join(unexplained)


def test_every_difference_between_the_others_is_explained() -> None:
    unexplained = [
        f"{name}: {other}: {line}"
        for name in SMALL
        for other, answer in recorded_builds.read(name)["others"].items()
        for line in ([answer] if isinstance(answer, str) else answer)
        if not explained_builds.why(other.partition(",")[0], name, line)
    ]
    assert not unexplained, "\n".join(unexplained)


def test_every_instruction_and_flag_is_used_somewhere(tmp_path: Path) -> None:
    used = set()
    for name in projects.names():
        root = projects.copy(name, tmp_path / name)
        path = root / projects.dockerfile(name).relative_to(projects.FOLDER / name)
        used |= set(traits(path.read_bytes()))
    missing = EVERYTHING - used
    assert not missing, sorted(missing)


def traits(data: bytes) -> Iterator[str]:
    """The instructions of a Dockerfile, and what each has: flags, forms, kinds of mounts."""
    parsed = dockerfile.parse(data, "Dockerfile")
    yield from (f"# {name}" for name in parsed.directives)
    for each in parsed.instructions:
        word = each.text.split()[0].upper()
        yield word
        if isinstance(each, (Run, Copy)) and each.heredocs:
            yield f"{word} <<"
        if isinstance(each, Run):
            yield "RUN []" if each.words is not None else "RUN shell"
            yield from (f"{word} --mount={kind(mount)}" for mount in each.mounts)
        if isinstance(each, From) and each.name:
            yield "FROM AS"
        if isinstance(each, Change):
            yield f"{word} []" if each.rest.startswith("[") else f"{word} shell"
        yield from (f"{word} {flag}" for flag in flags_of(each.text))


def kind(mount: str) -> str:
    types = [part.partition("=")[2] for part in mount.split(",") if part.startswith("type=")]
    return types[0] if types else "bind"


def flags_of(text: str) -> list[str]:
    words = text.split()[1:]
    flags = [word.partition("=")[0] for word in words[: next(
        (number for number, word in enumerate(words) if not word.startswith("--")), len(words)
    )]]  # fmt: skip
    return [flag for flag in flags if flag not in ("--", "--mount")]


COPY_FLAGS = ("--chmod", "--chown", "--exclude", "--link")
EVERYTHING = {
    "# syntax", "# escape", "# check", "FROM AS", "FROM --platform", "ARG", "ENV", "LABEL",
    "MAINTAINER", "RUN shell", "RUN []", "RUN <<", "RUN --network", "RUN --security", "COPY <<",
    "ADD <<", "COPY --from", "COPY --parents", "ADD --checksum", "ADD --keep-git-dir",
    "ADD --unpack", "WORKDIR", "USER", "VOLUME []", "VOLUME shell", "EXPOSE", "SHELL []",
    "STOPSIGNAL", "ONBUILD", "CMD []", "CMD shell", "ENTRYPOINT []", "ENTRYPOINT shell",
    "HEALTHCHECK", *(f"RUN --mount={kind}" for kind in ("bind", "cache", "tmpfs", "secret", "ssh")),
    *(f"HEALTHCHECK --{name}" for name in
      ("interval", "timeout", "start-period", "start-interval", "retries")),
    *(f"{word} {flag}" for word in ("COPY", "ADD") for flag in COPY_FLAGS),
}  # fmt: skip
