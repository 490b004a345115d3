"""The uploading worker: one blob from the store to a registry (distribution-spec, "Pushing blobs").

    HEAD   is it there already?                        200: nothing to do
    POST   ?mount=DIGEST&from=REPOSITORY, or plain     201: mounted, 202: an upload begins
    PATCH  the bytes, in chunks if they must be        202
    GET    how far it got, after a break               204, Range: 0-LAST
    PUT    ?digest=DIGEST, with a small blob           201

The registry says by Location where each next request goes. Credentials go to the registry alone,
wherever that leads.
"""

from __future__ import annotations

import os
from urllib.parse import quote, urlsplit

from cuddy.errors import (
    CorruptContent,
    CuddyError,
    RegistryBusy,
    RegistryError,
    RegistryUnreachable,
    Unauthorized,
)
from cuddy.image import http, progress
from cuddy.image.endpoints import may_be_open
from cuddy.image.server import ATTEMPTS, Server, pause, retry
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cuddy.image.connection import Response
    from cuddy.image.workers import Send

PIECE = 1 << 16
SMALL_BYTES = 1 << 20
"""A blob up to this size goes along with the PUT."""
CHUNK_BYTES = 16 << 20
"""Of one PATCH, at a registry that refuses to take a blob in one."""
MAX_CHUNK_BYTES = 1 << 30
MAX_ATTEMPTS = 50
PATIENCE = 10
"""The registry may take its time to check what it has got."""
BINARY = {"Content-Type": "application/octet-stream"}


class Blob(NamedTuple):
    """What is to be pushed: `fd` reads it, `sources` are repositories there that have it too."""

    digest: str
    size: int
    fd: int
    sources: tuple[str, ...]


def upload(server: Server, blob: Blob, send: Send) -> None:
    """See to it that the registry has a blob. Raises RegistryError, CorruptContent."""
    server.reopen()
    if exists(server, blob.digest):
        send(state=progress.LAYER_EXISTS)
        return
    pushing = _Upload(server, blob, progress.throttled(send, progress.PUSHING, blob.size))
    source = pushing.mount()
    if not source:
        pushing.run()
    send(state=f"{progress.MOUNTED} {source}" if source else progress.PUSHED)


def exists(server: Server, digest: str) -> bool:
    """Whether the registry has a blob. Raises RegistryError."""

    def ask() -> bool:
        response = server.request("HEAD", f"blobs/{digest}", expected=(200, 404))
        http.finish(response)
        return response.status == 200

    return retry(server, ask)


class _Lost(Exception):
    """The registry has forgotten the upload, or is at odds with us about it: begin anew."""


