"""index.json of the layout: which names there are, and the manifest that each one means.

An entry is the descriptor of one platform's manifest, so that every reader of layouts finds the
image that cuddy would run. Such readers know OCI's manifests only: of an image that came with a
Docker manifest the entry means a translation, with the same blobs and so the same id. Annotations:

    org.opencontainers.image.ref.name   the complete name, docker.io/library/alpine:3.20; for an
                                        image known only by digest, its SOURCE
    io.containerd.image.name            the same: containerd's tools look here
    cuddy.image.id                      the config's digest, so that looking for ids reads no blob
    cuddy.image.source                  name@digest under which a registry served it: the digest
                                        of the index if there was one
    cuddy.image.documents               index and manifest as they were served, where they are not
                                        the manifest itself; these blobs are kept too
    cuddy.image.tagged                  when this name was given here; not known for names of pulls
    cuddy.image.lacks                   blobs and layers that a repair has not found and that only
                                        another pull can bring; see `check`
    cuddy.layer.sizes                   bytes of each layer unpacked, lowest first
    cuddy.image.parent                  id of the image that this one was committed upon

An entry without a name is a dangling image.
"""

from __future__ import annotations

import errno
import os

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.image import blobs, spec
from cuddy.image.storage import EMPTY_INDEX, Storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from cuddy.image.spec import Descriptor

NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"
ID = "cuddy.image.id"
SOURCE = "cuddy.image.source"
DOCUMENTS = "cuddy.image.documents"
TAGGED = "cuddy.image.tagged"
LACKS = "cuddy.image.lacks"
SIZES = "cuddy.layer.sizes"
PARENT = "cuddy.image.parent"


def load(storage: Storage) -> list[Descriptor]:
    """The entries for images. Raises CorruptContent."""
    return images(read(storage)["manifests"])


def images(entries: list[Descriptor]) -> list[Descriptor]:
    """Those of the entries that are manifests of one platform."""
    return [entry for entry in entries if entry["mediaType"] in spec.MANIFEST_TYPES]


def read(storage: Storage) -> spec.Index:
    """The whole document, entries of every kind. Raises CorruptContent."""
    try:
        data = files.read_bytes(storage.index_path)
    except FileNotFoundError:
        data = files.format_json(EMPTY_INDEX).encode()
    try:
        return spec.check_index(spec.parse_document(data, "index.json"), "index.json")
    except CorruptContent as error:
        raise CorruptContent(f"{storage.index_path}: {error.message}") from None


def annotation(entry: Descriptor, key: str) -> str:
    """One annotation of an entry, "" without it."""
    return (entry.get("annotations") or {}).get(key, "")


def annotate(entry: Descriptor, key: str, value: str) -> Descriptor:
    """The same entry with another annotation, or without it when the value is empty."""
    annotations = {**(entry.get("annotations") or {}), key: value}
    if not value:
        del annotations[key]
    return {**entry, "annotations": annotations}


def layer_sizes(entry: Descriptor, count: int) -> tuple[int, ...] | None:
    """The unpacked bytes of each of so many layers, lowest first; None where that is not noted."""
    parts = annotation(entry, SIZES).split(",") if count else []
    if len(parts) != count or not all(p.isdecimal() and len(p) < 20 for p in parts):
        return None
    return tuple(map(int, parts))


def name(entry: Descriptor) -> str:
    """The complete name of an entry; "" when it has none."""
    return annotation(entry, NAME)


def is_tagged(entry: Descriptor) -> bool:
    """Whether the entry's name is one with a tag, not only a digest."""
    return bool(name(entry)) and "@" not in name(entry)


def image_id(storage: Storage, entry: Descriptor) -> str:
    """The digest of the config: entries that others wrote need their manifest read."""
    return annotation(entry, ID) or manifest(storage, entry)["config"]["digest"]


def manifest(storage: Storage, entry: Descriptor) -> spec.Manifest:
    """The manifest that an entry means. Raises CorruptContent."""
    what = f"manifest {entry['digest']}"
    return spec.check_manifest(
        spec.parse_document(blobs.read(storage, entry["digest"]), what), what
    )


def rename(entry: Descriptor, new_name: str) -> Descriptor:
    """The same entry under another name, or under none."""
    return annotate(annotate(entry, NAME, new_name), CONTAINERD_NAME, new_name)


def anonymous(entry: Descriptor) -> Descriptor:
    """The same entry without name and source: known by nothing but its id."""
    return rename(annotate(entry, SOURCE, ""), "")


class Change:
    """index.json read, changed and replaced under its lock.

        with index.Change(storage) as change:
            change.entries.append(entry)

    An exception in the block leaves the file as it was; so does a block that changes nothing.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._lock = files.Lock(storage.index_lock_path)

    def __enter__(self) -> Change:
        self._lock.__enter__()
        try:
            self._document = read(self.storage)
        except BaseException:
            self._lock.close()
            raise
        self._before = list(self._document["manifests"])
        self.entries = self._document["manifests"]
        return self

    def put(self, entry: Descriptor) -> None:
        """Give the entry its name; whoever had the name keeps its digest name, or none.

        An image that loses its last name becomes dangling instead of vanishing.
        """
        taken = name(entry)
        self.entries = [
            other if not taken or name(other) != taken else _nameless(other, taken)
            for other in self.entries
            if not (taken and name(other) == taken and other["digest"] == entry["digest"])
        ]
        self.entries.append(entry)
        self.entries = _without_needless(self.entries)

    def replace(self, old: list[Descriptor], new: list[Descriptor]) -> None:
        """Put other entries, or none, in the place of some."""
        kept = [entry for entry in self.entries if entry not in old]
        self.entries = _without_needless(kept + new)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self.entries != self._before:
                replace(self.storage, {**self._document, "manifests": self.entries})
        finally:
            self._lock.close()


def replace(storage: Storage, document: Any) -> None:
    """Put another document in the place of index.json; the caller has its lock. Raises OSError."""
    try:
        files.write_json(storage.index_path, document)
    except OSError as error:
        data = files.format_json(document).encode() + b"\n"
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        if not is_full or len(data) > os.stat(storage.index_path).st_size:
            raise
        # Or nothing could be removed to make room. A kill in the middle of it is for `check`.
        files.overwrite(storage.index_path, data)


def _nameless(entry: Descriptor, taken: str) -> Descriptor:
    """The entry without the name that is taken: known by its source, or by nothing but its id."""
    source = annotation(entry, SOURCE)
    return rename(entry, "" if source == taken else source)


def _without_needless(entries: list[Descriptor]) -> list[Descriptor]:
    """Drop digest names that a tag of the same source makes known too, and nameless twins."""
    tagged = {(e["digest"], annotation(e, SOURCE)) for e in entries if is_tagged(e)}
    named = {e["digest"] for e in entries if name(e)}
    seen: set[tuple[str, str]] = set()
    kept: list[Descriptor] = []
    for entry in entries:
        digest = entry["digest"]
        known = (digest, annotation(entry, SOURCE)) in tagged if name(entry) else digest in named
        if is_tagged(entry) or not (known or (digest, name(entry)) in seen):
            kept.append(entry)
        seen.add((digest, name(entry)))
    return kept
