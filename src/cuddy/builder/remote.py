"""Files that come by HTTP: contexts, Dockerfiles, and what `ADD https://...` names.

Whoever answers is a stranger: what comes is bounded, redirects lead to http and https only and take
no credentials along to another host, and a file has its name from us.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import (
    CorruptContent,
    InvalidArgument,
    NotFound,
    RegistryBusy,
    RegistryError,
    Unauthorized,
)
from cuddy.image import digest as digests
from cuddy.image import http
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cuddy.image.connection import Response
    from cuddy.image.settings import Settings

ATTEMPTS = 3
SCHEMES = ("http://", "https://")
NOT_MODIFIED = 304
TOO_MANY_REQUESTS = 429
MAX_MARK = 500
FILE_MODE = 0o600
"""What Docker gives to files that came so."""


class Place(NamedTuple):
    """A URL, who asks there ("" or an Authorization header), and how it may be shown."""

    url: str
    authorization: str
    shown: str


def is_url(text: str) -> bool:
    """Whether a text is meant to be a URL of HTTP."""
    return text[:8].lower().startswith(SCHEMES)


def download(
    url: str,
    directory: str,
    name: str,
    *,
    settings: Settings,
    checksum: str = "",
    limit: int = 0,
    tell: Callable[[int, int], None] | None = None,
    marks: dict[str, str] | None = None,
) -> str:
    """Bring a file, which must not be there yet; its path.

    Its time is what the server says of it, or 1970. `limit`: the most bytes, 0 for half of the room
    that there is. `tell`: hears of bytes done and (0: unknown) to be done. `marks`: gets the mark
    by which `is_unchanged` knows it again, if the server gives one. Raises InvalidArgument,
    NotFound, RegistryError, CorruptContent, OSError.
    """
    place = find_place(url)
    if checksum and not digests.is_digest(checksum):
        raise InvalidArgument(
            f"invalid checksum {checksum[:100]!r}", hint="--checksum=sha256:... has 64 digits"
        )
    path = f"{directory}/{name}"
    for attempt in range(ATTEMPTS):
        try:
            found = _Download(place, settings, limit or room(directory), tell)
            found.into(path, checksum)
            if marks is not None and found.mark:
                marks[url] = found.mark
            return path
        except RegistryError as error:
            if not isinstance(error, RegistryBusy) or attempt + 1 == ATTEMPTS:
                text = f"cannot download {place.shown}: {error.message}"
                raise type(error)(text, hint=error.hint) from None
        from cuddy.image.server import pause

        pause(settings, attempt)
    raise AssertionError


def is_unchanged(url: str, mark: str, settings: Settings) -> bool:
    """Whether a server says that a file is the one that it gave this mark (RFC 9110, 13.1.2)."""
    place = find_place(url)
    client = http.Http(settings)
    fields = {"If-None-Match": mark}
    if place.authorization:
        fields["Authorization"] = place.authorization
    try:
        response = client.request("GET", place.url, fields)
        response.close()
        return response.status == NOT_MODIFIED
    except RegistryError:
        return False  # to download it will tell why
    finally:
        client.close()


def find_place(url: str) -> Place:
    """What to ask, and as whom. Raises InvalidArgument for what is no URL."""
    from urllib.parse import quote, unquote_to_bytes

    scheme, _, rest = url.partition("://")
    end = next((i for i, c in enumerate(rest) if c in "/?#"), len(rest))
    user, _, host = rest[:end].rpartition("@")
    path = rest[end:].partition("#")[0]
    plain = quote(f"{scheme.lower()}://{host}{path}", safe=http.URL_CHARACTERS)
    try:
        http.split(plain)
    except RegistryError:
        raise InvalidArgument(f"{ascii(url[:200])[1:-1]} is not a URL of http or https") from None
    authorization = ""
    if user:
        import binascii

        encoded = binascii.b2a_base64(unquote_to_bytes(user), newline=False).decode()
        authorization = f"Basic {encoded}"
    return Place(plain, authorization, plain[:500])


def room(directory: str) -> int:
    """Half of the bytes that are free where a directory is: what a stranger may fill."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize // 2


class _Download:
    """One attempt."""

    def __init__(
        self,
        place: Place,
        settings: Settings,
        limit: int,
        tell: Callable[[int, int], None] | None,
    ) -> None:
        self.place = place
        self.settings = settings
        self.limit = limit
        self.tell = tell or (lambda done, total: None)
        self.host = http.origin(place.url).host
        self.mark = ""

    def into(self, path: str, checksum: str) -> None:
        """Write it to a new file, and take that away again if anything is wrong."""
        client = http.Http(self.settings)
        try:
            response = self.ask(client)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            try:
                self.write(fd, response, checksum)
                moment = last_modified(response.headers.get("Last-Modified"))
                os.utime(fd, ns=(moment * 10**9, moment * 10**9))
                self.mark = strong_mark(response.headers.get("ETag"))
            except BaseException:
                os.unlink(path)
                raise
            finally:
                os.close(fd)
        finally:
            client.close()

    def ask(self, client: http.Http) -> Response:
        """The answer, if it is one that has the file."""
        fields = {"Authorization": self.place.authorization} if self.place.authorization else {}
        response = client.request("GET", self.place.url, fields)
        if response.status == 200:
            return response
        response.close()
        said = f"the server answers {response.status}"
        if response.status == TOO_MANY_REQUESTS or response.status >= 500:
            raise RegistryBusy(said)
        if response.status in (401, 403):
            raise Unauthorized(said)
        raise NotFound(f"{self.place.shown}: {said}")

    def write(self, fd: int, response: Response, checksum: str) -> None:
        """Write the body, and verify it."""
        algorithm = checksum.partition(":")[0]
        hasher = digests.hasher(algorithm) if checksum else None
        done = 0
        total = max(response.bytes_left, 0)
        for piece in self.pieces(response):
            files.write_all(fd, piece)
            if hasher:
                hasher.update(piece)
            done += len(piece)
            self.tell(done, total)
        if hasher and (found := f"{algorithm}:{hasher.hexdigest()}") != checksum:
            raise CorruptContent(
                f"{self.place.shown}: digest mismatch {found}: {checksum}",
                hint="it is not what --checksum wants",
            )

    def pieces(self, response: Response) -> Iterator[bytes]:
        """The body as it comes, as much of it as is allowed."""
        done = 0
        if response.bytes_left > self.limit:
            response.close()
            raise self.too_large()
        for piece in http.pieces(response, self.host, self.settings.timeout_s):
            done += len(piece)
            if done > self.limit:
                raise self.too_large()
            yield piece

    def too_large(self) -> CorruptContent:
        return CorruptContent(f"{self.place.shown} has more than {self.limit} bytes")


def strong_mark(text: str | None) -> str:
    """An ETag, if it promises that not a byte is another; a weak one does not."""
    if not text or len(text) > MAX_MARK or not text.isprintable() or not text.isascii():
        return ""
    return text if text.startswith('"') and text.endswith('"') and len(text) > 2 else ""


def last_modified(text: str) -> int:
    """The moment that a header names, in seconds since 1970; 0 if it names none."""
    if not text:
        return 0
    from email.utils import mktime_tz, parsedate_tz

    try:
        parsed = parsedate_tz(text[:100])
        moment = int(mktime_tz(parsed)) if parsed else 0
    except (ValueError, OverflowError, IndexError):
        return 0
    return moment if 0 <= moment < 1 << 33 else 0
