"""HTTP/1.1 on one connection, as much of it as registries speak (RFC 9112), by TLS where asked for.

Only what is needed: one request after the other, bodies with a length, in chunks or until the end.
Every line and head is bounded. What goes wrong is an OSError; what breaks the protocol is a
ConnectionError. TLS is the standard library's; it is imported when it is needed.
"""

from __future__ import annotations

import _socket
import select
import time

from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol

    class Socket(Protocol):
        """What plain sockets and those of TLS have in common."""

        def recv(self, limit: int, /) -> bytes: ...
        def sendall(self, data: bytes, /) -> None: ...
        def settimeout(self, seconds: float, /) -> None: ...
        def fileno(self) -> int: ...
        def close(self) -> None: ...


MAX_HEAD_BYTES = 1 << 16
MAX_INTERIM = 8
"""Answers of the kind 1xx before the one that counts."""
PIECE = 1 << 18
CONNECT_TIMEOUT_S = 15.0


class Tls(NamedTuple):
    """How to be sure of a host: whether to verify it, authorities besides the system's; and who
    we are: certificates with their keys. All of them are paths."""

    verify: bool = True
    authorities: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


class Proxy(NamedTuple):
    """A proxy that is spoken to by plain HTTP."""

    host: str
    port: int
    authorization: str = ""


class Headers:
    """The fields of an answer; their names are as good in small letters as in capitals."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def get(self, name: str, default: str = "") -> str:
        """The value of a field. Several of one name are joined by commas (RFC 9110, 5.3)."""
        return self._fields.get(name.lower(), default)


class Connection:
    """A connection to a host, or to the proxy in front of it. `close` when done."""

    def __init__(self, host: str, port: int, tls: Tls | None = None, proxy: Proxy | None = None):
        self.host = host
        self.port = port
        self.is_proxied = proxy is not None and tls is None
        self._buffer = b""
        self._timeout_s = CONNECT_TIMEOUT_S
        self._proxy = proxy
        plain = _connect(*(proxy[:2] if proxy else (host, port)))
        self._socket: Socket = plain
        try:
            if tls and proxy:
                self._tunnel()
            if tls:
                self._socket = _wrap(plain, host, tls)
        except BaseException:
            plain.close()
            raise

    def close(self) -> None:
        """Close it; more than once is fine."""
        self._socket.close()

    def is_stale(self) -> bool:
        """Whether the other side has closed it, or speaks without having been asked."""
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return bool(self._buffer or poll.poll(0))

    def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | Iterable[bytes]
    ) -> None:
        """Send a request. Raises OSError, also when nothing of it is taken for a while."""
        self._socket.settimeout(CONNECT_TIMEOUT_S)
        fields = {"Host": authority(self.host, self.port), **headers}
        if self.is_proxied and self._proxy:
            path = f"http://{fields['Host']}{path}"
            if self._proxy.authorization:
                fields["Proxy-Authorization"] = self._proxy.authorization
        if isinstance(body, bytes):
            if body or method not in ("GET", "HEAD"):
                fields["Content-Length"] = str(len(body))
            self._socket.sendall(_head(f"{method} {path} HTTP/1.1", fields) + body)
            return
        self._socket.sendall(_head(f"{method} {path} HTTP/1.1", fields))
        for piece in body:
            self._socket.sendall(piece)

    def receive(self, method: str, timeout_s: float) -> Response:
        """The answer to a request, without its body. Raises OSError."""
        self._timeout_s = timeout_s
        self._socket.settimeout(timeout_s)
        for _ in range(MAX_INTERIM):
            version, status = _status(self.line())
            headers = self.headers()
            if status >= 200:
                return Response(self, method, version, status, headers)
        raise ConnectionError("the answer never begins")

    def headers(self) -> Headers:
        """The lines up to an empty one."""
        fields: dict[str, str] = {}
        left = MAX_HEAD_BYTES
        deadline = time.monotonic() + self._timeout_s
        while line := self.line():
            left -= len(line)
            if time.monotonic() > deadline:
                raise TimeoutError("timed out")
            if left < 0:
                raise ConnectionError("the answer's head does not end")
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not name or name.strip() != name:
                raise ConnectionError("the answer is not HTTP")
            name, value = name.lower(), value.strip()
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
        return Headers(fields)

    def line(self) -> bytes:
        """The next line, without its end."""
        deadline = time.monotonic() + self._timeout_s
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise ConnectionError("the answer has a line that does not end")
            if time.monotonic() > deadline:
                raise TimeoutError("timed out")
            more = self._socket.recv(MAX_HEAD_BYTES)
            if not more:
                raise ConnectionError("the connection was closed without an answer")
            self._buffer += more
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        return line.removesuffix(b"\r")

    def read(self, limit: int) -> bytes:
        """At most `limit` bytes, those that are there; none at the end."""
        if self._buffer:
            piece, self._buffer = self._buffer[:limit], self._buffer[limit:]
            return piece
        return self._socket.recv(min(limit, PIECE))

    def _tunnel(self) -> None:
        """Have the proxy connect us with the host (RFC 9110, 9.3.6)."""
        where = f"{self.host}:{self.port}" if ":" not in self.host else f"[{self.host}]:{self.port}"
        fields = {"Host": where}
        if self._proxy and self._proxy.authorization:
            fields["Proxy-Authorization"] = self._proxy.authorization
        self._socket.sendall(_head(f"CONNECT {where} HTTP/1.1", fields))
        _, status = _status(self.line())
        self.headers()
        if not 200 <= status < 300 or self._buffer:
            raise ConnectionError(f"the proxy {self._proxy and self._proxy.host} answers {status}")


class Response:
    """An answer: `status`, `headers`, and a body that is read as it comes."""

    def __init__(
        self, connection: Connection, method: str, version: bytes, status: int, headers: Headers
    ) -> None:
        self.status = status
        self.headers = headers
        self.connection = connection
        self.give_back: Callable[[Connection], None] | None = None
        """Who takes the connection when the answer was read to its end."""
        options = headers.get("Connection").lower()
        self.keeps = "close" not in options and (version == b"1.1" or "keep-alive" in options)
        self._is_chunked = False
        self._left = -1
        if method == "HEAD" or status in (204, 304):
            self._left = 0
        elif encoding := headers.get("Transfer-Encoding").lower():
            if encoding != "chunked":
                raise ConnectionError("the answer has an unknown transfer encoding")
            self._is_chunked, self._left = True, 0
        elif length := headers.get("Content-Length"):
            self._left = _length(length)
        else:
            self.keeps = False
        self.is_over = self._left == 0 and not self._is_chunked

    @property
    def bytes_left(self) -> int:
        """What is left of the body; -1 if that is not known."""
        return -1 if self._is_chunked else self._left

    def read(self, limit: int = PIECE) -> bytes:
        """The next piece of the body, none at its end. Raises OSError if it ends too early."""
        if self._is_chunked and not self._left and not self.is_over:
            self._begin_chunk()
        if self.is_over:
            return b""
        piece = self.connection.read(limit if self._left < 0 else min(limit, self._left))
        if self._left < 0:
            self.is_over = not piece
            return piece
        if not piece:
            raise ConnectionError("it ended too early")
        self._left -= len(piece)
        if not self._left and self._is_chunked:
            if self.connection.line():
                raise ConnectionError("it has a chunk that does not end where it says")
        elif not self._left:
            self.is_over = True
        return piece

    def close(self) -> None:
        """Be done with the answer: the connection serves the next request, or is closed."""
        give_back, self.give_back = self.give_back, None
        if give_back and self.is_over and self.keeps:
            give_back(self.connection)
        elif give_back:
            self.connection.close()

    def _begin_chunk(self) -> None:
        size = self.connection.line().partition(b";")[0].strip()
        if not size or len(size) > 15 or size.strip(b"0123456789abcdefABCDEF"):
            raise ConnectionError("it has a chunk without a size")
        self._left = int(size, 16)
        if not self._left:
            self.connection.headers()
            self.is_over = True


def _connect(host: str, port: int) -> _socket.socket:
    """A connection to the first of a host's addresses that takes it. Raises OSError."""
    error: OSError = ConnectionError(f"{host} has no address")
    for family, kind, protocol, _, address in _socket.getaddrinfo(
        host.encode("ascii"), port, 0, _socket.SOCK_STREAM
    ):
        connection = _socket.socket(family, kind | _socket.SOCK_CLOEXEC, protocol)
        try:
            connection.settimeout(CONNECT_TIMEOUT_S)
            connection.connect(address)
            connection.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            return connection
        except OSError as problem:
            connection.close()
            error = problem
        except BaseException:
            connection.close()
            raise
    raise error


