"""A client of the distribution API: documents and blobs of one repository (distribution-spec).

The repository may be served by several endpoints, mirrors first.
"""

from __future__ import annotations

from cuddy.errors import (
    CorruptContent,
    NoSuchImage,
    RegistryBusy,
    RegistryError,
    RegistryUnreachable,
)
from cuddy.image import spec
from cuddy.image.endpoints import endpoints
from cuddy.image.reference import Reference
from cuddy.image.server import Document, Server, retry
from cuddy.image.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    T = TypeVar("T")


class Repository:
    """One repository. `close` when done; a forked child calls `reopen` before its first request."""

    def __init__(self, settings: Settings, reference: Reference) -> None:
        self.settings = settings
        self.reference = reference
        self._elsewhere: dict[str, list[str]] = {}
        self._absent: set[str] = set()
        self._servers = [
            Server(settings, reference, each) for each in endpoints(settings, reference)
        ]

    def close(self) -> None:
        for server in self._servers:
            server.close()

    def reopen(self) -> None:
        """Leave the parent's connections alone; what was learnt about access stays."""
        for server in self._servers:
            server.reopen()

    def expect(self, layers: Iterable[spec.Descriptor]) -> None:
        """Take note of where layers are that the registry need not have; see `elsewhere`."""
        self._elsewhere = {each["digest"]: spec.foreign_urls(each) for each in layers}

    def manifest(self, name: str) -> Document:
        """The manifest or index that a tag or digest names; of a digest it is verified.

        Raises NoSuchImage, RegistryError, CorruptContent.
        """
        return self._first(lambda server: retry(server, lambda: server.manifest(name)))

    def document(self, descriptor: spec.Descriptor) -> bytes:
        """A small blob, verified: a config. Raises RegistryError, CorruptContent."""
        digest, size = descriptor["digest"], descriptor["size"]
        return self._first(lambda server: retry(server, lambda: server.document(digest, size)))

    def blob(self, digest: str, offset: int) -> Iterator[bytes]:
        """One attempt at a blob's bytes from `offset` on. Raises RegistryError."""
        places = self._elsewhere.get(digest)
        try:
            if digest not in self._absent:
                return self._first(lambda server: server.blob(digest, offset))
        except (RegistryBusy, RegistryUnreachable):
            raise
        except RegistryError:
            if not places:
                raise
            self._absent.add(digest)
        from cuddy.image import elsewhere

        return elsewhere.blob(self._servers[-1].http, places or (), offset)

    def tags(self) -> list[str]:
        """Every tag, in the registry's order. Raises NoSuchImage, RegistryError."""
        from cuddy.image import pages

        where = f"tags/list?n={pages.PAGE}"
        return self._first(lambda server: pages.read(server, where, "tags"))

    def _first(self, ask: Callable[[Server], T]) -> T:
        """The first server's answer; a mirror that fails is passed over from then on."""
        while True:
            server = self._servers[0]
            try:
                return ask(server)
            except (RegistryError, NoSuchImage, CorruptContent):
                if not server.endpoint.is_mirror:
                    raise
                self._servers.pop(0).close()
