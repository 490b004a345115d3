"""Load: the images of an archive become images of the store.

    pipe, compressed --> spool --> archive --> oci_archive or docker_archive --> what there is
                                      |                                              |
                                      +------- fetch, or addition for plain tars <---+

Manifests are kept byte for byte where the archive has them, and made where it has none. An image
gets its names last of all.
"""

from __future__ import annotations

import os
from functools import partial

from cuddy import files
from cuddy.errors import CorruptContent, NotFound, SystemFailure
from cuddy.image import (
    addition,
    blobs,
    docker_archive,
    index,
    oci_archive,
    platform,
    progress,
    reference,
    snapshots,
    spec,
    spool,
    store,
    unpack,
)  # fmt: skip
from cuddy.image import digest as digests
from cuddy.image import storage as storages
from cuddy.image.archive import Archive
from cuddy.image.compression import decompress
from cuddy.image.digest import Digest
from cuddy.image.fetch import Layer, fetch
from cuddy.image.progress import Progress
from cuddy.image.settings import Settings
from cuddy.image.storage import Storage
from cuddy.image.store import Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cuddy.image.oci_archive import Found
    from cuddy.image.spec import Descriptor

    Report = Callable[[Progress], None]

ROUNDS = 3


def load(
    storage: Storage,
    source: int | Iterator[bytes],
    *,
    platform_name: str = "",
    settings: Settings | None = None,
    report: Report | None = None,
) -> list[str]:
    """Bring the images of an archive into the store; tells of each in Docker's words.

    `source`: a descriptor, or what somebody sends. Returns their ids.

    Raises CorruptContent, InvalidArgument, NotFound, SystemFailure.
    """
    wanted = platform.parse(platform_name)
    settings = settings or Settings()
    tell = report or (lambda _: None)
    try:
        storages.create(storage)
        blobs.sweep(storage)
        file = spool.seekable(storage, source, limit=settings.max_archive_bytes)
        try:
            archive = Archive(file, settings)
            found = find_images(archive, wanted, is_explicit=bool(platform_name))
            with store.lease(storage):
                loading = [_Loading(storage, archive, image, tell) for image in found]
                for image in loading:
                    image.run()
                return [image.id for image in loading]
        finally:
            if file != source:
                os.close(file)
    except OSError as error:
        raise SystemFailure.from_os("cannot load the archive", error) from error


def find_images(archive: Archive, wanted: platform.Platform, *, is_explicit: bool) -> list[Found]:
    """What an archive of either kind holds; where it is of both, the layout's word counts more.

    Raises CorruptContent, NotFound.
    """
    found: list[Found] = []
    if oci_archive.is_layout(archive):
        found = oci_archive.find_images(archive, wanted, is_explicit=is_explicit)
    if docker_archive.is_one(archive) or not oci_archive.is_layout(archive):
        found += docker_archive.find_images(archive, wanted, is_explicit=is_explicit, besides=found)
    if not found:
        for_whom = f" for {wanted}" if is_explicit else ""
        raise NotFound(f"the archive holds no image{for_whom}")
    return found


