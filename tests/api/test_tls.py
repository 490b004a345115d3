"""The API by TCP: TLS, certificates of clients, and no web pages."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import Cuddy
from engine_api import UnixConnection, serving

NAMES = "DNS:localhost,DNS:engine.test,IP:127.0.0.1"


def openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a server and a client of it, and a stranger."""
    place = tmp_path_factory.mktemp("tls")
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 2)
    for name in ("ca", "stranger"):
        out = ("-keyout", place / f"{name}.key", "-out", place / f"{name}.pem")
        openssl(*new, "-x509", "-subj", f"/CN={name}", *out)
    for name in ("server", "client"):
        use = f"extendedKeyUsage={name}Auth"
        openssl(
            *new, "-x509", "-CA", place / "ca.pem", "-CAkey", place / "ca.key",
            "-subj", f"/CN={name}", "-addext", f"subjectAltName={NAMES}", "-addext", use,
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", place / f"{name}.key", "-out", place / f"{name}.pem",
        )  # fmt: skip
    return place


@pytest.fixture(scope="module")
def port(
    home: Cuddy, certificates: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    """The port of a server that serves by TCP too."""
    path = tmp_path_factory.mktemp("api") / "cuddy.sock"
    files = {"--tlscacert": "ca.pem", "--tlscert": "server.pem", "--tlskey": "server.key"}
    flags = [word for flag, name in files.items() for word in (flag, str(certificates / name))]
    with serving(home, path, "--tcp", "127.0.0.1:0", "--tlsverify", *flags):
        log = path.with_suffix(".log").read_text()
        yield int(log.partition("tcp://127.0.0.1:")[2].split()[0])


def connect(
    certificates: Path, port: int, *, client: str, name: str = "localhost"
) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
    if client:
        context.load_cert_chain(certificates / f"{client}.pem", certificates / f"{client}.key")
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


@pytest.mark.parametrize("client", ["", "stranger", "server"])
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
