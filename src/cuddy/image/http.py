"""HTTP to hosts one does not trust: bounded answers, checked redirects, errors that say what to do.

`connection` speaks the protocol. Nothing is repeated or followed there, since credentials and time
limits hang on that.
"""

from __future__ import annotations

import _socket
import time

from cuddy.errors import RegistryBusy, RegistryError, RegistryUnreachable
from cuddy.image import certificates, proxies
from cuddy.image.connection import Connection, Proxy, Response, Tls
from cuddy.image.endpoints import may_be_open
from cuddy.image.settings import Settings
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Body = bytes | Callable[[], Iterator[bytes]]
    """What a request sends: bytes, or where they come from, as often as it takes."""

MAX_REDIRECTS = 8
LEAST_BYTES_PER_S = 512
REDIRECTS = (301, 302, 303, 307, 308)
MAX_IDLE_BYTES = 1 << 16
PORTS = {"http": 80, "https": 443}
HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")
ADDRESS_CHARACTERS = frozenset("0123456789abcdefABCDEF:.")
URL_CHARACTERS = "!#$%&'()*+,/:;=?@[]~"


class Origin(NamedTuple):
    """Scheme, host and port: what credentials belong to."""

    scheme: str
    host: str
    port: int


def origin(url: str) -> Origin:
    """The origin of a URL. Raises RegistryError unless it is plain http or https."""
    return split(url)[0]


def split(url: str) -> tuple[Origin, str]:
    """A URL as its origin, and what is asked there. Raises RegistryError as `origin` does."""
    scheme, marks, rest = url.partition("://")
    scheme = scheme.lower()
    end = next((i for i, c in enumerate(rest) if c in "/?#"), len(rest))
    place, path = rest[:end], rest[end:].partition("#")[0]
    if scheme not in PORTS or not marks or not place or "@" in place:
        raise RegistryError(f"an address that is not plain http or https: {url[:200]!a}")
    if place.startswith("["):
        host, end_mark, after = place[1:].partition("]")
        is_host = bool(end_mark) and not set(host) - ADDRESS_CHARACTERS
        colon, port = after[:1], after[1:]
    else:
        host, colon, port = place.partition(":")
        is_host = not set(host) - HOST_CHARACTERS
    is_port = not port or (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 1 << 16)
    if not (host and is_host and place.isascii()) or colon not in ("", ":") or not is_port:
        raise RegistryError(f"an impossible URL: {url[:200]!a}")
    where = Origin(scheme, host.lower(), int(port or PORTS[scheme]))
    return where, path if path.startswith("/") else f"/{path}"


def join(url: str, location: str) -> str:
    """Where a Location leads. Raises RegistryError if it is no URL."""
    from urllib.parse import quote, urljoin

    try:
        return quote(urljoin(url, location), safe=URL_CHARACTERS, encoding="latin-1")
    except ValueError:
        raise RegistryError(f"a redirect to what is no URL: {location[:200]!a}") from None