class _Upload:
    """One blob on its way out. `where` is the upload's URL, `sent` what the registry has of it."""

    def __init__(self, server: Server, blob: Blob, tell: Callable[[int], None]) -> None:
        self.server = server
        self.blob = blob
        self.tell = tell
        self.where = ""
        self.sent = 0
        self.chunk_bytes = 0  # 0: all at once
        self.least_bytes = 0
        self.is_broken = False
        self.was_broken = False

    def mount(self) -> str:
        """Let the registry take the blob over from a repository of its own; which one it was."""
        for source in self.blob.sources:
            self.cancel()
            query = f"mount={quote(self.blob.digest)}&from={quote(source, safe='')}"
            try:
                if self.begin(f"?{query}"):
                    return source
            except (Unauthorized, RegistryBusy, RegistryUnreachable):
                pass  # not ours to read, or no time for it: the bytes are here
        return ""

    def cancel(self) -> None:
        """Give up an upload that began where we hoped for a mount."""
        where, self.where = self.where, ""
        try:
            if where:
                http.finish(self.server.request("DELETE", where, expected=(202, 204, 404, 405)))
        except RegistryError:
            pass  # the registry forgets it by itself, some day

    def run(self) -> None:
        """Send the blob, however often the connection breaks."""
        fruitless, furthest = 0, 0
        for _ in range(MAX_ATTEMPTS):
            try:
                self.go_on()
                return
            except _Lost as problem:
                self.where, self.sent, self.is_broken, self.was_broken = "", 0, False, False
                error: CuddyError = RegistryBusy(
                    f"{self.server.endpoint.host} loses the upload of {self.blob.digest}: {problem}"
                )
            except (RegistryBusy, RegistryUnreachable) as problem:
                self.is_broken = self.was_broken = True
                error = problem
            fruitless = 0 if self.sent > furthest else fruitless + 1
            furthest = max(furthest, self.sent)
            if fruitless == ATTEMPTS:
                raise error
            pause(self.server.settings, fruitless, getattr(error, "retry_after_s", 0))
        raise error

    def go_on(self) -> None:
        """One attempt, from where the last one has got to."""
        if self.where and self.is_broken:
            self.ask_how_far()
        self.is_broken = False
        if not self.where:
            self.begin("")
        if self.sent == 0 and self.blob.size <= SMALL_BYTES and not self.chunk_bytes:
            self.put(self.blob.size)
            return
        while self.sent < self.blob.size:
            self.patch()
        self.put(0)

    def begin(self, query: str) -> bool:
        """Begin an upload; True if the registry had the blob elsewhere and needs none."""
        response = self.ask("POST", f"blobs/uploads/{query}", b"", {}, (201, 202))
        least = response.headers.get("OCI-Chunk-Min-Length", "")
        if least.isascii() and least.isdigit() and int(least[:20]) <= MAX_CHUNK_BYTES:
            self.least_bytes = int(least)
        return response.status == 201

    def ask_how_far(self) -> None:
        """What the registry has of an upload that broke."""
        response = self.ask("GET", self.where, b"", {}, (200, 202, 204))
        self.sent = self.received(response, 0)

    def patch(self) -> None:
        """Send the next chunk, which is all the rest unless the registry does not want that."""
        start, end = self.sent, self.blob.size
        if self.chunk_bytes:
            end = min(end, start + max(self.chunk_bytes, self.least_bytes))
        headers = {**BINARY, "Content-Length": str(end - start)}
        if (start, end) != (0, self.blob.size):
            headers["Content-Range"] = f"{start}-{end - 1}"
        response = self.ask(
            "PATCH", self.where, lambda: self.pieces(start, end), headers, (201, 202, 204, 413)
        )
        if response.status == 413:
            self.shrink(end - start)
            return
        received = self.received(response, end)
        if received > end:
            raise _Lost(f"it has {received} bytes of {end}")
        if received <= start:
            raise RegistryBusy(f"{self.server.endpoint.host} took nothing of {self.blob.digest}")
        self.sent = received

    def shrink(self, refused_bytes: int) -> None:
        """Send less at a time. Raises RegistryError if even that was too much."""
        smaller = max(CHUNK_BYTES, self.least_bytes)
        if self.chunk_bytes or refused_bytes <= smaller:
            host = self.server.endpoint.host
            raise RegistryError(f"{host} answers 413: {refused_bytes} bytes are too many for it")
        self.chunk_bytes = CHUNK_BYTES
        self.is_broken = True
        raise RegistryBusy(f"{self.server.endpoint.host} wants smaller chunks")

    def put(self, count: int) -> None:
        """Finish the upload, sending the `count` bytes that the blob consists of."""
        separator = "&" if urlsplit(self.where).query else "?"
        url = f"{self.where}{separator}digest={quote(self.blob.digest)}"
        headers = {**BINARY, "Content-Length": str(count)}
        response = self.ask(
            "PUT", url, lambda: self.pieces(0, count), headers, (201, 204, 400), keep=False
        )
        if response.status == 400:
            refusal = self.server.refusal(response, "blobs/uploads/")
            # What arrived in pieces may be together wrongly: then once more from nothing.
            raise _Lost(refusal.message) if self.was_broken else refusal
        check_answer(self.server, response, self.blob.digest)

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """These bytes of the blob, telling how far it is."""
        while start < end:
            piece = os.pread(self.blob.fd, min(PIECE, end - start), start)
            if not piece:
                raise CorruptContent(f"the image store has only a part of {self.blob.digest}")
            yield piece
            start += len(piece)
            self.tell(start)

    def received(self, response: Response, otherwise: int) -> int:
        """How many bytes the registry says it has. Raises _Lost if that is more than there are."""
        first, dash, last = response.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if not dash or first.strip() != "0" or not (last.isascii() and last.isdigit()):
            return otherwise
        # Docker's registry says 0-0 when it has nothing.
        count = int(last[:20]) + 1 if last != "0" else 0
        if count > self.blob.size:
            raise _Lost(f"it has {count} bytes of {self.blob.size}")
        return count

    def ask(
        self,
        method: str,
        where: str,
        body: http.Body,
        headers: dict[str, str],
        expected: tuple[int, ...],
        *,
        keep: bool = True,
    ) -> Response:
        """One request of the upload; the answer says where the next one goes."""
        also = (404, 416) if self.where else ()
        response = self.server.request(
            method, where, headers, body=body, expected=(*expected, *also), patience=PATIENCE
        )
        if response.status != 400:
            http.finish(response)
        if response.status in also:
            raise _Lost(f"it answers {response.status}")
        location = response.headers.get("Location", "")
        if response.status in (200, 202, 204) and keep and (location or not self.where):
            self.where = self.follow(where, location)
        return response

    def follow(self, where: str, location: str) -> str:
        """The URL that a Location means. Raises RegistryError if nothing may be sent there."""
        if not location:
            raise RegistryError(f"{self.server.endpoint.host} begins an upload, but nowhere")
        url = http.join(self.server.url(where), location)
        target = http.origin(url)
        is_open = target.scheme == "http" and not self.server.is_home(url)
        if is_open and not may_be_open(self.server.settings, target.host):
            raise RegistryError(
                f"{self.server.endpoint.host} wants the upload sent in the open, to {target.host}"
            )
        return url


def check_answer(server: Server, response: Response, digest: str) -> None:
    """Whether the registry has stored what it was sent, if it says. Raises CorruptContent."""
    http.finish(response)
    said = response.headers.get("Docker-Content-Digest", digest)
    if said != digest:
        shown = ascii(said[:100])[1:-1]
        raise CorruptContent(f"{server.endpoint.host} stored {shown} where {digest} was sent")
