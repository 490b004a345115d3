"""One server of a repository: requests to it, authorized, and what its refusals mean.

Who misbehaves is told apart from who is busy: only the latter is asked again. Nothing read here is
trusted before its digest is.
"""

from __future__ import annotations

import time

from cuddy import files
from cuddy.errors import (
    CorruptContent,
    CuddyError,
    NoSuchImage,
    RegistryBusy,
    RegistryError,
    RegistryUnreachable,
    Unauthorized,
)
from cuddy.image import auth, credentials, http, spec
from cuddy.image import digest as digests
from cuddy.image.credentials import Credentials
from cuddy.image.endpoints import DOCKER_HUB, Endpoint, may_be_open
from cuddy.image.reference import Reference
from cuddy.image.settings import Settings
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from cuddy.image.connection import Response
    from cuddy.image.http import Body

    T = TypeVar("T")

ACCEPT = ", ".join((*spec.INDEX_TYPES, *spec.MANIFEST_TYPES, *spec.DOCKER_SCHEMA1, "*/*"))
ATTEMPTS = 5
MAX_WAIT_S = 30.0
MAX_ERROR_BYTES = 1 << 16
BUSY = (408, 425, 429, 500, 502, 503, 504)


class Document(NamedTuple):
    """A manifest or index as it was served."""

    data: bytes
    media_type: str


def verify(data: bytes, digest: str) -> None:
    """Whether a document is what its digest says. Raises CorruptContent."""
    if digests.of(data, digest.partition(":")[0]) != digest:
        raise CorruptContent(f"the registry sent something else than {digest}")


