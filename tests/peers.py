"""The other engines and tools, as judges of what cuddy writes and as writers of what it reads.

docker     a dockerd of the session's own, without network
podman     with a store of the session's own
skopeo, umoci, tar...   through `tool`

A test that wants one which is not installed is skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent
sys.path.append(str(TESTS.parent))

from bench import engines  # noqa: E402 - found by the line above


class Peer(NamedTuple):
    """Another engine; its words are Docker's."""

    prefix: tuple[str, ...]

    def ok(self, *words: object, input: bytes | None = None) -> str:
        """What a command prints that must succeed."""
        return run(*self.prefix, *words, input=input)

    def id(self, name: str) -> str:
        """The whole id of an image."""
        found = self.ok("image", "inspect", "--format", "{{.Id}}", name)
        return "sha256:" + found.removeprefix("sha256:")

    def forget_all(self) -> None:
        """Remove every image."""
        if ids := set(self.ok("images", "-aq").split()):
            self.ok("rmi", "-f", *ids)


def run(*words: object, input: bytes | None = None) -> str:
    """What a program prints that must succeed, without the last newline."""
    done = subprocess.run([str(word) for word in words], input=input, capture_output=True)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode().removesuffix("\n")


def tool(name: str) -> str:
    """The path of a program. Skips the test without it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def skopeo(*words: object) -> str:
    """Run skopeo, which judges no signatures here. Skips the test without it."""
    return run(tool("skopeo"), "--insecure-policy", *words)


@pytest.fixture(scope="session")
def the_docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    tool("dockerd")
    directory = tmp_path_factory.mktemp("peer") / "docker"
    with engines.docker(directory, "--iptables=false", "--bridge=none") as engine:
        yield Peer(engine.prefix)


@pytest.fixture
def docker(the_docker: Peer) -> Iterator[Peer]:
    """dockerd without an image; it has none after the test either."""
    yield the_docker
    the_docker.forget_all()


@pytest.fixture
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """podman without an image."""
    tool("podman")
    peer = Peer(engines.make_podman(tmp_path_factory.mktemp("podman")).prefix)
    yield peer
    peer.forget_all()
