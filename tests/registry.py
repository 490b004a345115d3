"""A real registry server for tests: Debian's docker-registry on a free port of 127.0.0.1.

registry           the session's registry; holds alpine:latest, alpine:3.15, alpine:3.20 and
                   busybox:latest (several platforms), also below library/ for mirrors
private_registry   one that wants a name and a password (`USER`, `PASSWORD`); holds alpine
other_registry     an empty one
"""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import images

USER = "tester"
PASSWORD = "secret"
# bcrypt of PASSWORD: the only kind docker-registry takes
HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
PROGRAM = "docker-registry"
MANIFESTS = (
    images.OCI_INDEX,
    images.OCI_MANIFEST,
    images.DOCKER_LIST,
    images.DOCKER_MANIFEST,
)


class Registry(NamedTuple):
    """A running registry."""

    host: str
    authorization: str = ""

    def name(self, repository: str, tag: str = "latest") -> str:
        """The full name of an image in this registry."""
        return f"{self.host}/{repository}:{tag}"

    def manifest(self, repository: str, name: str = "latest") -> tuple[bytes, str]:
        """A manifest as it is served, and its media type."""
        connection = http.client.HTTPConnection(self.host, timeout=10)
        try:
            headers = {"Accept": ", ".join(MANIFESTS), "Authorization": self.authorization}
            connection.request("GET", f"/v2/{repository}/manifests/{name}", headers=headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            return answer.read(), answer.headers["Content-Type"]
        finally:
            connection.close()

    def push(self, built: images.BuiltImage, repository: str, tag: str = "latest") -> str:
        """Upload an image; its full name."""
        images.push(self.host, built, repository, tag, authorization=self.authorization)
        return self.name(repository, tag)


def configuration(storage: Path, port: int, htpasswd: Path | None) -> str:
    """The server's config.yml (which is JSON, as YAML may be)."""
    document: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "cache": {"blobdescriptor": "inmemory"},
            "delete": {"enabled": True},
        },
        # Layers that lie elsewhere are taken, as long as it is nowhere in particular.
        "validation": {"manifests": {"urls": {"allow": [r"^https?://(example|127)\."]}}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": "for tests"},
    }
    if htpasswd:
        document["auth"] = {"htpasswd": {"realm": "tests", "path": str(htpasswd)}}
    return json.dumps(document)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def serve(directory: Path, *, private: bool = False) -> Iterator[Registry]:
    """Run a registry that keeps its content in `directory` until the generator goes on."""
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.fail(f"{PROGRAM} is not installed: apt install docker-registry")
    port = free_port()
    htpasswd = directory / "htpasswd" if private else None
    if htpasswd:
        htpasswd.write_text(HTPASSWD)
    config = directory / "config.yml"
    config.write_text(configuration(directory / "data", port, htpasswd))
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [program, "serve", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        wait_until_ready(server, port, directory / "log")
        yield Registry(f"127.0.0.1:{port}", AUTHORIZATION if private else "")
    finally:
        server.terminate()
        server.wait(10)


def wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Ask until the server answers; fail with its log if it ends or takes 20 seconds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/v2/")
            if connection.getresponse().status in (200, 401):
                return
        except OSError:
            time.sleep(0.02)
        finally:
            connection.close()
    pytest.fail(f"{PROGRAM} did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The session's registry, with the images that most tests want."""
    running = serve(tmp_path_factory.mktemp("registry"))
    server = next(running)
    for prefix in ("", "library/"):
        for tag, version in (("latest", "3.15"), ("3.15", "3.15"), ("3.20", "3.20")):
            server.push(images.alpine(version), f"{prefix}alpine", tag)
        server.push(images.multiarch(), f"{prefix}busybox")
    yield server
    next(running, None)


@pytest.fixture(scope="session")
def private_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that wants Basic authentication, with alpine in it."""
    running = serve(tmp_path_factory.mktemp("private-registry"), private=True)
    server = next(running)
    server.push(images.alpine(), "alpine")
    yield server
    next(running, None)


@pytest.fixture(scope="session")
def other_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with nothing in it."""
    running = serve(tmp_path_factory.mktemp("other-registry"))
    yield next(running)
    next(running, None)
