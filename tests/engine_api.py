"""A client of the Engine API that knows nothing: plain HTTP, over a Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from console import TIME_FACTOR, Cuddy, wait_until


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def message(self) -> str:
        """The text of an error."""
        assert self.status >= 400, self
        message = self.json["message"]
        assert isinstance(message, str)
        assert "Traceback" not in message
        assert "bug in cuddy" not in message, message
        return message

    @property
    def lines(self) -> list[Any]:
        """The objects of a stream of JSON."""
        return [json.loads(line) for line in self.data.splitlines() if line.strip()]


class Hijacked(NamedTuple):
    """A connection that is no more HTTP."""

    sock: socket.socket
    status: int
    headers: Mapping[str, str]

    def read(self) -> bytes:
        """All that comes until the end."""
        return b"".join(iter(lambda: self.sock.recv(1 << 16), b""))

    def read_frames(self) -> dict[int, bytes]:
        """The same by stream."""
        return by_stream(self.read())

    def expect(self, wanted: bytes) -> bytes:
        """What comes until it has come."""
        found = b""
        while wanted not in found:
            piece = self.sock.recv(1 << 16)
            assert piece, found
            found += piece
        return found

    def half_close(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)


def by_stream(data: bytes) -> dict[int, bytes]:
    """Docker's frames, put together by stream; there must be no half one."""
    found: dict[int, bytes] = {}
    while data:
        stream, length = struct.unpack(">BxxxI", data[:8])
        assert len(data) >= 8 + length, data
        found[stream] = found.get(stream, b"") + data[8 : 8 + length]
        data = data[8 + length :]
    return found


class UnixConnection(http.client.HTTPConnection):
    """A connection to a socket's file."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Api:
    """Asks a server."""

    def __init__(self, path: Path, pid: int) -> None:
        self.path = path
        self.pid = pid

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        /,
        *,
        data: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60,
        **query: Any,
    ) -> Answer:
        """One request on a connection of its own. `body`: sent as JSON; `data`: as it is."""
        if query:
            path = f"{path}?{urlencode(query, doseq=True)}"
        sent = dict(headers or {})
        if body is not None:
            data = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = UnixConnection(self.path, timeout * TIME_FACTOR)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()

    def get(self, path: str, /, **query: Any) -> Any:
        """The document at a path that must be there."""
        answer = self("GET", path, **query)
        assert answer.status == 200, answer
        return answer.json

    @contextmanager
    def hijack(
        self, path: str, body: object = None, *, upgrade: bool = True, agent: str = "tests",
        **query: Any,
    ) -> Iterator[Hijacked]:  # fmt: skip
        """A POST after which the connection is the answer. `agent`: which program asks."""
        text = b"" if body is None else json.dumps(body).encode()
        head = [f"POST {path}?{urlencode(query)} HTTP/1.1", "Host: engine", f"User-Agent: {agent}"]
        if upgrade:
            head += ["Connection: Upgrade", "Upgrade: tcp"]
        head += ["Content-Type: application/json", f"Content-Length: {len(text)}", "", ""]
        with self.connect() as sock:
            sock.sendall("\r\n".join(head).encode() + text)
            answer = b""
            while b"\r\n\r\n" not in answer:
                piece = sock.recv(1)
                assert piece, answer
                answer += piece
            status, *headers = answer.decode().strip().split("\r\n")
            yield Hijacked(
                sock, int(status.split()[1]), dict(line.split(": ", 1) for line in headers)
            )

    def connect(self, timeout: float = 60) -> socket.socket:
        """A bare connection."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout * TIME_FACTOR)
        sock.connect(str(self.path))
        return sock

    def say(self, data: bytes, timeout: float = 60) -> bytes:
        """Send bytes, and nothing more; all that comes back until the end."""
        with self.connect(timeout) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: sock.recv(1 << 16), b""))


@contextmanager
def serving(cuddy: Cuddy, path: Path, *flags: str) -> Iterator[Api]:
    """A server at a socket; it must end when told to, and say nothing but where it serves."""
    words = ["system", "serve", "--unix", str(path), *flags]
    log = path.with_suffix(".log")
    with (
        log.open("wb") as file,
        cuddy.start(
            *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file
        ) as process,
    ):
        wait_until(lambda: "unix://" in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield Api(path, process.pid)
        process.terminate()
        process.wait(30)
    complaints = [line for line in log.read_text().splitlines() if "bug in cuddy" in line]
    assert not complaints