def retry(source: Server, ask: Callable[[], T]) -> T:
    """Ask again, after a while, as long as the registry is only busy."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return ask()
        except RegistryBusy as error:
            if error.retry_after_s > MAX_WAIT_S:
                raise
            pause(source.settings, attempt, error.retry_after_s)
    return ask()


def pause(settings: Settings, attempt: int, asked_s: float = 0) -> None:
    """Wait before the next attempt: twice as long each time, and never all at the same moment."""
    import random

    wait_s = max(settings.retry_delay_s * 2**attempt, asked_s)
    time.sleep(min(wait_s, MAX_WAIT_S) * random.uniform(0.8, 1.2))


class Server:
    """One endpoint, and what was learnt about it: its scheme, and how to be let in.

    `scopes`: what its tokens have to be good for; pulling, if nothing is said. `action`: what is
    being done, for error messages. `known`: credentials to be tried instead of those that are kept;
    the registry may give an `identity_token` for them.
    """

    def __init__(
        self,
        settings: Settings,
        reference: Reference,
        endpoint: Endpoint,
        *,
        scopes: tuple[str, ...] | None = None,
        action: str = "pull",
        known: Credentials | None = None,
    ) -> None:
        self.settings = settings
        self.reference = reference
        self.endpoint = endpoint
        self.http = http.Http(settings)
        self.authorization = ""
        self.schemes = endpoint.schemes
        self.scopes = (f"repository:{endpoint.repository}:pull",) if scopes is None else scopes
        self.action = action
        self.known = known
        self.identity_token = ""

    def reopen(self) -> None:
        """In a forked child: leave the parent's connections alone; what was learnt stays."""
        self.http = http.Http(self.settings)

    def close(self) -> None:
        """Close the connections; the next request opens others."""
        self.http.close()

    def manifest(self, name: str) -> Document:
        """The manifest or index that a tag or digest names."""
        response = self.request("GET", f"manifests/{name}", {"Accept": ACCEPT})
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        data = self.read(response, spec.MAX_MANIFEST_BYTES)
        if digests.is_digest(name):
            verify(data, name)
        return Document(data, media_type)

    def document(self, digest: str, size: int) -> bytes:
        """A small blob, verified."""
        data = self.read(self.request("GET", f"blobs/{digest}"), size)
        verify(data, digest)
        return data

    def blob(self, digest: str, offset: int) -> Iterator[bytes]:
        """A blob from `offset` on, whether or not the server heeds our Range."""
        path = f"blobs/{digest}"
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response = self.request(
            "GET", path, headers, expected=(200, 206, 416) if offset else (200,)
        )
        begins = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if response.status == 416 or (response.status == 206 and begins.strip() != str(offset)):
            response.close()
            response = self.request("GET", path)
        return self.skipping(response, 0 if response.status == 206 else offset)

    def skipping(self, response: Response, skip: int) -> Iterator[bytes]:
        """The body of an answer without its first bytes."""
        for piece in http.pieces(response, self.endpoint.host, self.settings.timeout_s):
            if skip < len(piece):
                yield piece[skip:] if skip else piece
            skip = max(0, skip - len(piece))

    def read(self, response: Response, limit: int) -> bytes:
        """The whole body of an answer."""
        return http.read(response, self.endpoint.host, limit, self.settings.timeout_s)

    def request(
        self,
        method: str,
        where: str,
        headers: dict[str, str] | None = None,
        *,
        body: Body = b"",
        expected: tuple[int, ...] = (200,),
        patience: int = 1,
    ) -> Response:
        """An answer of one of the expected kinds, authorized if need be.

        `where`: below the repository; or on this host, from `/` on; or a URL that the registry has
        led to, which may be another host's and is then told no secrets. Raises RegistryError,
        NoSuchImage.
        """
        response = self.send(method, where, headers or {}, body, patience)
        if response.status == 401 and self.is_home(where):
            self.authorization = self.authorize(response)
            response = self.send(method, where, headers or {}, body, patience)
        if response.status in expected:
            return response
        raise self.refusal(response, where)

    def is_home(self, where: str) -> bool:
        """Whether a request goes to the registry itself, by the scheme it speaks."""
        return "://" not in where or http.origin(where) == http.origin(self.url("/"))

    def url(self, where: str) -> str:
        """The URL of a place, see `request`."""
        if "://" in where:
            return where
        path = where if where.startswith("/") else f"/v2/{self.endpoint.repository}/{where}"
        return f"{self.schemes[0]}://{self.endpoint.host}{path}"

    def send(
        self, method: str, where: str, headers: dict[str, str], body: Body, patience: int
    ) -> Response:
        """Make the request by the first scheme that works, which is kept."""
        while True:
            others = self.schemes[1:]
            is_home = self.is_home(where)
            fields = dict(headers)
            if self.authorization and is_home:
                fields["Authorization"] = self.authorization
            verify = self.endpoint.verify or not is_home
            url = self.url(where)
            try:
                response = self.http.request(
                    method, url, fields, body=body, verify=verify, patience=patience
                )
            except RegistryUnreachable:
                if not others:
                    raise
            else:
                # 400 is what a TLS server says to plain HTTP.
                if response.status != 400 or self.schemes[0] == "https" or not others:
                    self.schemes = self.schemes[:1]
                    return response
                response.close()
            self.schemes = others

    def authorize(self, response: Response) -> str:
        """The Authorization header that answers a 401. Raises Unauthorized, RegistryError."""
        challenges = auth.parse_challenges(response.headers.get("WWW-Authenticate", ""))
        refused = self.refusal(response, "")
        known = self.credentials()
        if known and known.access_token:
            return f"Bearer {known.access_token}"
        for challenge in challenges:
            if challenge.scheme == "bearer":
                return self.fetch_token(challenge, known)
            if challenge.scheme == "basic" and known and known.username:
                return known.basic()
        raise refused

    def credentials(self) -> Credentials | None:
        """What may be told to this server: nothing in the open, unless that is allowed there."""
        if self.schemes[0] == "http" and not may_be_open(self.settings, self.endpoint.host):
            return None
        if self.known:
            return self.known
        return credentials.find(self.settings, self.endpoint.host, self.endpoint.repository)

    def fetch_token(self, challenge: auth.Challenge, known: Credentials | None) -> str:
        """The Authorization header with a token from the server that a challenge names."""
        scopes = auth.wanted_scopes(challenge, self.scopes)
        ask = auth.token_request(challenge, scopes, known, offline=self.known is not None)
        where = http.origin(ask.url)
        is_open = where.scheme == "http"
        tells_secrets = known is not None and not may_be_open(self.settings, where.host)
        if is_open and (self.schemes[0] == "https" or tells_secrets):
            raise Unauthorized(
                f"{self.endpoint.host} wants credentials sent in the open, to {where.host}"
            )
        answer = self.ask_token_server(ask)
        if self.known:
            self.identity_token = auth.read_identity_token(answer)
        return auth.read_token(answer)

    def ask_token_server(self, ask: auth.TokenRequest) -> bytes:
        """Its answer. Raises Unauthorized, RegistryError."""
        headers = {"Authorization": ask.authorization} if ask.authorization else {}
        if ask.body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        response = self.http.request(
            "POST" if ask.body else "GET",
            ask.url,
            headers,
            body=ask.body,
            verify=self.endpoint.verify,
            is_secret=True,
        )
        if response.status != 200:
            raise self.refusal(response, "")
        host = http.origin(ask.url).host
        return http.read(response, host, auth.MAX_TOKEN * 2, self.settings.timeout_s)

    def refusal(self, response: Response, where: str) -> CuddyError:
        """The error that an answer other than success stands for."""
        host, status = self.endpoint.host, response.status
        reason = {401: "Unauthorized", 403: "Forbidden"}.get(status, "")
        said = self.explanation(response)
        if status in (401, 403) and self.action == "login":
            return Unauthorized(
                f"login attempt to {self.url('/v2/')} failed with status: {status} {reason}{said}",
                hint="wrong user name or password",
            )
        if status in (401, 403):
            name = "" if host == DOCKER_HUB else f" {host}"
            return Unauthorized(
                f"{self.action} access denied for {self.endpoint.repository} at {host}{said}",
                hint=f"it does not exist, or credentials are needed: 'cuddy login{name}'",
            )
        if status == 404 and where.startswith(("manifests/", "tags/")):
            return NoSuchImage(self.reference.familiar, hint=f"{host} does not have it{said}")
        if status in BUSY:
            after = response.headers.get("Retry-After", "")
            return RegistryBusy(
                f"{host} answers {status}{said}{_limits(response)}",
                retry_after_s=int(after) if after.isascii() and after.isdigit() else 0,
            )
        shown = ascii(where.partition("?")[0][:200])[1:-1]
        return RegistryError(f"{host} answers {status} to a request for {shown}{said}")

    def explanation(self, response: Response) -> str:
        """What the registry says about an error, fit to be shown: `: text`, or nothing."""
        try:
            data = self.read(response, MAX_ERROR_BYTES)
            error = files.parse_json(data)["errors"][0]
            text = str(error.get("message") or error.get("code"))
        except (RegistryError, ValueError, LookupError, TypeError, AttributeError):
            return ""
        return f": {ascii(text[:200])[1:-1]}"


def _limits(response: Response) -> str:
    """What a registry says about how much one may ask, as docker.io does."""
    found = [
        f"{name}: {ascii(value[:60])[1:-1]}"
        for name in ("ratelimit-limit", "ratelimit-remaining", "retry-after")
        if (value := response.headers.get(name))
    ]
    return f"; {', '.join(found)}" if found else ""
