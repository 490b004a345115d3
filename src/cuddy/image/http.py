"""HTTP to hosts one does not trust: bounded answers, checked redirects, errors that say what to do.

urllib3 does the protocol, TLS and proxies; its own retries and redirects are off, since credentials
and time limits hang on them.
"""

from __future__ import annotations

import os
import time
import warnings
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3 import exceptions

from cuddy.errors import RegistryBusy, RegistryError, RegistryUnreachable
from cuddy.image.settings import Settings
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from urllib3 import BaseHTTPResponse

    Body = bytes | Callable[[], Iterator[bytes]]
    """What a request sends: bytes, or where they come from, as often as it takes."""

MAX_REDIRECTS = 8
PIECE = 1 << 18
LEAST_BYTES_PER_S = 512
REDIRECTS = (301, 302, 303, 307, 308)
CONNECT_TIMEOUT_S = 15
MAX_IDLE_BYTES = 1 << 16


class Origin(NamedTuple):
    """Scheme, host and port: what credentials belong to."""

    scheme: str
    host: str
    port: int


def origin(url: str) -> Origin:
    """The origin of a URL. Raises RegistryError unless it is plain http or https."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        raise RegistryError(f"a registry names an impossible URL: {url[:200]!a}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise RegistryError(f"a registry leads to {url[:200]!a}, which is not plain http or https")
    return Origin(parts.scheme, parts.hostname, port)


def join(url: str, location: str) -> str:
    """Where a Location leads. Raises RegistryError if it is no URL."""
    try:
        return urljoin(url, location)
    except ValueError:
        raise RegistryError(f"a registry leads to {location[:200]!a}, which is no URL") from None


class Http:
    """Connections to registries and to the hosts they send us to. `close` when done."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pools: dict[tuple[str, ...], urllib3.PoolManager] = {}

    def close(self) -> None:
        for hosts in self._pools.values():
            # clear() would leave the sockets to the garbage collector.
            for key in hosts.pools.keys():  # noqa: SIM118 - it is no dict
                hosts.pools[key].close()
            hosts.clear()
        self._pools.clear()

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
    ) -> BaseHTTPResponse:
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
                if body and (is_secret or where.scheme == "http"):
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
    ) -> BaseHTTPResponse:
        where = origin(url)
        fields = {"User-Agent": self.settings.user_agent, "Accept-Encoding": "identity", **headers}
        read_s = self.settings.timeout_s * patience
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=read_s)
        try:
            with warnings.catch_warnings():
                # Whoever lists a host as insecure knows that its certificate is not verified.
                warnings.simplefilter("ignore", exceptions.InsecureRequestWarning)
                return self._pool(where, verify).request(
                    method,
                    url,
                    headers=fields,
                    body=body() if callable(body) else body or None,
                    redirect=False,
                    retries=False,
                    preload_content=False,
                    timeout=timeout,
                )
        except exceptions.HTTPError as error:
            raise unreachable(where, error) from error

    def _pool(self, where: Origin, verify: bool) -> urllib3.PoolManager:
        proxy = self._proxy(where)
        authority, certificate, key = self._certificates(where)
        name = (where.scheme, proxy, authority, certificate, str(verify))
        if name not in self._pools:
            options: dict[str, object] = {"maxsize": 2}
            if where.scheme == "https":
                options["cert_reqs"] = "CERT_REQUIRED" if verify else "CERT_NONE"
                options |= {"ca_certs": authority} if authority else {}
                options |= {"cert_file": certificate, "key_file": key} if certificate else {}
            self._pools[name] = (
                urllib3.ProxyManager(proxy, **options)  # type: ignore[arg-type]
                if proxy
                else urllib3.PoolManager(**options)  # type: ignore[arg-type]
            )
        return self._pools[name]

    def _certificates(self, where: Origin) -> tuple[str, str, str]:
        """The authority, certificate and key that are set down for a host, "" where none are."""
        if where.scheme == "http":
            return "", "", ""
        for directory in self.settings.certificate_dirs:
            for name in (f"{where.host}:{where.port}", where.host):
                paths = [f"{directory}/{name}/{file}" for file in CERTIFICATE_FILES]
                found = [path if os.path.exists(path) else "" for path in paths]
                if any(found):
                    return found[0], found[1], found[2]
        return "", "", ""

    def _proxy(self, where: Origin) -> str:
        """The proxy for a host, "" for none; never for loopback."""
        direct = [name.strip() for name in self.settings.proxies.get("no", "").split(",")]
        if is_loopback(where.host) or "*" in direct:
            return ""
        for name in filter(None, direct):
            plain = name.lstrip(".").partition(":")[0]
            if where.host == plain or where.host.endswith(f".{plain}"):
                return ""
        return self.settings.proxies.get(where.scheme, "")


