"""Check: is the image store what it says it is? And repair: make it so.

One examination goes through the store in the order of `STEPS`. What it finds wrong it puts right in
its own picture of the store at once, so that later steps judge what a repair would leave; with a
`Removal` in hand it does the same on disk. Nothing is fetched: what is lost is named, with the
command that brings it back. What nobody knows is moved to `lost/` below the root, not deleted.
"""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.errors import CorruptContent, InvalidReference
from cuddy.image import blobs, check_steps, garbage, index, reference, snapshots, spec, verify
from cuddy.image import digest as digests
from cuddy.image import storage as storages
from cuddy.image.finding import Finding, move_to_lost, strangers
from cuddy.image.storage import LAYOUT, Storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from cuddy.image.garbage import Removal
    from cuddy.image.spec import Descriptor, ImageConfig, Manifest


class Examination:
    """One look at a whole store; with a removal that is alone it repairs.

    `held`: chain ids that containers stand on; `busy`: those of containers that run.
    """

    def __init__(
        self,
        storage: Storage,
        removal: Removal | None,
        *,
        held: Collection[str] = (),
        busy: Collection[str] = (),
    ) -> None:
        self.storage = storage
        self.removal = removal
        self.held = held
        self.busy = busy
        self.findings: list[Finding] = []
        self.entries: list[Descriptor] = []
        self.sound: set[str] = set()
        self.verified: set[str] = set()
        self._before: list[Descriptor] = []
        self._document: dict[str, Any] = dict(storages.EMPTY_INDEX)

    def run(self) -> list[Finding]:
        """Go through the store. Raises OSError, SystemFailure."""
        for step in STEPS:
            step(self)
            self.save()
        return self.findings

    def find(self, what: str, problem: str, remedy: str, **more: bool) -> None:
        self.findings.append(Finding(what, problem, remedy, **more))

    def save(self) -> None:
        """Write the index down if a step has changed it."""
        if self.removal and self.entries != self._before:
            with files.Lock(self.storage.index_lock_path):
                index.replace(self.storage, {**self._document, "manifests": self.entries})
        self._before = list(self.entries)

    def has(self, blob: Descriptor) -> bool:
        """Whether a blob is there, whole and right."""
        return blob["digest"] in self.sound and blobs.has(
            self.storage, blob["digest"], blob["size"]
        )

    def lose(self, path: str) -> None:
        """Put away what nobody knows."""
        if self.removal:
            move_to_lost(self.storage.root, path)

    # What follows are the steps.

    def check_frame(self) -> None:
        """The files that make a directory an OCI layout, and the empty layer."""
        path = f"{self.storage.images_dir}/oci-layout"
        try:
            if files.read_json(path) == LAYOUT:
                return
        except (OSError, ValueError):
            pass
        self.find("oci-layout", "it does not say which layout this is", "write it again")
        if self.removal:
            files.make_directory(self.storage.images_dir)
            files.write_json(path, LAYOUT)

    def check_index(self) -> None:
        """index.json is one, its entries are descriptors, their names are names and unique."""
        try:
            document = spec.parse_document(files.read_bytes(self.storage.index_path), "it")
            if not isinstance(document.get("manifests"), list):
                raise CorruptContent("it is not an index of manifests")
        except (OSError, ValueError, CorruptContent) as error:
            problem = "it is missing" if isinstance(error, FileNotFoundError) else str(error)
            self.find(
                "index.json", problem, "make one of the images that are found; their names are lost"
            )
            if not isinstance(error, FileNotFoundError):
                self.lose(self.storage.index_path)
            self.entries = self.rediscover()
        else:
            self._document = document
            self._before = self.entries = document["manifests"]
            self.entries = [each for each in self.entries if self.is_entry(each)]
        self.entries = self.with_names(self.entries)
        if self.removal:
            storages.create(self.storage)

    def is_entry(self, entry: Any) -> bool:
        """Whether this can be an entry of the index at all."""
        try:
            notes = spec.check_descriptor(entry, "it").get("annotations") or {}
            if not isinstance(notes, dict) or not all(isinstance(x, str) for x in notes.values()):
                raise CorruptContent("its annotations are not text")
        except CorruptContent as error:
            self.find("an entry of index.json", str(error), "drop it")
            return False
        return True

    def rediscover(self) -> list[Descriptor]:
        """An entry without a name for every image of which all documents are there."""
        found = []
        for digest in garbage.present(self.storage).blobs:
            try:
                data = files.read_bytes(
                    blobs.path(self.storage, digest), limit=spec.MAX_MANIFEST_BYTES
                )
                manifest = spec.check_manifest(spec.parse_document(data, digest), digest)
                blobs.read(self.storage, manifest["config"]["digest"])
            except (OSError, ValueError, CorruptContent):
                continue
            if manifest.get("mediaType", spec.OCI_MANIFEST) == spec.OCI_MANIFEST:
                entry = spec.Descriptor(mediaType=spec.OCI_MANIFEST, digest=digest, size=len(data))  # type: ignore[typeddict-item]
                found.append(index.annotate(entry, index.ID, manifest["config"]["digest"]))
        return found

    def with_names(self, entries: list[Descriptor]) -> list[Descriptor]:
        """The entries, of which none has a name that is none or that a later one has."""
        kept: list[Descriptor] = []
        seen: dict[str, str] = {}
        for entry in reversed(entries):
            name = index.name(entry)
            problem = ""
            if name and not is_name(name):
                problem = "its name is not one an image can have"
            elif name and seen.setdefault(name, entry["digest"]) != entry["digest"]:
                problem = f"another image has the name {name} too"
            if problem:
                self.find(_about(entry), problem, "take the name off it")
                entry = index.rename(entry, "")
            kept.append(entry)
        return kept[::-1]

    def check_blobs(self) -> None:
        """Every blob is what its digest says."""
        there = list(garbage.present(self.storage).blobs)
        wrong = verify.wrong_blobs(self.storage, there)
        for digest in wrong:
            self.find(f"blob {digest}", "its content is not what its digest says", "delete it")
            if self.removal:
                self.removal.take_path(blobs.path(self.storage, digest))
        self.sound = set(there).difference(wrong)

    def check_documents(self) -> None:
        """Every entry leads to documents that are there and mean something."""
        kept = []
        for entry in self.entries:
            problem = self.problem_of(entry)
            if problem:
                self.find(_about(entry), problem, f"forget it; {_how_to_get(entry)}")
            else:
                kept.append(self.with_true_notes(entry))
        self.entries = kept

    def problem_of(self, entry: Descriptor) -> str:
        """Why an entry leads nowhere; "" if it leads to an image, or to whatever it means."""
        pending = [entry]
        while pending:
            each = pending.pop()
            if not self.has(each):
                return f"{each['digest']} is missing"
            try:
                if each["mediaType"] in spec.INDEX_TYPES:
                    data = blobs.read(self.storage, each["digest"])
                    pending += spec.check_index(
                        spec.parse_document(data, "its index"), "its index"
                    )["manifests"]
                elif each["mediaType"] in spec.MANIFEST_TYPES:
                    self.documents_of(each)
            except CorruptContent as error:
                return error.message
        return ""

    def documents_of(self, entry: Descriptor) -> tuple[Manifest, ImageConfig | None]:
        """Manifest and config; no config for what is not an image. Raises CorruptContent."""
        manifest = index.manifest(self.storage, entry)
        if not self.has(manifest["config"]):
            raise CorruptContent(f"its config {manifest['config']['digest']} is missing")
        if manifest["config"]["mediaType"] not in spec.CONFIG_TYPES:
            return manifest, None
        data = blobs.read(self.storage, manifest["config"]["digest"])
        document = spec.parse_document(data, "its config")
        return manifest, spec.check_config(document, len(manifest["layers"]), "its config")

    def with_true_notes(self, entry: Descriptor) -> Descriptor:
        """The entry with annotations that are true."""
        if entry["mediaType"] not in spec.MANIFEST_TYPES:
            return entry
        image_id = index.manifest(self.storage, entry)["config"]["digest"]
        if index.annotation(entry, index.ID) not in ("", image_id):
            self.find(_about(entry), "the index has a wrong id of it", "write the right one")
            entry = index.annotate(entry, index.ID, image_id)
        documents = index.annotation(entry, index.DOCUMENTS).split()
        lost = [each for each in documents if each not in self.sound]
        if lost:
            self.find(_about(entry), f"{lost[0]}, as its registry served it, is missing",
                      f"do without; {_how_to_get(entry)}")  # fmt: skip
            rest = " ".join(each for each in documents if each not in lost)
            entry = index.annotate(entry, index.DOCUMENTS, rest)
        return entry

    def check_layers(self) -> None:
        """Every image has its layers' blobs, and what is unpacked is what is in them."""
        for position, entry in enumerate(self.entries):
            if entry["mediaType"] in spec.MANIFEST_TYPES:
                self.entries[position] = self.with_layers(entry)

    def with_layers(self, entry: Descriptor) -> Descriptor:
        """The entry, which says what its image lacks."""
        manifest, config = self.documents_of(entry)
        if config is None:
            return entry
        known = set(index.annotation(entry, index.LACKS).split())
        diff_ids = config["rootfs"]["diff_ids"] if manifest["layers"] else []
        chain = digests.chain_ids(diff_ids)
        lacks: dict[str, None] = {}
        for number, blob in enumerate(manifest["layers"]):
            if not self.has(blob):
                lacks[blob["digest"]] = None
            if not self.is_layer_right(entry, blob, diff_ids[number], chain[: number + 1]):
                lacks[chain[number]] = None
        for each in lacks:
            if each not in known:
                self.find(_about(entry), f"{each} is missing",
                          f"remember that it is; {_how_to_get(entry)}")  # fmt: skip
        if lacks and known.issuperset(lacks):
            self.find(_about(entry), f"it lacks {len(lacks)} of its parts", _how_to_get(entry),
                      is_broken=False)  # fmt: skip
        return index.annotate(entry, index.LACKS, " ".join(lacks)) if lacks or known else entry

    def is_layer_right(
        self, entry: Descriptor, blob: Descriptor, diff_id: str, chain: tuple[str, ...]
    ) -> bool:
        """Whether a layer is unpacked as it should be, or is now. Without blob it is trusted."""
        chain_id = chain[-1]
        where = snapshots.path(self.storage, chain_id)
        is_there = os.path.isdir(where) and not os.path.islink(where)
        if chain_id in self.verified or not self.has(blob):
            return is_there
        aside = f"{self.storage.tmp_dir}/{files.name_temporary()}"
        try:
            verify.unpack_again(self.storage, blob["digest"], diff_id, chain[:-1], aside)
            problem = verify.difference(where, aside) if is_there else "it is not unpacked"
            if problem:
                self.replace_layer(chain_id, problem, where, aside)
        except CorruptContent as error:
            self.find(_about(entry), f"{blob['digest']}: {error.message}", _how_to_get(entry),
                      is_repairable=False)  # fmt: skip
        finally:
            files.remove_tree(aside)
        self.verified.add(chain_id)
        return True

    def replace_layer(self, chain_id: str, problem: str, where: str, aside: str) -> None:
        """Put what was unpacked again in the place of a layer, unless that is in use."""
        what = f"layer {chain_id}"
        if chain_id in self.busy:
            remedy = "stop the containers that stand on it, then repair"
            self.find(what, problem, remedy, is_repairable=False)
            return
        self.find(what, problem, "unpack it again from its blob")
        if self.removal:
            self.removal.take_path(where)
            os.rename(aside, where)

    def check_steps(self) -> None:
        """The build cache; what is wrong of it is forgotten."""
        needed = garbage.needs(self.storage, self.entries).layers
        self.findings += check_steps.examine(
            self.storage, self.removal, verified=self.verified, needed={*needed, *self.held}
        )

    def check_strangers(self) -> None:
        """Files that have no business in the store, and what dead processes left half done."""
        images_dir, blobs_dir = self.storage.images_dir, self.storage.blobs_dir
        known = {"oci-layout", "index.json", "blobs", "ingest"}
        self.look_through(images_dir, lambda name, _: name in known)
        self.look_through(blobs_dir, lambda name, _: name in digests.HEX_LENGTHS)
        for algorithm in digests.HEX_LENGTHS:
            self.look_through(
                f"{blobs_dir}/{algorithm}",
                lambda name, mode, a=algorithm: (
                    digests.is_digest(f"{a}:{name}")  # type: ignore[misc]
                    and stat.S_ISREG(mode)
                ),
            )
        self.look_through(
            self.storage.ingest_dir,
            lambda name, mode: digests.is_digest(name.replace("-", ":")) and stat.S_ISREG(mode),
        )
        lengths = digests.HEX_LENGTHS.values()
        self.look_through(
            self.storage.layers_dir,
            lambda name, mode: (
                stat.S_ISDIR(mode)
                and (name == "empty" or (len(name) in lengths and digests.is_hex(name)))
            ),
        )
        self.look_through(self.storage.tmp_dir, lambda *_: False)

    def look_through(self, directory: str, is_known: Callable[[str, int], bool]) -> None:
        for finding, path in strangers(self.storage.root, directory, is_known):
            self.findings.append(finding)
            if finding.is_broken:
                self.lose(path)
            elif self.removal:
                files.remove_tree(path)

    def check_nameless(self) -> None:
        """What no image needs is in order, but nobody vouches for layers without an image."""
        needed = garbage.needs(self.storage, self.entries)
        needed.layers.update(dict.fromkeys(self.held))
        needed = needed.union(garbage.cached(self.storage))
        found = garbage.present(self.storage).without(needed)
        partials = blobs.partials(self.storage)
        if found.blobs or partials:
            count = len(found.blobs) + len(partials)
            self.find("content", f"{count} blobs or parts of blobs belong to no image",
                      "'cuddy image prune' frees them", is_broken=False)  # fmt: skip
        if found.layers:
            self.find("content", f"{len(found.layers)} unpacked layers belong to no image",
                      "remove them", is_broken=False)  # fmt: skip
            if self.removal:
                self.removal.take(garbage.Content(found.layers, {}))


STEPS = (
    Examination.check_frame, Examination.check_index, Examination.check_blobs,
    Examination.check_documents, Examination.check_layers, Examination.check_steps,
    Examination.check_strangers, Examination.check_nameless,
)  # fmt: skip


def is_name(name: str) -> bool:
    """Whether an image can have this name."""
    try:
        reference.parse(name)
    except InvalidReference:
        return False
    return True


def _about(entry: Descriptor) -> str:
    name = index.name(entry)
    return f"image {name if is_name(name) else entry['digest']}"


def _how_to_get(entry: Descriptor) -> str:
    """The command that brings an image back, if any registry has it."""
    name = index.name(entry) or index.annotation(entry, index.SOURCE)
    if not is_name(name):
        return "it has no name by which it could be pulled"
    return f"'cuddy pull {reference.parse(name).familiar}' brings it back"
