"""The API by TCP: TLS, certificates of clients, and no web pages."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console import Cuddy
from engine_api import UnixConnection, by_stream, serving

NAMES = "DNS:localhost,DNS:engine.test,IP:127.0.0.1"


def openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a server and clients of it, and a stranger with a client of its own."""
    place = tmp_path_factory.mktemp("tls")
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "stranger"):
        out = ("-keyout", place / f"{name}.key", "-out", place / f"{name}.pem")
        openssl(*new, "-days", 2, "-x509", "-subj", f"/CN={name}", *out)
    for name, authority, use, days in (
        ("server", "ca", "server", 2), ("client", "ca", "client", 2),
        ("expired", "ca", "client", -1), ("strangers", "stranger", "client", 2),
    ):  # fmt: skip
        request, extensions = place / f"{name}.csr", place / f"{name}.ext"
        openssl(*new, "-subj", f"/CN={name}", "-keyout", place / f"{name}.key", "-out", request)
        extensions.write_text(
            f"subjectAltName={NAMES}\nextendedKeyUsage={use}Auth\n"
            "basicConstraints=critical,CA:FALSE\n"
        )
        openssl(
            "x509", "-req", "-in", request, "-days", days, "-extfile", extensions,
            "-CA", place / f"{authority}.pem", "-CAkey", place / f"{authority}.key",
            "-CAcreateserial", "-out", place / f"{name}.pem",
        )  # fmt: skip
    return place