CERTIFICATE_FILES = ("ca.crt", "client.cert", "client.key")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name alone: nothing is looked up."""
    return host in ("localhost", "::1") or (
        host.startswith("127.") and not host.strip("0123456789.")
    )


def unreachable(where: Origin, error: exceptions.HTTPError) -> RegistryError:
    """What went wrong on the way, in a sentence."""
    target = f"{where.host}:{where.port}"
    reason = getattr(error, "reason", None) or error
    if isinstance(error, exceptions.SSLError) or "SSL" in type(reason).__name__:
        return RegistryUnreachable(
            f"no trustworthy connection to {target}: {_plain(reason)}",
            hint=f"its authority's certificate goes into /etc/docker/certs.d/{where.host}/ca.crt",
        )
    if isinstance(error, exceptions.NameResolutionError):
        return RegistryUnreachable(
            f"the name {where.host} cannot be resolved", hint="is the network up?"
        )
    if isinstance(error, exceptions.TimeoutError) and not is_refused(error):
        return RegistryUnreachable(f"{target} does not answer", hint="is the network up?")
    return RegistryUnreachable(f"no connection to {target}: {_plain(reason)}")


def is_refused(error: exceptions.HTTPError) -> bool:
    """Whether the connection failed at once; urllib3 counts that among the timeouts."""
    return isinstance(error, exceptions.NewConnectionError)


def _plain(reason: object) -> str:
    """The innermost words of an exception that wraps others."""
    while isinstance(reason, BaseException):
        inner = reason.args[-1] if reason.args else None
        if isinstance(reason, OSError) and reason.strerror:
            return reason.strerror.lower()
        if not isinstance(inner, BaseException):
            break
        reason = inner
    return ascii(str(reason).rpartition(": ")[2])[1:-1][:200]


def pieces(response: BaseHTTPResponse, where: str, timeout_s: float) -> Iterator[bytes]:
    """The body as it comes. Raises RegistryBusy when it stops early or only trickles."""
    started, received = time.monotonic(), 0
    try:
        while piece := response.read1(PIECE, decode_content=False):
            yield piece
            received += len(piece)
            elapsed = time.monotonic() - started
            if elapsed > timeout_s:
                if received < elapsed * LEAST_BYTES_PER_S:
                    raise RegistryBusy(f"{where} sends next to nothing")
                started, received = time.monotonic(), 0
    except exceptions.HTTPError as error:
        raise RegistryBusy(f"{where} broke off: {_plain(error)}") from error
    finally:
        response.close()


def read(response: BaseHTTPResponse, where: str, limit: int, timeout_s: float) -> bytes:
    """The whole body of a document. Raises RegistryError above `limit` bytes."""
    data = bytearray()
    for piece in pieces(response, where, timeout_s):
        data += piece
        if len(data) > limit:
            raise RegistryError(f"{where} sends a document of more than {limit} bytes")
    return bytes(data)


def finish(response: BaseHTTPResponse) -> None:
    """Be done with an answer whose body does not matter; the connection may serve the next."""
    try:
        left = response.length_remaining
        if left is not None and left <= MAX_IDLE_BYTES:
            response.drain_conn()
    finally:
        response.close()