def _wrap(plain: _socket.socket, host: str, tls: Tls) -> Socket:
    """TLS over a connection. Raises OSError: a certificate that is not good is an SSLError."""
    import socket
    import ssl

    context = ssl.create_default_context()
    # From Python 3.13 on the default is stricter than what authorities of one's own are made with,
    # and than Docker is.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    for path in tls.authorities:
        _load(path, context.load_verify_locations, path)
    context.set_alpn_protocols(["http/1.1"])
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    for certificate, key in tls.pairs:
        _load(certificate, context.load_cert_chain, certificate, key)
    timeout = plain.gettimeout()
    whole = socket.socket(fileno=plain.detach())
    try:
        whole.settimeout(timeout)
        return context.wrap_socket(whole, server_hostname=host)
    except BaseException:
        whole.close()
        raise


def _load(path: str, load: Callable[..., object], *paths: str) -> None:
    """Load a certificate. Raises InvalidArgument naming the file that is none."""
    try:
        load(*paths)
    except OSError as error:
        reason = error.strerror if error.errno and error.errno > 0 else ""
        shown = ascii(str(reason or error)[:100])[1:-1]
        raise InvalidArgument(f"{path} cannot be used: {shown}") from None


def authority(host: str, port: int) -> str:
    """Host and port as they stand in a URL; the usual ports are left out."""
    name = f"[{host}]" if ":" in host else host
    return name if port in (80, 443) else f"{name}:{port}"


def _head(first: str, fields: dict[str, str]) -> bytes:
    """A request's first line and header fields. Raises ConnectionError if one of them is none."""
    lines = [first, *(f"{name}: {value}" for name, value in fields.items())]
    if first.count(" ") != 2 or not all(line.isascii() and line.isprintable() for line in lines):
        raise ConnectionError("the request has characters in it that no request can have")
    return "\r\n".join([*lines, "", ""]).encode()


def _status(line: bytes) -> tuple[bytes, int]:
    """Version and status of an answer's first line."""
    version, _, rest = line.partition(b" ")
    code = rest.lstrip()[:3]
    if not version.startswith(b"HTTP/1.") or len(code) != 3 or not code.isdigit():
        raise ConnectionError("the answer is not HTTP")
    return version.removeprefix(b"HTTP/"), int(code)


def _length(text: str) -> int:
    """A Content-Length. Raises ConnectionError."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ConnectionError("the answer has a length that is none")
    return int(text)
