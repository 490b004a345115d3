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
from console import TIME_FACTOR

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
        connection = http.client.HTTPConnection(self.host, timeout=10 * TIME_FACTOR)
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


def configuration(storage: Path, where: str, htpasswd: Path | None, tls: Path | None) -> str:
    """The server's config.yml (which is JSON, as YAML may be)."""
    document: dict[str, dict[str, object] | float] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(storage)},
            "cache": {"blobdescriptor": "inmemory"},
            "delete": {"enabled": True},
        },
        # Layers that lie elsewhere are taken, as long as it is nowhere in particular.
        "validation": {"manifests": {"urls": {"allow": [r"^https?://(example|127)\."]}}},
        "http": {"addr": where, "secret": "for tests"},
    }
    if tls:
        document["http"]["tls"] = {  # type: ignore[index]
            "certificate": str(tls / "server.crt"), "key": str(tls / "server.key"),
            "clientcas": [str(tls / "ca.crt")],
        }  # fmt: skip
    if htpasswd:
        document["auth"] = {"htpasswd": {"realm": "tests", "path": str(htpasswd)}}
    return json.dumps(document)


def free_port(address: str = "127.0.0.1") -> int:
    with socket.socket() as listener:
        listener.bind((address, 0))
        return int(listener.getsockname()[1])


def serve(
    directory: Path, *, private: bool = False, tls: Path | None = None, address: str = "127.0.0.1"
) -> Iterator[Registry]:
    """Run a registry that keeps its content in `directory` until the generator goes on.

    `tls`: where ca.crt, server.crt and server.key are; clients need a certificate too then.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.fail(f"{PROGRAM} is not installed: apt install docker-registry")
    port = free_port(address)
    where = f"{address}:{port}"
    htpasswd = directory / "htpasswd" if private else None
    if htpasswd:
        htpasswd.write_text(HTPASSWD)
    config = directory / "config.yml"
    config.write_text(configuration(directory / "data", where, htpasswd, tls))
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(
            [program, "serve", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        wait_until_ready(server, address, port, directory / "log")
        yield Registry(where, AUTHORIZATION if private else "")
    finally:
        server.terminate()
        server.wait(10)


def wait_until_ready(server: subprocess.Popen[bytes], address: str, port: int, log: Path) -> None:
    """Ask until the server answers; fail with its log if it ends or takes 20 seconds."""
    deadline = time.monotonic() + 20 * TIME_FACTOR
    while time.monotonic() < deadline and server.poll() is None:
        connection = http.client.HTTPConnection(address, port, timeout=2 * TIME_FACTOR)
        try:
            connection.request("GET", "/v2/")
            if connection.getresponse().status in (200, 400, 401):
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
