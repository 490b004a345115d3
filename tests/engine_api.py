"""A client of the Engine API that knows nothing: plain HTTP, over a Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from console import TIME_FACTOR


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

    def get(self, path: str, **query: Any) -> Any:
        """The document at a path that must be there."""
        answer = self("GET", path, **query)
        assert answer.status == 200, answer
        return answer.json

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
