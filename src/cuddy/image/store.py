"""The images of one store: find by name, list, tag, remove.

An image is its config: two names are the same image when their manifests have the same config. Its
id is the config's digest, as Docker counts. Finding a name is on the path of every start: three
small files are read for it.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import CorruptContent, InvalidReference, NoSuchImage
from cuddy.image import blobs, index, reference, snapshots, spec
from cuddy.image import digest as digests
from cuddy.image.storage import Storage
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    from cuddy.image.spec import Descriptor, ImageConfig

    Users = Callable[[str], Iterable[tuple[str, bool]]]
    T = TypeVar("T")


NEVER_NS = -62135596800 * 10**9
"""The year 1, which Go has in place of a time that is not known."""


class Image(NamedTuple):
    """One image, as it is in the store. `manifest` is a descriptor; lists have the lowest first."""

    id: str
    manifest: Descriptor
    config: ImageConfig
    chain_ids: tuple[str, ...]
    names: tuple[str, ...]
    repo_digests: tuple[str, ...]
    size_bytes: int
    tagged: str = ""  # when it was last given a name

    @property
    def created_ns(self) -> int:
        """When it was made, as it says itself; one that does not say is as old as can be."""
        try:
            return files.parse_time(self.config.get("created") or "")
        except (ValueError, IndexError):
            return NEVER_NS


def hold(storage: Storage) -> files.Lock:
    """Keeps `remove` from deleting what the holder is about to use.

    `create` holds it from `resolve` until the container's record names the image.
    """
    return files.Lock(storage.lock_path, shared=True)


class Lease(files.Lock):
    """Keeps all content where it is, as long as anybody has one; the last takes away what waited.

    Names may go meanwhile. See `garbage`.
    """

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage.lease_path, shared=True)
        self.storage = storage

    def __exit__(self, *_: object) -> None:
        self.close()
        if os.path.exists(self.storage.doomed_path):
            # Imported here: hardly ever there is something.
            from cuddy.image import garbage

            garbage.settle(self.storage)


def lease(storage: Storage) -> Lease:
    """Keeps what has no name yet from being collected as garbage.

    Held by whoever brings blobs and layers in, from the first of them until `put` has named the
    image; and by who reads an image for long.
    """
    return Lease(storage)


def resolve(storage: Storage, name: str) -> Image:
    """The image of a reference, an id or the unique beginning of one.

    Raises NoSuchImage, InvalidReference; CorruptContent if parts of it are missing.
    """

    def look(entries: list[Descriptor]) -> Image:
        image = _image(storage, find(storage, entries, name))
        for chain_id in image.chain_ids:
            if not snapshots.has(storage, chain_id):
                raise CorruptContent(
                    f"image {name}: layer {digests.short(chain_id)} is missing",
                    hint="pull the image again",
                )
        return image

    return _settled(storage, look)


def list_images(storage: Storage) -> list[Image]:
    """Every image, newest first. Raises CorruptContent."""

    def look(entries: list[Descriptor]) -> list[Image]:
        return [_image(storage, group) for group in _by_id(storage, entries).values()]

    found = _settled(storage, look)
    return sorted(found, key=lambda image: image.created_ns, reverse=True)


def _settled(storage: Storage, look: Callable[[list[Descriptor]], T]) -> T:
    """What `look` makes of the index; once more whenever an image went while it looked.

    Names go before content does, so whoever misses something finds the index changed, or knows that
    the store is damaged.
    """
    while True:
        entries = index.load(storage)
        try:
            return look(entries)
        except CorruptContent:
            if index.load(storage) == entries:
                raise


def tag(storage: Storage, source: str, target: str) -> None:
    """Give the image that `source` names another name; whoever had that name loses it.

    Raises NoSuchImage, InvalidReference.
    """
    new = reference.parse(target)
    if new.digest:
        raise InvalidReference(f"cannot tag {target!r}: a digest is not a name one can give")
    with index.Change(storage) as change:
        give_name(change, find(storage, index.images(change.entries), source)[0], new)


def give_name(change: index.Change, entry: Descriptor, new: reference.Reference) -> None:
    """Give what an entry means another name, and note when; nothing if it has that name."""
    if not index.annotation(entry, index.SOURCE).startswith(f"{new.name}@"):
        entry = index.annotate(entry, index.SOURCE, "")
    named = index.rename(index.annotate(entry, index.TAGGED, ""), str(new))
    if not any(index.annotate(each, index.TAGGED, "") == named for each in change.entries):
        change.put(index.annotate(named, index.TAGGED, files.now()))


class Origin(NamedTuple):
    """Where an image came from: the repository, and the documents as they were served.

    The manifest is the last of them; an index that it was chosen from precedes it. An image that
    was made here, or came in an archive, has no repository: "". `parent`: the id of the image that
    it was committed upon.
    """

    repository: str
    documents: tuple[bytes, ...]
    parent: str = ""

    @property
    def digest(self) -> str:
        """What the registry calls the image: the digest of the first document."""
        return digests.of(self.documents[0])


def put(storage: Storage, name: str, origin: Origin, sizes: Iterable[int]) -> Image:
    """Make an image known whose config and layers are all in place.

    `name`: a complete reference, or "" for an image without one. `sizes`: unpacked bytes of each
    layer, lowest first.
    """
    manifest = spec.check_manifest(
        spec.parse_document(origin.documents[-1], "manifest"), "manifest"
    )
    data = origin.documents[-1]
    if manifest.get("mediaType", spec.OCI_MANIFEST) != spec.OCI_MANIFEST:
        data = files.format_json(spec.to_oci(manifest)).encode()
    kept = [blobs.write(storage, document) for document in (*origin.documents, data)]
    entry = spec.Descriptor(mediaType=spec.OCI_MANIFEST, digest=kept.pop(), size=len(data))
    for key, value in (
        (index.ID, manifest["config"]["digest"]),
        (index.SOURCE, f"{origin.repository}@{origin.digest}" if origin.repository else ""),
        (index.DOCUMENTS, " ".join(digest for digest in kept if digest != entry["digest"])),
        (index.SIZES, ",".join(map(str, sizes))),
        (index.PARENT, origin.parent),
    ):
        entry = index.annotate(entry, key, value)
    with index.Change(storage) as change:
        change.put(index.rename(entry, name))
    return resolve(storage, manifest["config"]["digest"])


def layer_sizes(storage: Storage, chain_ids: Iterable[str]) -> dict[str, int]:
    """The unpacked bytes of those of the layers that are there."""
    known: dict[str, int] = {}
    for group in _by_id(storage, index.load(storage)).values():
        image = _image(storage, group)
        known |= zip(image.chain_ids, index.layer_sizes(group[0], len(image.chain_ids)) or ())
    return {
        chain_id: known[chain_id] if chain_id in known else snapshots.measure(storage, chain_id)
        for chain_id in chain_ids
        if snapshots.has(storage, chain_id)
    }


def _by_id(storage: Storage, entries: Iterable[Descriptor]) -> dict[str, list[Descriptor]]:
    """Entries grouped into images."""
    groups: dict[str, list[Descriptor]] = {}
    for entry in entries:
        groups.setdefault(index.image_id(storage, entry), []).append(entry)
    return groups


def _image(storage: Storage, group: list[Descriptor]) -> Image:
    """The image that a group of entries means, the first of them before the others."""
    entry = group[0]
    manifest = index.manifest(storage, entry)
    what = f"config {manifest['config']['digest']}"
    document = spec.parse_document(blobs.read(storage, manifest["config"]["digest"]), what)
    config = spec.check_config(document, len(manifest["layers"]), what)
    sources = {index.annotation(e, index.SOURCE) for e in group} - {""}
    sizes = index.layer_sizes(entry, len(manifest["layers"]))
    if sizes is None:
        sizes = tuple(layer["size"] for layer in manifest["layers"])
    return Image(
        id=manifest["config"]["digest"],
        manifest=entry,
        config=config,
        chain_ids=digests.chain_ids(config["rootfs"]["diff_ids"]),
        names=tuple(sorted(index.name(e) for e in group if index.is_tagged(e))),
        repo_digests=tuple(sorted(sources)),
        size_bytes=sum(sizes),
        tagged=max(index.annotation(each, index.TAGGED) for each in group),
    )


def find(storage: Storage, entries: list[Descriptor], name: str) -> list[Descriptor]:
    """The entries of the image that `name` means, the one it names first.

    Raises NoSuchImage, InvalidReference.
    """
    found = _find_named(entries, name) or _find_id(storage, entries, name)
    if found is None:
        raise NoSuchImage(_familiar(name))
    wanted = index.image_id(storage, found)
    others = [e for e in entries if e is not found and index.image_id(storage, e) == wanted]
    return [found, *others]


def _familiar(name: str) -> str:
    try:
        return reference.parse(name).familiar
    except InvalidReference:
        return name


def _find_named(entries: list[Descriptor], name: str) -> Descriptor | None:
    try:
        wanted = reference.parse(name)
    except InvalidReference:
        if digests.is_hex(name.removeprefix("sha256:")):
            return None
        raise
    if wanted.digest:
        source = f"{wanted.name}@{wanted.digest}"
        return _first(
            entries, lambda e: source in (index.annotation(e, index.SOURCE), index.name(e))
        )
    # A name that another program wrote into the layout may be as short as it likes.
    return _first(entries, lambda e: index.name(e) == str(wanted)) or _first(
        entries, lambda e: index.name(e) == name
    )


def _find_id(storage: Storage, entries: list[Descriptor], name: str) -> Descriptor | None:
    prefix = name.removeprefix("sha256:")
    if not digests.is_hex(prefix):
        return None
    found = {
        identity: entry
        for entry in reversed(entries)
        if (identity := index.image_id(storage, entry)).startswith(f"sha256:{prefix}")
    }
    if len(found) > 1:
        raise InvalidReference(f"image id {name!r} is ambiguous: {len(found)} images begin so")
    return next(iter(found.values()), None)


def _first(entries: list[Descriptor], is_wanted: Callable[[Descriptor], bool]) -> Descriptor | None:
    return next((entry for entry in entries if is_wanted(entry)), None)