class Http:
    """Connections to registries and to the hosts they send us to. `close` when done."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._idle: dict[tuple[Origin, bool], Connection] = {}

    def close(self) -> None:
        """Close the connections that nobody uses at the moment."""
        while self._idle:
            self._idle.popitem()[1].close()

    def request(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        *,
        body: Body = b"",
        verify: bool = True,
        is_secret: bool = False,
        patience: int = 1,
    ) -> Response:
        """Make one request and follow its redirects; the answer's body is not read yet.

        The Authorization header goes to the first origin only, and so does a body that is secret.
        What changes something follows only redirects that keep the method. `patience`: how many
        times longer than usual the answer may take. Raises RegistryUnreachable, RegistryError.
        """
        home = origin(url)
        for _ in range(MAX_REDIRECTS):
            response = self._send(method, url, headers, body, verify, patience)
            location = response.headers.get("Location", "")
            if response.status not in REDIRECTS or not location:
                return response
            if response.status not in (307, 308) and method not in ("GET", "HEAD"):
                return response
            response.close()
            url = join(url, location)
            where = origin(url)
            if where != home:
                kept = {k: v for k, v in headers.items() if k.lower() != "authorization"}
                headers, verify = kept, True
                is_open = where.scheme == "http" and not may_be_open(self.settings, where.host)
                if body and (is_secret or is_open):
                    raise RegistryError(f"{home.host} wants what we send it sent to {where.host}")
        raise RegistryError(f"{home.host} redirects without end")

    def _send(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        body: Body,
        verify: bool,
        patience: int,
    ) -> Response:
        where, path = split(url)
        fields = {"User-Agent": self.settings.user_agent, "Accept-Encoding": "identity", **headers}
        try:
            connection = self._connection(where, verify)
            try:
                try:
                    connection.send(method, path, fields, body() if callable(body) else body)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it may have said why before it hung up
                response = connection.receive(method, self.settings.timeout_s * patience)
            except BaseException:
                connection.close()
                raise
        except OSError as error:
            raise unreachable(where, error) from error
        response.give_back = lambda connection: self._keep((where, verify), connection)
        return response

    def _connection(self, where: Origin, verify: bool) -> Connection:
        """The connection of an earlier request, if it is still good, or a new one."""
        connection = self._idle.pop((where, verify), None)
        if connection and not connection.is_stale():
            return connection
        if connection:
            connection.close()
        tls = None
        if where.scheme == "https":
            found = certificates.find(self.settings.certificate_dirs, where.host, where.port)
            tls = Tls(verify, *found)
        return Connection(
            where.host, where.port, tls, proxy(proxies.choose(self.settings.proxies, *where))
        )

    def _keep(self, name: tuple[Origin, bool], connection: Connection) -> None:
        if name in self._idle:
            connection.close()
        else:
            self._idle[name] = connection


def proxy(url: str) -> Proxy | None:
    """The proxy that a URL, with or without its scheme, stands for. Raises RegistryUnreachable."""
    if not url:
        return None
    scheme, marks, rest = url.rpartition("://")
    user, _, place = rest.rpartition("@")
    where = origin(f"http://{place}")
    if marks and scheme.lower() != "http":
        raise RegistryUnreachable(
            f"the proxy {where.host} is one for {scheme[:20]!a}",
            hint="only proxies that are spoken to by plain HTTP will do: http://HOST:PORT",
        )
    if not user:
        return Proxy(where.host, where.port)
    import binascii
    from urllib.parse import unquote_to_bytes

    encoded = binascii.b2a_base64(unquote_to_bytes(user), newline=False).decode()
    return Proxy(where.host, where.port, f"Basic {encoded}")


def unreachable(where: Origin, error: OSError) -> RegistryError:
    """What went wrong on the way, in a sentence."""
    target = f"{where.host}:{where.port}"
    if "SSL" in type(error).__name__:
        return RegistryUnreachable(
            f"no trustworthy connection to {target}: {_plain(error)}",
            hint=f"its authority's certificate is for /etc/docker/certs.d/{_place(where)}/ca.crt",
        )
    if isinstance(error, _socket.gaierror):
        return RegistryUnreachable(
            f"the name {where.host} cannot be resolved", hint="is the network up?"
        )
    if isinstance(error, TimeoutError):
        return RegistryUnreachable(f"{target} does not answer", hint="is the network up?")
    return RegistryUnreachable(f"no connection to {target}: {_plain(error)}")


def _place(where: Origin) -> str:
    """The host as it stands in image names."""
    return where.host if where.port == PORTS["https"] else f"{where.host}:{where.port}"


def _plain(error: OSError) -> str:
    """The words of an error, fit to be shown."""
    said = str(getattr(error, "verify_message", "") or error.strerror or error)
    # OpenSSL's begin with the name of a constant and end with a line of its sources.
    said = said.rpartition("] ")[2].partition(" (_ssl.c")[0]
    return ascii(said.lower())[1:-1][:200]


def pieces(response: Response, where: str, timeout_s: float) -> Iterator[bytes]:
    """The body as it comes. Raises RegistryBusy when it stops early or only trickles."""
    started, received = time.monotonic(), 0
    try:
        while piece := response.read():
            yield piece
            received += len(piece)
            elapsed = time.monotonic() - started
            if elapsed > timeout_s:
                if received < elapsed * LEAST_BYTES_PER_S:
                    raise RegistryBusy(f"{where} sends next to nothing")
                started, received = time.monotonic(), 0
    except OSError as error:
        raise RegistryBusy(f"{where} broke off: {_plain(error)}") from error
    finally:
        response.close()


def read(response: Response, where: str, limit: int, timeout_s: float) -> bytes:
    """The whole body of a document. Raises RegistryError above `limit` bytes."""
    data = bytearray()
    for piece in pieces(response, where, timeout_s):
        data += piece
        if len(data) > limit:
            raise RegistryError(f"{where} sends a document of more than {limit} bytes")
    return bytes(data)


def finish(response: Response) -> None:
    """Be done with an answer whose body does not matter; the connection may serve the next."""
    try:
        if 0 <= response.bytes_left <= MAX_IDLE_BYTES:
            while response.read():
                pass
    except OSError:
        pass  # the connection is of no more use, and nothing else was wanted of it
    finally:
        response.close()
