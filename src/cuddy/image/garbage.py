"""Garbage: content that no name leads to, and taking content away while others work.

A blob or a layer has a name if an entry of index.json needs it, if a container's record does, or if
the build cache has it (`steps`).
Two locks keep what is in use (their order stands in `storage`):

    lease.lock    held shared by who brings content in that has no name yet, or reads an image for
                  long. `Removal` tries to have it exclusively, and takes nothing away without it
    images.lock   held shared by who is about to use an image, exclusively by `Removal`

So an image can lose its name at any time, but its content stays while anybody holds a lease. What
then should have gone is written down in `doomed.json` and goes with the last lease (`settle`).
"""

from __future__ import annotations

import errno
import os

from cuddy import files, usage
from cuddy.errors import CorruptContent
from cuddy.image import blobs, cached_steps, index, snapshots, spec
from cuddy.image import digest as digests
from cuddy.image.storage import Storage
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from cuddy.image.cached_steps import Step
    from cuddy.image.spec import Descriptor


class Content(NamedTuple):
    """Layers by chain id, lowest first, and blobs by digest: dictionaries as ordered sets."""

    layers: dict[str, None]
    blobs: dict[str, None]

    def __bool__(self) -> bool:
        return bool(self.layers or self.blobs)

    def without(self, other: Content) -> Content:
        """What is here and not there."""
        return Content(
            {each: None for each in self.layers if each not in other.layers},
            {each: None for each in self.blobs if each not in other.blobs},
        )

    def union(self, other: Content) -> Content:
        """What is here or there."""
        return Content(self.layers | other.layers, self.blobs | other.blobs)


NOTHING = Content({}, {})


def needs(storage: Storage, entries: Iterable[Descriptor]) -> Content:
    """The layers and the blobs of entries, as far as their documents are there."""
    return survey(storage, entries)[0]


def survey(storage: Storage, entries: Iterable[Descriptor]) -> tuple[Content, list[str]]:
    """What entries need, and the digests of the documents that cannot be followed."""
    found = Content({}, {})
    broken: list[str] = []
    pending = list(entries)
    while pending:
        entry = pending.pop()
        found.blobs[entry["digest"]] = None
        found.blobs.update(dict.fromkeys(index.annotation(entry, index.DOCUMENTS).split()))
        if entry["mediaType"] not in (*spec.INDEX_TYPES, *spec.MANIFEST_TYPES):
            continue  # a layout may name blobs of any kind
        try:
            document = spec.parse_document(blobs.read(storage, entry["digest"]), entry["digest"])
            if "manifests" in document:
                listed = spec.check_index(document, entry["digest"])["manifests"]
                pending += [each for each in listed if each["digest"] not in found.blobs]
                continue
            _follow_manifest(storage, entry, document, found)
        except (CorruptContent, LookupError, TypeError):
            broken.append(entry["digest"])
    return found, broken


def _follow_manifest(
    storage: Storage, entry: Descriptor, document: dict[str, object], found: Content
) -> None:
    """Add what a manifest needs. Raises CorruptContent, LookupError, TypeError."""
    manifest = spec.check_manifest(document, entry["digest"])
    wanted = [manifest["config"], *manifest["layers"]]
    found.blobs.update(dict.fromkeys(each["digest"] for each in wanted))
    if manifest["config"]["mediaType"] not in spec.CONFIG_TYPES:
        return  # an artifact has blobs but is never unpacked
    config = blobs.read(storage, manifest["config"]["digest"])
    diff_ids = spec.parse_document(config, "config")["rootfs"]["diff_ids"]
    found.layers.update(dict.fromkeys(digests.chain_ids(diff_ids)))


def cached(storage: Storage) -> Content:
    """What the build cache keeps."""
    return keep(cached_steps.list_steps(storage))


def keep(found: Iterable[Step]) -> Content:
    """What cached steps keep: each its layer, and the layer's blob."""
    content = Content({}, {})
    for step in found:
        if step.chain_id:
            content.layers[step.chain_id] = None
        if step.blob:
            content.blobs[step.blob["digest"]] = None
    return content


def named(storage: Storage) -> Content:
    """What has a name, but for what only containers stand on."""
    return needs(storage, index.read(storage)["manifests"]).union(cached(storage))


