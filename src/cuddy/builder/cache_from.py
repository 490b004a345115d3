"""Steps that were built elsewhere: what `--cache-from` brings.

The tables of all caches are read when a build begins; a layer is fetched when a step asks for it,
and not before: a cache of all stages is far larger than what one build needs of it. What was
fetched is a step of the own cache from then on. A cache that cannot be read, or that lies, costs a
warning and no build: its steps are done here.
"""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.builder import cache, remote_cache
from cuddy.builder.remote_cache import Entry, Wish
from cuddy.builder.state import Layer
from cuddy.errors import CorruptContent, NoSuchImage, NotFound, RegistryError, SystemFailure
from cuddy.image import blobs, snapshots, spec
from cuddy.image import digest as digests
from cuddy.image.settings import Settings
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cuddy.builder.cache import Asked
    from cuddy.engine.home import Home
    from cuddy.image.download import Source
    from cuddy.image.spec import Descriptor, Manifest

FAILURES = (RegistryError, NotFound, CorruptContent, SystemFailure)
"""What a cache elsewhere can do to us."""


class Remote(NamedTuple):
    """One cache elsewhere: its steps by key, and where its blobs are."""

    name: str
    steps: dict[str, Entry]
    source: Source


class Imports:
    """All caches that a build may use besides its own. `warn` hears why one cannot be used."""

    def __init__(
        self,
        home: Home,
        texts: Sequence[str],
        settings: Settings,
        warn: Callable[[str], None],
    ) -> None:
        self.home = home
        self.settings = settings
        self.warn = warn
        self.remotes: list[Remote] = []
        wishes = [remote_cache.parse(text, flag="cache-from") for text in texts]
        for wish in wishes:
            try:
                self.remotes.append(_open(wish, settings))
            except FAILURES as error:
                warn(f"the build cache {wish.where} cannot be used: {error.message}")

    def look(self, asked: Asked, parents: Sequence[str]) -> Layer | None:
        """What came of a step elsewhere, brought here to lie on the layers `parents`, lowest first.

        The caller has a lease. None if nobody knows, or if it cannot be had.
        """
        key = cache.key(asked)
        for remote in self.remotes:
            entry = remote.steps.get(key)
            if entry is None:
                continue
            try:
                layer = bring(self.home, remote.source, entry, parents)
                cache.keep(self.home, asked, layer)
                return layer
            except FAILURES as error:
                remote.steps.pop(key)
                self.warn(f"{entry.description or key} of the build cache {remote.name} cannot "
                          f"be used: {error.message}")  # fmt: skip
        return None


def bring(home: Home, source: Source, entry: Entry, parents: Sequence[str]) -> Layer:
    """The layer of a step that was done elsewhere, on top of others; fetched if it is not here.

    Raises RegistryError, CorruptContent, SystemFailure.
    """
    # Imported here: most builds have no such cache, or nothing to fetch.
    from cuddy.image import fetch

    if entry.blob is None:
        return Layer("", "", 0, entry.created)
    storage, blob = home.storage, entry.blob
    chain_id = digests.chain_ids([*parents[-1:], entry.diff_id])[-1]
    size_bytes = entry.size_bytes
    is_here = snapshots.has(storage, chain_id)
    if not is_here:
        wanted = fetch.Layer(blob, entry.diff_id, chain_id)
        sizes = fetch.fetch(storage, source, [wanted], lambda _: None, below=parents)
        size_bytes = sizes.get(chain_id, size_bytes)
    # Of a layer that was here the blob need not be: it is made again when an image needs it.
    has_blob = blobs.has(storage, blob["digest"], blob["size"]) and not is_here
    return Layer(chain_id, entry.diff_id, size_bytes, entry.created, blob if has_blob else None)


def _open(wish: Wish, settings: Settings) -> Remote:
    """Read the table of a cache. Raises as FAILURES."""
    if wish.type == remote_cache.LOCAL:
        return _open_layout(wish, settings)
    # Imported here: they load the network's libraries.
    from cuddy.image import reference
    from cuddy.image.registry import Repository

    wanted = reference.parse(wish.where)
    repository = Repository(settings, wanted)
    try:
        document = repository.manifest(wanted.digest or wanted.tag)
        content = spec.parse_document(document.data, f"the manifest of {wanted.familiar}")
        if "manifests" in content:
            raise NoSuchImage(f"{wanted.familiar} as a build cache")
        manifest = spec.check_manifest(content, f"the manifest of {wanted.familiar}")
        steps = _read(manifest, repository.document)
    finally:
        repository.close()  # who fetches makes connections of its own
    return Remote(wish.where, steps, repository)


def _read(manifest: Manifest, document: Callable[[Descriptor], bytes]) -> dict[str, Entry]:
    """The steps of an artifact, or of an image with an annotation. Raises CorruptContent."""
    if manifest["config"]["mediaType"] == remote_cache.CONFIG:
        return remote_cache.read(manifest, document(manifest["config"]))
    annotation = (manifest.get("annotations") or {}).get(remote_cache.INLINE)
    if not isinstance(annotation, str):
        raise CorruptContent("it is not a build cache, nor an image with one")
    return remote_cache.read(manifest, annotation.encode("utf-8", "surrogateescape"))


class Layout:
    """A directory that is an OCI layout, as a source of blobs. Whatever is in it is foreign."""

    def __init__(self, path: str, settings: Settings) -> None:
        self.path = path
        self.settings = settings

    def reopen(self) -> None:
        """Nothing is open."""

    def blob(self, digest: str, offset: int) -> Iterator[bytes]:
        """A blob's bytes from `offset` on. Raises CorruptContent, SystemFailure."""
        try:
            fd = os.open(
                self.where(digest), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except OSError as error:
            raise SystemFailure.from_os("cannot read the build cache", error) from error
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise CorruptContent(f"{digest} is not a file")
            os.lseek(fd, offset, os.SEEK_SET)
            yield from blobs.read_chunks(fd)
        finally:
            os.close(fd)

    def where(self, digest: str) -> str:
        """The path of a blob. Raises CorruptContent."""
        return f"{self.path}/blobs/{digests.check(digest, 'blob').replace(':', '/')}"

    def document(self, descriptor: Descriptor) -> bytes:
        """A small blob, verified. Raises CorruptContent."""
        digest = descriptor["digest"]
        try:
            data = files.read_bytes(self.where(digest), limit=spec.MAX_CONFIG_BYTES)
        except (OSError, ValueError) as error:
            raise CorruptContent(f"{digest} cannot be read: {error}") from None
        if digests.of(data, digest.partition(":")[0]) != digest:
            raise CorruptContent(f"the content of {digest} is another")
        return data


def _open_layout(wish: Wish, settings: Settings) -> Remote:
    layout = Layout(wish.where, settings)
    try:
        data = files.read_bytes(f"{wish.where}/index.json", limit=spec.MAX_MANIFEST_BYTES)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise CorruptContent(f"its index.json cannot be read: {reason}") from None
    except ValueError as error:
        raise CorruptContent(f"its index.json cannot be read: {error}") from None
    listed = spec.check_index(spec.parse_document(data, "index.json"), "index.json")["manifests"]
    for entry in reversed(listed):
        name = (entry.get("annotations") or {}).get("org.opencontainers.image.ref.name")
        if wish.digest in ("", entry["digest"]) and (wish.digest or name == wish.tag):
            content = spec.parse_document(layout.document(entry), "its manifest")
            manifest = spec.check_manifest(content, "its manifest")
            return Remote(wish.where, _read(manifest, layout.document), layout)
    raise CorruptContent(f"it has nothing named {wish.digest or wish.tag}")
