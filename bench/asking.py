"""A client of HTTP that costs next to nothing, so that what it measures is the server."""

from __future__ import annotations

import socket

READ_BYTES = 1 << 20


class Client:
    """A connection to a socket's file; what it sends is made once."""

    def __init__(self, path: str, target: str) -> None:
        self._request = f"GET {target} HTTP/1.1\r\nHost: engine\r\n\r\n".encode()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)

    def ask(self) -> bytes:
        """The body of the answer. Raises RuntimeError."""
        self._socket.sendall(self._request)
        data = self._receive()
        while b"\r\n\r\n" not in data:
            data += self._receive()
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(head.decode(errors="replace"))
        if b"\r\nTransfer-Encoding: chunked" in head:
            return self._chunks(body)
        length = int(head.partition(b"\r\nContent-Length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += self._receive()
        return body

    def _chunks(self, data: bytes) -> bytes:
        while not data.endswith(b"\r\n0\r\n\r\n"):
            data += self._receive()
        return data

    def _receive(self) -> bytes:
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise RuntimeError("the answer has no end")
        return data

    def close(self) -> None:
        self._socket.close()