class _Loading:
    """One image of an archive on its way in."""

    def __init__(self, storage: Storage, archive: Archive, found: Found, report: Report) -> None:
        self.storage = storage
        self.archive = archive
        self.found = found
        self.report = report
        self.id = digests.of(found.config)
        self.sizes: dict[str, int] = {}

    def run(self) -> None:
        """Bring everything in that is missing, then name it.

        Between the two somebody may remove an image that has a layer in common: then once more.
        """
        for _ in range(ROUNDS):
            with store.hold(self.storage):
                if entry := self.known_entry():
                    return self.give_names(partial(_name, self.storage, entry))
            config = blobs.write(self.storage, self.found.config)
            layers = self.bring_layers()
            documents = self.found.documents or (_make_manifest(self.found.config, layers),)
            sizes = [self.sizes.get(each.chain_id, 0) for each in layers]
            with store.hold(self.storage):
                if blobs.has(self.storage, config, len(self.found.config)) and all(
                    _is_here(self.storage, each) for each in layers
                ):
                    put = partial(store.put, self.storage)
                    return self.give_names(partial(put, origin=Origin("", documents), sizes=sizes))
        raise SystemFailure("an image is being removed while it is loaded")

    def known_entry(self) -> Descriptor | None:
        """What the store has of the image already, if that is all the archive has, and whole."""
        wanted = {digests.of(document) for document in self.found.documents}
        for entry in index.load(self.storage):
            if index.image_id(self.storage, entry) == self.id:
                documents = {entry["digest"], *index.annotation(entry, index.DOCUMENTS).split()}
                stack = _layers_of(self.storage, entry)
                if wanted <= documents and all(_is_here(self.storage, each) for each in stack):
                    return entry
        return None

    def bring_layers(self) -> list[Layer]:
        """The layers, all of them in the store."""
        chain_ids = [each.chain_id for each in self.found.layers]
        self.sizes |= store.layer_sizes(self.storage, chain_ids)
        if self.found.plain:
            return self.add_plain()
        self.check_blobs()
        self.sizes |= fetch(self.storage, self.archive, self.found.layers, self.tell_of_fetch)
        return list(self.found.layers)

    def check_blobs(self) -> None:
        """Refuse an archive that lacks a layer before anything is brought in."""
        for wanted in self.found.layers:
            blob = wanted.blob
            path = self.archive.blob_path(blob["digest"])
            if not self.archive.has(path) and blobs.has(self.storage, blob["digest"], blob["size"]):
                continue
            size = self.archive.find(path).size
            if size != blob["size"]:
                raise CorruptContent(
                    f"the archive has {size} bytes of layer {wanted.id} instead of {blob['size']}"
                )

    def tell_of_fetch(self, step: Progress) -> None:
        """Tell of a pull's steps in the words of a load."""
        if step.state in (progress.DOWNLOADING, progress.EXTRACTING):
            self.report(step._replace(state=progress.LOADING))
        elif step.state == progress.COMPLETE:
            self.report(step._replace(state=progress.LOADED))

    def add_plain(self) -> list[Layer]:
        """Compress and unpack the layers that are not here as yet."""
        known = _known_layers(self.storage)
        chain_ids = [each.chain_id for each in self.found.layers]
        here = {
            chain_id: known[chain_id]
            for chain_id in chain_ids
            if chain_id in known and _is_here(self.storage, known[chain_id])
        }
        missing = [
            addition.Tar(partial(self.plain_chunks, path, wanted), wanted.diff_id, chain_ids[:n])
            for n, (path, wanted) in enumerate(zip(self.found.plain, self.found.layers))
            if wanted.chain_id not in here
        ]

        def done(tar: addition.Tar, added: addition.Added) -> None:
            here[added.chain_id] = Layer(added.blob, Digest(tar.diff_id), added.chain_id)
            self.sizes[added.chain_id] = added.size_bytes
            self.report(Progress(digests.short(tar.diff_id), progress.LOADED))

        for tar in missing:
            self.report(Progress(digests.short(tar.diff_id), progress.LOADING))
        addition.add_several(self.storage, missing, done)
        return [here[chain_id] for chain_id in chain_ids]

    def plain_chunks(self, path: str, wanted: Layer) -> Iterator[bytes]:
        """The tar of a layer, within the limit."""
        part = self.archive.find(path)
        limit = unpack.limit_bytes(part.size, self.archive.settings.max_layer_bytes)
        what = f"layer {digests.short(wanted.diff_id)}"
        return unpack.bounded(decompress(self.archive.chunks(part)), limit, what)

    def give_names(self, give: Callable[[str], object]) -> None:
        """Make the image known under its names, or without one, and say so as Docker does."""
        for name in self.found.names or ("",):
            familiar = reference.parse(name).familiar if name else ""
            if old := _holder(self.storage, name, self.id):
                text = f"The image {familiar} already exists, renaming the old one with ID {old} to"
                self.report(Progress("", f"{text} empty string"))
            give(name)
            said = f"Loaded image: {familiar}" if name else f"Loaded image ID: {self.id}"
            self.report(Progress("", said))


def _is_here(storage: Storage, wanted: Layer) -> bool:
    blob = wanted.blob
    return blobs.has(storage, blob["digest"], blob["size"]) and snapshots.has(
        storage, wanted.chain_id
    )


def _known_layers(storage: Storage) -> dict[str, Layer]:
    """The layers of the images in the store, by chain id."""
    entries = index.load(storage)
    return {each.chain_id: each for entry in entries for each in _layers_of(storage, entry)}


def _layers_of(storage: Storage, entry: Descriptor) -> list[Layer]:
    """The layers of an image in the store; none if its documents are broken."""
    try:
        manifest = index.manifest(storage, entry)
        config = spec.parse_document(blobs.read(storage, manifest["config"]["digest"]), "config")
        checked = spec.check_config(config, len(manifest["layers"]), "config")
    except CorruptContent:
        return []
    diff_ids = checked["rootfs"]["diff_ids"] if manifest["layers"] else []
    chain_ids = digests.chain_ids(diff_ids)
    return [Layer(*parts) for parts in zip(manifest["layers"], diff_ids, chain_ids)]


def _name(storage: Storage, entry: Descriptor, name: str) -> None:
    """Give an image that is here already another name."""
    if name:
        with index.Change(storage) as change:
            store.give_name(change, entry, reference.parse(name))


def _holder(storage: Storage, name: str, image_id: str) -> str:
    """The id of another image that has the name now."""
    for entry in index.load(storage):
        if name and index.name(entry) == name:
            found = index.image_id(storage, entry)
            return found if found != image_id else ""
    return ""


def _make_manifest(config: bytes, layers: Sequence[Layer]) -> bytes:
    """The manifest of an image that came without one; the same for the same content."""
    descriptor = {"mediaType": spec.OCI_CONFIG, "digest": digests.of(config), "size": len(config)}
    document = {
        "schemaVersion": 2,
        "mediaType": spec.OCI_MANIFEST,
        "config": descriptor,
        "layers": [each.blob for each in layers],
    }
    return files.format_json(document).encode()
