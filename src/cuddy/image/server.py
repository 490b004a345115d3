"""One server of a repository: requests to it, authorized, and what its refusals mean.

Who misbehaves is told apart from who is busy: only the latter is asked again. Nothing read here is
trusted before its digest is.
"""

from __future__ import annotations

import random
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
from cuddy.image.endpoints import Endpoint
from cuddy.image.reference import Reference
from cuddy.image.settings import Settings
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from urllib3 import BaseHTTPResponse

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
    algorithm = digest.partition(":")[0]
    found = digests.hasher(algorithm)
    found.update(data)
    if f"{algorithm}:{found.hexdigest()}" != digest:
        raise CorruptContent(f"the registry sent something else than {digest}")


def retry(source: Server, ask: Callable[[], T]) -> T:
    """Ask again, after a while, as long as the registry is only busy."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return ask()
        except RegistryBusy as error:
            pause(source.settings, attempt, error.retry_after_s)
    return ask()


def pause(settings: Settings, attempt: int, asked_s: float = 0) -> None:
    """Wait before the next attempt: twice as long each time, and never all at the same moment."""
    wait_s = max(settings.retry_delay_s * 2**attempt, asked_s)
    time.sleep(min(wait_s, MAX_WAIT_S) * random.uniform(0.8, 1.2))


class Server:
    """One endpoint, and what was learnt about it: its scheme, and how to be let in."""

    def __init__(self, settings: Settings, reference: Reference, endpoint: Endpoint) -> None:
        self.settings = settings
        self.reference = reference
        self.endpoint = endpoint
        self.http = http.Http(settings)
        self.authorization = ""
        self.schemes = endpoint.schemes

    def manifest(self, name: str) -> Document:
        response = self.request(f"manifests/{name}", {"Accept": ACCEPT})
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
        data = self.read(response, spec.MAX_MANIFEST_BYTES)
        if digests.is_digest(name):
            verify(data, name)
        return Document(data, media_type)

    def document(self, digest: str, size: int) -> bytes:
        data = self.read(self.request(f"blobs/{digest}", {}), size)
        verify(data, digest)
        return data

    def blob(self, digest: str, offset: int) -> Iterator[bytes]:
        """A blob from `offset` on, whether or not the server heeds our Range."""
        path = f"blobs/{digest}"
        response = self.request(path, {"Range": f"bytes={offset}-"} if offset else {})
        begins = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if response.status == 416 or (response.status == 206 and begins.strip() != str(offset)):
            response.close()
            response = self.request(path, {})
        return self.skipping(response, 0 if response.status == 206 else offset)

    def skipping(self, response: BaseHTTPResponse, skip: int) -> Iterator[bytes]:
        for piece in http.pieces(response, self.endpoint.host, self.settings.timeout_s):
            if skip < len(piece):
                yield piece[skip:] if skip else piece
            skip = max(0, skip - len(piece))

    def read(self, response: BaseHTTPResponse, limit: int) -> bytes:
        return http.read(response, self.endpoint.host, limit, self.settings.timeout_s)

    def request(self, path: str, headers: dict[str, str]) -> BaseHTTPResponse:
        """GET below /v2/<repository>/, authorized if need be. Raises RegistryError, NoSuchImage."""
        url = f"/v2/{self.endpoint.repository}/{path}"
        response = self.send(url, headers)
        if response.status == 401:
            self.authorization = self.authorize(response)
            response = self.send(url, headers)
        if response.status == 200 or ("Range" in headers and response.status in (206, 416)):
            return response
        raise self.refusal(response, path)

    def send(self, path: str, headers: dict[str, str]) -> BaseHTTPResponse:
        """Make the request by the first scheme that works, which is kept."""
        while True:
            scheme, *others = self.schemes
            url = f"{scheme}://{self.endpoint.host}{path}"
            fields = {**headers, "Authorization": self.authorization}
            if not self.authorization:
                del fields["Authorization"]
            try:
                response = self.http.request("GET", url, fields, verify=self.endpoint.verify)
            except RegistryUnreachable:
                if not others:
                    raise
            else:
                # 400 is what a TLS server says to plain HTTP.
                if response.status != 400 or scheme == "https" or not others:
                    self.schemes = (scheme,)
                    return response
                response.close()
            self.schemes = tuple(others)

    def authorize(self, response: BaseHTTPResponse) -> str:
        """The Authorization header that answers a 401. Raises Unauthorized, RegistryError."""
        challenges = auth.parse_challenges(response.headers.get("WWW-Authenticate", ""))
        refused = self.refusal(response, "")
        known = credentials.find(self.settings, self.endpoint.host, self.endpoint.repository)
        for challenge in challenges:
            if challenge.scheme == "bearer":
                return self.fetch_token(challenge, known)
            if challenge.scheme == "basic" and known and known.username:
                return known.basic()
        raise refused

    def fetch_token(self, challenge: auth.Challenge, known: Credentials | None) -> str:
        ask = auth.token_request(
            challenge, self.endpoint.repository, known, secure=self.schemes[0] == "https"
        )
        headers = {"Authorization": ask.authorization} if ask.authorization else {}
        response = self.http.request(
            "POST" if ask.body else "GET",
            ask.url,
            headers,
            body=ask.body,
            verify=self.endpoint.verify,
        )
        if response.status != 200:
            raise self.refusal(response, "")
        host = http.origin(ask.url).host
        data = http.read(response, host, auth.MAX_TOKEN * 2, self.settings.timeout_s)
        return auth.read_token(data)

    def refusal(self, response: BaseHTTPResponse, path: str) -> CuddyError:
        """The error that an answer other than success stands for."""
        host, status = self.endpoint.host, response.status
        said = self.explanation(response)
        if status in (401, 403):
            return Unauthorized(
                f"pull access denied for {self.endpoint.repository} at {host}{said}",
                hint="it does not exist, or credentials are needed",
            )
        if status == 404 and path.startswith("manifests/"):
            return NoSuchImage(self.reference.familiar, hint=f"{host} does not have it{said}")
        if status in BUSY:
            after = response.headers.get("Retry-After", "")
            return RegistryBusy(
                f"{host} answers {status}{said}", retry_after_s=int(after) if after.isdigit() else 0
            )
        return RegistryError(f"{host} answers {status} to a request for {path}{said}")

    def explanation(self, response: BaseHTTPResponse) -> str:
        """What the registry says about an error, fit to be shown: `: text`, or nothing."""
        try:
            data = self.read(response, MAX_ERROR_BYTES)
            error = files.parse_json(data)["errors"][0]
            text = str(error.get("message") or error.get("code"))
        except (RegistryError, ValueError, LookupError, TypeError, AttributeError):
            return ""
        return f": {ascii(text[:200])[1:-1]}"
