"""HTTP/1.1 as servers speak it, well and badly; and through proxies."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuddy.errors import RegistryError, RegistryUnreachable
from cuddy.image import http
from cuddy.image.connection import Connection, Response
from cuddy.image.http import Origin
from cuddy.image.settings import Settings
from hostile_registry import Answer

pytestmark = pytest.mark.root

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@contextlib.contextmanager
def answered(data: bytes, method: str = "GET", *, closed: bool = True) -> Iterator[Response]:
    """The answer of a server that says this, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = Connection(*listener.getsockname())
        server, _ = listener.accept()
        with server:
            server.sendall(data)
            if closed:
                server.shutdown(socket.SHUT_WR)
            try:
                connection.send(method, "/", {}, b"")
                yield connection.receive(method, 0.3)
            finally:
                connection.close()


def whole(response: Response) -> bytes:
    return b"".join(iter(lambda: response.read(1000), b""))


class TestBodies:
    @pytest.mark.parametrize(
        ("data", "body", "keeps"),
        [
            (OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
            (OK + b"content-length:  5  \r\nConnection: close\r\n\r\nhello", b"hello", False),
            (b"HTTP/1.0 200 OK\nContent-Length: 5\n\nhello", b"hello", False),
            (OK + b"\r\nuntil the end", b"until the end", False),
            (CHUNKED + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", b"hello world", True),
            (CHUNKED + b"5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n", b"hello", True),
            (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
            (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", b"", True),
        ],
    )  # fmt: skip
    def test_of_every_kind(self, data: bytes, body: bytes, keeps: bool) -> None:
        with answered(data) as response:
            assert whole(response) == body
            assert (response.is_over, response.keeps) == (True, keeps)

    def test_of_head_there_is_none(self) -> None:
        with answered(OK + b"Content-Length: 5\r\n\r\n", "HEAD", closed=False) as response:
            assert whole(response) == b""
            assert response.headers.get("Content-Length") == "5"

    @pytest.mark.parametrize(
        "data",
        [
            OK + b"Content-Length: 6\r\n\r\nhello",
            CHUNKED + b"5\r\nhello\r\n",
            CHUNKED + b"5\r\nhelloX\r\n0\r\n\r\n",
            CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
            CHUNKED + b"\r\n",
            CHUNKED + b"f" * 100_000,
        ],
    )
    def test_that_break_off_or_break_the_rules(self, data: bytes) -> None:
        with answered(data) as response, pytest.raises(ConnectionError):
            whole(response)


class TestHeads:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"220 mail.example ESMTP\r\n\r\n",
            b"HTTP/1.1 OK\r\n\r\n",
            OK,
            OK + b"no colon\r\n\r\n",
            OK + b" Folded: x\r\n\r\n",
            OK + b"Content-Length: 5, 5\r\n\r\nhello",
            OK + b"Content-Length: -5\r\n\r\nhello",
            OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
            OK + b"X: " + b"x" * 100_000 + b"\r\n\r\n",
            OK + b"X: yyyyyyyyyy\r\n" * 10_000 + b"\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
        ],
    )
    def test_that_are_none(self, data: bytes) -> None:
        with pytest.raises(ConnectionError), answered(data):
            pass

    def test_that_never_come(self) -> None:
        with pytest.raises(TimeoutError), answered(b"HTTP/1.1 200", closed=False):
            pass

    @settings(deadline=None, max_examples=200)
    @given(st.sampled_from([b"", OK, CHUNKED, OK + b"Content-Length: 9\r\n\r\n"]), st.binary())
    def test_of_random_bytes_raise_nothing_else(self, beginning: bytes, data: bytes) -> None:
        with contextlib.suppress(OSError), answered(beginning + data) as response:
            whole(response)

    @pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/a\nb", "/\0", "/\u0161"])
    def test_of_requests_that_would_be_two(self, path: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            connection = Connection(*listener.getsockname())
            with pytest.raises(ConnectionError):
                connection.send("GET", path, {}, b"")
            connection.close()


class TestConnections:
    def test_one_serves_several_requests(self, hostile) -> None:
        server = hostile({"/*": [Answer(body=b"hello")]})
        client = http.Http(Settings())
        used = set()
        for _ in range(3):
            response = client.request("GET", f"http://{server.host}/x", {})
            used.add(response.connection)
            assert http.read(response, "", 100, 1) == b"hello"
        client.close()
        assert len(used) == 1

    def test_one_that_the_server_has_closed_is_not_used_again(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            connection = Connection(*listener.getsockname())
            server, _ = listener.accept()
            assert not connection.is_stale()
            server.close()
            assert connection.is_stale()
            connection.close()


class TestUrls:
    @pytest.mark.parametrize(
        ("url", "where", "path"),
        [
            ("http://Host.Example", Origin("http", "host.example", 80), "/"),
            ("https://host:5000/v2/?a=b#c", Origin("https", "host", 5000), "/v2/?a=b"),
            ("https://[fe80::1]:5000?x", Origin("https", "fe80::1", 5000), "/?x"),
            ("HTTPS://127.0.0.1/@", Origin("https", "127.0.0.1", 443), "/@"),
        ],
    )
    def test_their_parts(self, url: str, where: Origin, path: str) -> None:
        assert http.split(url) == (where, path)

    @pytest.mark.parametrize(
        "url",
        ["", "host/x", "file:///etc/passwd", "http://", "http:///x", "http://user@host/",
         "http://a:b@host/", "http://host:0/", "http://host:99999/", "http://host:x/",
         "http://a b/", "http://a\\b/", "http://[::1", "http://[::1]x/", "http://[host]/",
         "http://host\n.example/", "http://\u212aost/", "http://host:1:2/"],
    )  # fmt: skip
    def test_impossible_ones(self, url: str) -> None:
        with pytest.raises(RegistryError):
            http.split(url)

    def test_a_location_cannot_smuggle(self) -> None:
        joined = http.join("http://host/v2/", "/a b\r\nX: \xfcber?c=d%20e")
        assert joined == "http://host/a%20bX:%20%FCber?c=d%20e"


class TestProxies:
    def test_plain_http_goes_through(self, hostile) -> None:
        url = "http://registry.example:5000/v2/x"
        server = hostile({url: [Answer(body=b"hello")]})
        client = http.Http(Settings(proxies={"http": f"http://us%40er:pw@{server.host}"}))
        assert http.read(client.request("GET", url, {}), "", 100, 1) == b"hello"
        client.close()
        [(_, headers)] = server.requests()
        assert headers["Proxy-Authorization"] == "Basic dXNAZXI6cHc="
        assert headers["Host"] == "registry.example:5000"

    def test_tls_goes_through_a_tunnel(self, hostile, tmp_path: Path) -> None:
        certificate = make_certificate(tmp_path)
        server = hostile({"/x": [Answer(body=b"hello")]}, certificate)
        port = server.host.partition(":")[2]
        with tunnel(int(port)) as proxy:
            directory = tmp_path / f"certs.d/registry.example:{port}"
            directory.mkdir(parents=True)
            (directory / "ca.crt").write_bytes(certificate.read_bytes())
            settings = Settings(
                proxies={"https": proxy}, certificate_dirs=(str(directory.parent),), timeout_s=5
            )
            client = http.Http(settings)
            response = client.request("GET", f"https://registry.example:{port}/x", {})
            assert http.read(response, "", 100, 1) == b"hello"
            client.close()

    def test_a_proxy_that_refuses(self, hostile) -> None:
        server = hostile({})
        client = http.Http(Settings(proxies={"https": server.host}))
        with pytest.raises(RegistryUnreachable, match="the proxy 127.0.0.1 answers"):
            client.request("GET", "https://registry.example/x", {})

    def test_a_proxy_of_another_kind(self) -> None:
        client = http.Http(Settings(proxies={"https": "socks5://127.0.0.1:1080"}))
        with pytest.raises(RegistryUnreachable, match="socks5"):
            client.request("GET", "https://registry.example/x", {})


def make_certificate(directory: Path) -> Path:
    """A certificate for registry.example, its key beside it."""
    path = directory / "ca.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=registry.example", "-addext", "subjectAltName=DNS:registry.example", "-keyout",
         str(directory / "key"), "-out", str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@contextlib.contextmanager
def tunnel(port: int) -> Iterator[str]:
    """A proxy for one connection, which leads to a port of this machine whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pid = os.fork()
        if pid == 0:
            try:
                client, _ = listener.accept()
                assert client.recv(4096).startswith(b"CONNECT registry.example:")
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                splice(client, socket.create_connection(("127.0.0.1", port)))
            finally:
                os._exit(0)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def splice(one: socket.socket, other: socket.socket) -> None:
    """Hand on what either side says until one of them ends."""
    while True:
        for side in select.select([one, other], [], [])[0]:
            data = side.recv(65536)
            if not data:
                return
            (other if side is one else one).sendall(data)
