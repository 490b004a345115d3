"""A registry that misbehaves as it is told: a process on loopback, one list of answers per path.

    server = hostile({"/v2/x/manifests/latest": [Answer(503), Answer(body=manifest)]})
    server.host              "127.0.0.1:34567"
    server.requests()        what was asked: (path, headers)

The last answer of a list repeats. A path with a trailing `*` stands for all that begin so; one that
begins with a method, `PUT /v2/*`, for that method only. Among the headers of a request is what it
was: its `method`, its `body` if that was small, the `length` and `digest` of it.
"""

from __future__ import annotations

import http.server
import json
import os
import signal
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import images


class Answer(NamedTuple):
    """One answer, good or bad."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = {}
    length: int | None = None  # what Content-Length says
    cut: int | None = None  # bytes of the body after which the connection is closed
    endless: bool = False  # the body again and again, no length
    trickle_s: float = 0  # pause after each byte
    ranges: bool = True  # whether a Range is heeded
    range_lie: str = ""  # Content-Range of a partial answer
    needs: str = ""  # Authorization without which the answer is 401
    challenge: str = ""  # WWW-Authenticate of that 401
    take: int | None = None  # bytes of the request's body after which the connection is closed
    linger_s: float = 0  # how long until then


class Hostile(NamedTuple):
    """A running server."""

    host: str
    log: Path

    def requests(self) -> list[tuple[str, dict[str, str]]]:
        return [tuple(json.loads(line)) for line in self.log.read_text().splitlines()]

    def asked(self, beginning: str) -> list[dict[str, str]]:
        """The headers of the requests for paths that begin so."""
        return [headers for path, headers in self.requests() if path.startswith(beginning)]


def serve_image(built: images.BuiltImage, repository: str = "x", tag: str = "latest") -> Any:
    """Answers for every document and blob of an image."""
    routes: dict[str, list[Answer]] = {}
    for each in (built, *built.children):
        answer = Answer(body=each.manifest, headers={"Content-Type": each.media_type})
        names = [each.digest, *([tag] if each is built else [])]
        routes |= {f"/v2/{repository}/manifests/{name}": [answer] for name in names}
        for digest, data in each.blobs.items():
            routes[f"/v2/{repository}/blobs/{digest}"] = [Answer(body=data)]
    return routes


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Callable[..., Hostile]]:
    """Starts servers; they end with the test. With a certificate they speak TLS."""
    servers: list[int] = []

    def start(routes: dict[str, list[Answer]], certificate: Path | None = None) -> Hostile:
        log = tmp_path / f"log{len(servers)}"
        log.touch()
        server = Server(("127.0.0.1", 0), Handler)
        pid = os.fork()
        if pid == 0:
            serve(server, routes, log, certificate)
        servers.append(pid)
        server.server_close()
        return Hostile(f"127.0.0.1:{server.server_port}", log)

    yield start
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def serve(server: Server, routes: Any, log: Path, certificate: Path | None) -> None:
    """The whole life of a server's process."""
    try:
        Handler.routes = {path: list(answers) for path, answers in routes.items()}
        Handler.log = log
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, certificate.with_name("key"))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()
    finally:
        os._exit(1)


class Handler(http.server.BaseHTTPRequestHandler):
    """In the server's process: answers by the script."""

    protocol_version = "HTTP/1.1"
    routes: dict[str, list[Answer]]
    log: Path

    def do_GET(self) -> None:
        answer = self.find()
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length if answer.take is None else min(length, answer.take))
        headers = dict(self.headers) | {"method": self.command, "length": len(body)}
        if body:
            headers |= {"body": body[:10_000].decode("latin-1"), "digest": images.digest_of(body)}
        with self.log.open("a") as file:
            file.write(json.dumps([self.path, headers]) + "\n")
        if answer.take is not None:
            time.sleep(answer.linger_s)
            self.close_connection = True
            return
        if answer.needs and self.headers.get("Authorization") != answer.needs:
            answer = Answer(401, headers={"WWW-Authenticate": answer.challenge})
        self.give(answer)

    do_DELETE = do_HEAD = do_PATCH = do_POST = do_PUT = do_GET  # noqa: N815 - http.server's names

    def find(self) -> Answer:
        path = self.path.partition("?")[0]
        for route, answers in self.routes.items():
            method, _, known = route.rpartition(" ")
            if method not in ("", self.command):
                continue
            if known == path or (known.endswith("*") and path.startswith(known[:-1])):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        return Answer(404, b'{"errors":[{"code":"UNKNOWN","message":"not here"}]}')

    def give(self, answer: Answer) -> None:
        status, body, headers = answer.status, answer.body, dict(answer.headers)
        asked = self.headers.get("Range")
        if asked and status == 200 and (answer.ranges or answer.range_lie):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            status = 206 if start < len(body) else 416
            whole = f"bytes {start}-{len(body) - 1}/{len(body)}"
            headers["Content-Range"] = answer.range_lie or whole
            body = body[start:] if status == 206 else b""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value.replace("HOST", self.headers["Host"]))
        if answer.endless:
            self.send_header("Connection", "close")
        else:
            length = len(body) if answer.length is None else answer.length
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.send_body(answer, body)

    def send_body(self, answer: Answer, body: bytes) -> None:
        if self.command == "HEAD":
            return
        if answer.trickle_s:
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(answer.trickle_s)
            return
        self.wfile.write(body[: answer.cut])
        while answer.endless:
            self.wfile.write(body)
        if answer.cut is not None or answer.length is not None:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that goes away is what the tests are about."""