@pytest.fixture(scope="module")
def port(
    home: Cuddy, certificates: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The port of a server that serves by TCP too."""
    path = tmp_path_factory.mktemp("api") / "cuddy.sock"
    with serving(home, path, "--tcp", "127.0.0.1:0", *flags_of(certificates)):
        log = path.with_suffix(".log").read_text()
        yield int(log.partition("tcp://127.0.0.1:")[2].split()[0])


def flags_of(certificates: Path) -> list[str]:
    """Of a server that serves by TCP."""
    files = {"--tlscacert": "ca.pem", "--tlscert": "server.pem", "--tlskey": "server.key"}
    words = [word for flag, name in files.items() for word in (flag, str(certificates / name))]
    return ["--tlsverify", *words]


def client_context(certificates: Path, client: str) -> ssl.SSLContext:
    """How a client speaks, who shows a certificate or ''."""
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    if client:
        context.load_cert_chain(certificates / f"{client}.pem", certificates / f"{client}.key")
    return context


def connect(
    certificates: Path, port: int, *, client: str, name: str = "localhost"
) -> ssl.SSLSocket:
    context = client_context(certificates, client)
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


class TlsConnection(UnixConnection):
    def __init__(self, sock: ssl.SSLSocket) -> None:
        super().__init__(Path(), 20)
        self.sock = sock


def ask(sock: ssl.SSLSocket, path: str = "/_ping", **headers: str) -> int:
    connection = TlsConnection(sock)
    try:
        connection.request("GET", path, headers={"Host": "localhost", **headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_a_client_with_a_certificate_is_answered(certificates: Path, port: int) -> None:
    sock = connect(certificates, port, client="client")
    assert ask(sock, "/info") == 200


@pytest.mark.parametrize("client", ["", "stranger", "strangers", "server", "expired"])
def test_a_client_without_a_clients_certificate_is_not(
    certificates: Path, port: int, client: str
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(connect(certificates, port, client=client))


def test_plain_http_is_not_answered(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP" not in sock.recv(1000)


def test_web_pages_are_not_answered(certificates: Path, port: int) -> None:
    sock = connect(certificates, port, client="client")
    assert ask(sock, Origin="https://evil.test") == 403


def test_a_name_that_was_led_here_is_not_answered(certificates: Path, port: int) -> None:
    for name, host, status in (
        ("localhost", "evil.test", 421),
        ("engine.test", "engine.test:2376", 200),
        ("localhost", "127.0.0.1", 200),
    ):
        sock = connect(certificates, port, client="client", name=name)
        assert ask(sock, Host=host) == status


def test_a_client_may_end_its_half_and_still_hears_the_answer(
    certificates: Path, port: int
) -> None:
    sock = connect(certificates, port, client="client")
    with sock:
        sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        heard = b"".join(iter(lambda: sock.recv(1000), b""))
    assert heard.endswith(b"OK")


def test_a_session_is_not_taken_up_again_without_the_certificate(
    certificates: Path, port: int
) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = client_context(certificates, "client")
        context.minimum_version = context.maximum_version = version
        session = None
        for _ in range(2):
            plain = socket.create_connection(("127.0.0.1", port), timeout=20)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as sock:
                sock.sendall(b"GET /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert sock.recv(1000)
                assert not sock.session_reused
                session = sock.session


def test_older_tls_is_not_spoken(certificates: Path, port: int) -> None:
    context = client_context(certificates, "client")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    with plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain, server_hostname="localhost")


class Talk:
    """TLS whose halves end apart, which Python's own sockets cannot."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = sock
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname="localhost")
        self._go_on(self._tls.do_handshake)

    def send(self, data: bytes) -> None:
        self._tls.write(data)
        self._sock.sendall(self._out.read())

    def half_close(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.unwrap()
        self._sock.sendall(self._out.read())

    def read(self) -> bytes:
        """What comes next; nothing at the end."""
        try:
            return self._go_on(lambda: self._tls.read(1 << 16)) or b""
        except ssl.SSLZeroReturnError:
            return b""

    def read_all(self) -> bytes:
        return b"".join(iter(self.read, b""))

    def _go_on(self, act: Callable[[], bytes | None]) -> bytes | None:
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                pass
            finally:
                self._sock.sendall(self._out.read())
            data = self._sock.recv(1 << 16)
            if not data:
                self._in.write_eof()
            self._in.write(data)


@contextmanager
def talking(certificates: Path, port: int, address: str = "127.0.0.1") -> Iterator[Talk]:
    with socket.create_connection((address, port), timeout=20) as sock:
        yield Talk(sock, client_context(certificates, "client"))


HIJACK = "HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"


def test_a_connection_becomes_a_stream_whose_halves_end_apart(
    certificates: Path, port: int, cuddy: Cuddy
) -> None:
    cuddy.ok("create", "-i", "--name", "box", "alpine", "sh", "-c", "sha256sum; echo then")
    data = os.urandom(700_000)
    with talking(certificates, port) as talk:
        path = "/containers/box/attach?stream=1&stdin=1&stdout=1"
        talk.send(f"POST {path} {HIJACK}\r\n".encode())
        assert talk.read().startswith(b"HTTP/1.1 101 ")
        cuddy.ok("start", "box")
        talk.send(data)
        talk.half_close()
        frames = by_stream(talk.read_all())
    assert frames == {1: f"{hashlib.sha256(data).hexdigest()}  -\nthen\n".encode()}


def test_output_ends_before_the_input_does(certificates: Path, port: int, cuddy: Cuddy) -> None:
    cuddy.ok("create", "-i", "--name", "box", "alpine", "echo", "over")
    with talking(certificates, port) as talk:
        talk.send(f"POST /containers/box/attach?stream=1&stdin=1&stdout=1 {HIJACK}\r\n".encode())
        assert talk.read().startswith(b"HTTP/1.1 101 ")
        cuddy.ok("start", "box")
        assert by_stream(talk.read_all()) == {1: b"over\n"}


def test_a_client_that_is_gone_without_a_word_leaves_nothing(
    certificates: Path, port: int, cuddy: Cuddy
) -> None:
    cuddy.ok("run", "-di", "--name", "box", "alpine", "cat")
    for path in (
        "/containers/box/attach?stream=1&stdin=1&stdout=1",
        "/events",
        "/containers/box/wait",
    ):
        with talking(certificates, port) as talk:
            method = "GET" if path == "/events" else "POST"
            talk.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert talk.read()
    # the leak detector sees whatever stays
    assert cuddy.field("box", "{{.State.Running}}") == "true"


def test_ipv6_is_spoken(certificates: Path, cuddy: Cuddy, tmp_path: Path) -> None:
    cuddy.ok("create", "-i", "--name", "box", "alpine", "cat")
    path = tmp_path / "cuddy.sock"
    with serving(cuddy, path, "--tcp", "[::1]:0", *flags_of(certificates)):
        port = int(path.with_suffix(".log").read_text().partition("tcp://[::1]:")[2].split()[0])
        with talking(certificates, port, "::1") as talk:
            target = "/containers/box/attach?stream=1&stdin=1&stdout=1"
            head = HIJACK.replace("localhost", f"[::1]:{port}")
            talk.send(f"POST {target} {head}\r\n".encode())
            assert talk.read().startswith(b"HTTP/1.1 101 ")
            cuddy.ok("start", "box")
            talk.send(b"over IPv6")
            talk.half_close()
            assert by_stream(talk.read_all()) == {1: b"over IPv6"}