def present(storage: Storage) -> Content:
    """Every layer and blob on disk. Files whose names are no digests are not content."""
    found = Content({}, {})
    for algorithm, length in digests.HEX_LENGTHS.items():
        for name in files.list_directory(f"{storage.blobs_dir}/{algorithm}"):
            if digests.is_digest(f"{algorithm}:{name}"):
                found.blobs[f"{algorithm}:{name}"] = None
        for name in files.list_directory(storage.layers_dir):
            if len(name) == length and digests.is_hex(name):
                found.layers[f"{algorithm}:{name}"] = None
    return found


def nameless(storage: Storage, held_layers: Iterable[str]) -> tuple[Content, list[str]]:
    """The content that is garbage, unless somebody is just bringing it in.

    `held_layers`: chain ids that containers stand on. With it come the digests of the documents
    that cannot be followed: while there are any, what they lead to looks like garbage too.
    """
    needed, broken = survey(storage, index.read(storage)["manifests"])
    needed.layers.update(dict.fromkeys(held_layers))
    return present(storage).without(needed.union(cached(storage))), broken


class Removal:
    """The right to take names and content away; what was taken is freed when it ends.

        with garbage.Removal(storage) as removal:
            ...  # change index.json
            removal.take(content)

    Content that is taken vanishes by renames, under the locks; its files are deleted after them.
    `freed_bytes` is what that gave back. `is_alone`: nobody holds a lease, so content really goes.
    Without `waiting` it is alone or does nothing.
    """

    def __init__(self, storage: Storage, *, waiting: bool = True) -> None:
        self.storage = storage
        self.is_alone = False
        self.freed_bytes = 0
        self._images = files.Lock(storage.lock_path)
        self._lease = files.Lock(storage.lease_path)
        self._taken: list[str] = []
        self._is_waiting = waiting

    def __enter__(self) -> Removal:
        try:
            if self._is_waiting:
                self._images.__enter__()
            elif not self._images.attempt():
                return self
            self.is_alone = self._lease.attempt()
        except BaseException:
            self._images.close()
            raise
        return self

    def take(self, content: Content) -> None:
        """Take content away, now or with the last lease. Whoever calls has seen it unneeded."""
        if not content:
            return
        if not self.is_alone:
            doom(self.storage, content)
            return
        for chain_id in content.layers:
            self.take_path(snapshots.path(self.storage, chain_id))
        for digest in content.blobs:
            self.take_path(blobs.path(self.storage, digest))

    def take_path(self, path: str) -> None:
        """Take one file or tree out of sight; nothing is fine too."""
        aside = f"{self.storage.tmp_dir}/{files.name_temporary()}"
        try:
            os.rename(path, aside)  # a full disk has room for this
        except FileNotFoundError:
            return
        self._taken.append(aside)

    def take_doomed(self) -> None:
        """Take what others had to leave, unless it has found a name again."""
        if self.is_alone and os.path.exists(self.storage.doomed_path):
            self.take(read_doomed(self.storage).without(named(self.storage)))
            os.unlink(self.storage.doomed_path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.take_doomed()
        finally:
            self._lease.close()
            self._images.close()
            meter = usage.Meter()
            for aside in self._taken:
                self.freed_bytes += meter.tree(aside)
                files.remove_tree(aside)


def doom(storage: Storage, content: Content) -> None:
    """Write down what is to go with the last lease. The caller has images.lock."""
    wanted = read_doomed(storage).union(content)
    document = {"layers": list(wanted.layers), "blobs": list(wanted.blobs)}
    try:
        files.write_json(storage.doomed_path, document, durable=False)
    except OSError as error:
        # Without the note it is garbage like any other, for `image prune` to collect.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def read_doomed(storage: Storage) -> Content:
    """What waits for the last lease to end."""
    try:
        document = files.read_json(storage.doomed_path)
        return Content(dict.fromkeys(document["layers"]), dict.fromkeys(document["blobs"]))
    except FileNotFoundError:
        return NOTHING
    except (ValueError, LookupError, TypeError):
        return NOTHING  # a power cut can leave anything; it is garbage then, and found as such


def settle(storage: Storage) -> None:
    """At the end of a lease: take away what was waiting for it, if nobody else works."""
    if os.path.exists(storage.doomed_path):
        with Removal(storage, waiting=False):
            pass
