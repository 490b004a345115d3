"""Push: an image of the store goes to a registry, as much of it as is missing there.

Blobs first, several at once, and the manifest last, byte for byte as it was served or made: so its
digest stays what it was. Of an image that was chosen out of an index only its own manifest is here.
"""

from __future__ import annotations

import os
import select

from cuddy.errors import CorruptContent, InvalidReference, NoSuchImage, SystemFailure
from cuddy.image import blobs, endpoints, index, platform, progress, reference, spec, store
from cuddy.image import digest as digests
from cuddy.image import storage as storages
from cuddy.image.progress import Progress
from cuddy.image.reference import Reference
from cuddy.image.server import Server, retry
from cuddy.image.settings import Settings
from cuddy.image.storage import Storage
from cuddy.image.upload import PATIENCE, Blob, check_answer, exists, upload
from cuddy.image.workers import Crew, Worker, received_error
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cuddy.image.spec import Descriptor
    from cuddy.image.workers import Send

    Report = Callable[[Progress], None]

JOBS = 5
MAX_SOURCES = 3
"""Repositories that one blob is looked for in, before its bytes are sent."""


class Outgoing(NamedTuple):
    """An image on its way out. `layers`: what people see of each, and its blob, topmost first."""

    name: Reference
    entry: Descriptor
    document: bytes
    config: Blob
    layers: tuple[tuple[str, Blob], ...]
    skipped: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What the registry will call it."""
        return digests.of(self.document)

    @property
    def blobs(self) -> list[Blob]:
        """Every blob that the registry must have."""
        return [self.config, *(blob for _, blob in self.layers)]


def push(
    storage: Storage,
    name: str,
    *,
    all_tags: bool = False,
    platform: str = "",
    settings: Settings | None = None,
    progress: Report | None = None,
) -> list[str]:
    """Upload an image, or all that bear the repository's name; returns the digests.

    Raises InvalidReference, NoSuchImage, RegistryError, CorruptContent, SystemFailure.
    """
    report = progress or (lambda _: None)
    wanted = reference.parse(name)
    if wanted.digest:
        raise InvalidReference("cannot push a digest reference", hint="push a tag")
    report(Progress("", f"The push refers to repository [{wanted.name}]"))
    open_files = Undo()
    try:
        storages.create(storage)
        names = _names(storage, wanted, all_tags=all_tags)
        with store.hold(storage):
            known: dict[str, int] = {}
            outgoing = [_prepare(storage, each, platform, known, open_files) for each in names]
        server = _connect(settings or Settings(), wanted, outgoing)
        try:
            for each in outgoing:
                _push(server, each, report)
                _note(storage, each)
        finally:
            server.close()
    except OSError as error:
        raise SystemFailure.from_os("cannot read the image", error) from error
    finally:
        open_files.run()
    return [each.digest for each in outgoing]


def _names(storage: Storage, wanted: Reference, *, all_tags: bool) -> list[Reference]:
    """The names to be pushed. Raises NoSuchImage."""
    if not all_tags:
        return [wanted]
    tagged = [index.name(entry) for entry in index.load(storage) if index.is_tagged(entry)]
    found = [reference.parse(name) for name in sorted(tagged) if name.startswith(f"{wanted.name}:")]
    if not found:
        raise NoSuchImage(wanted.familiar_name)
    return found


# -- what there is to send


def _prepare(
    storage: Storage, name: Reference, platform_name: str, known: dict[str, int], open_files: Undo
) -> Outgoing:
    """The image of a name, its blobs opened: whoever removes it from now on takes nothing away.

    `known`: descriptors of blobs that are open, since one may be in many images.
    """
    entries = index.load(storage)
    entry = next((each for each in entries if index.name(each) == str(name)), None)
    if entry is None:
        raise NoSuchImage(name.familiar)
    document = _document(storage, entry)
    manifest = spec.check_manifest(spec.parse_document(document, "manifest"), "manifest")
    image = store.resolve(storage, str(name))
    _check_platform(image, platform_name, name)
    sources = _sources(storage, entries, name)

    def opened(descriptor: Descriptor) -> Blob:
        digest = descriptor["digest"]
        if digest not in known:
            known[digest] = _open(storage, descriptor)
            open_files.add(os.close, known[digest])
        return Blob(digest, descriptor["size"], known[digest], sources.get(digest, ()))

    ids = [digests.short(diff_id) for diff_id in image.config["rootfs"]["diff_ids"]]
    # Every blob once, though an image may have the same layer twice.
    layers = {each["digest"]: (short, each) for short, each in zip(ids, manifest["layers"])}
    foreign = {digest for digest, (_, each) in layers.items() if spec.foreign_urls(each)}
    return Outgoing(
        name=name,
        entry=entry,
        document=document,
        config=opened(manifest["config"]),
        layers=tuple(
            (short, opened(each))
            for digest, (short, each) in reversed(layers.items())
            if digest not in foreign
        ),
        skipped=tuple(layers[digest][0] for digest in foreign),
    )


def _document(storage: Storage, entry: Descriptor) -> bytes:
    """The manifest as it was served, or else as it is here."""
    kept = index.annotation(entry, index.DOCUMENTS).split()
    if kept:
        data = blobs.read(storage, kept[-1])
        if "manifests" not in spec.parse_document(data, f"manifest {kept[-1]}"):
            return data
    return blobs.read(storage, entry["digest"])


def _check_platform(image: store.Image, requested: str, name: Reference) -> None:
    """Refuse to push another platform's image than the user names."""
    actual = platform.of(image.config)
    if requested and actual != platform.parse(requested):
        raise NoSuchImage(f"{name.familiar} for {requested}", hint=f"the one here is for {actual}")


def _sources(
    storage: Storage, entries: Iterable[Descriptor], name: Reference
) -> dict[str, tuple[str, ...]]:
    """Blob -> other repositories of the same registry that it came from or went to."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        source = index.annotation(entry, index.SOURCE)
        registry, _, repository = source.partition("@")[0].partition("/")
        if registry != name.registry or repository in ("", name.repository):
            continue
        try:
            manifest = index.manifest(storage, entry)
        except CorruptContent:
            continue  # another image's trouble
        for each in (manifest["config"], *manifest["layers"]):
            known = found.get(each["digest"], ())
            if repository not in known and len(known) < MAX_SOURCES:
                found[each["digest"]] = (*known, repository)
    return found


def _open(storage: Storage, descriptor: Descriptor) -> int:
    digest = descriptor["digest"]
    if not blobs.has(storage, digest, descriptor["size"]):
        raise CorruptContent(f"the image store lacks {digest}", hint="pull the image again")
    return os.open(blobs.path(storage, digest), os.O_RDONLY | os.O_CLOEXEC)


# -- sending it


def _connect(settings: Settings, wanted: Reference, outgoing: Sequence[Outgoing]) -> Server:
    """The registry's own server: mirrors are for pulling."""
    endpoint = endpoints.endpoints(settings, wanted)[-1]
    others = {source for each in outgoing for blob in each.blobs for source in blob.sources}
    scopes = (
        f"repository:{endpoint.repository}:pull,push",
        *(f"repository:{other}:pull" for other in sorted(others)),
    )
    return Server(settings, wanted, endpoint, scopes=scopes, action="push")


def _push(server: Server, outgoing: Outgoing, report: Report) -> None:
    """Blobs, then the manifest."""
    # The first request finds out how to be let in; the workers inherit that.
    has_config = exists(server, outgoing.config.digest)
    server.close()
    for short, _ in outgoing.layers:
        report(Progress(short, progress.PREPARING))
    for short in outgoing.skipped:
        report(Progress(short, progress.SKIPPED))
    waiting = list(outgoing.layers) if has_config else [*outgoing.layers, ("", outgoing.config)]
    with Crew() as crew:
        _Uploading(server, crew, waiting, report).run()
    retry(server, lambda: _put_manifest(server, outgoing.name.tag, outgoing.document))
    size = len(outgoing.document)
    report(Progress("", f"{outgoing.name.tag}: digest: {outgoing.digest} size: {size}"))


def push_artifact(
    settings: Settings, name: Reference, document: bytes, parts: Sequence[tuple[str, Blob]]
) -> str:
    """Upload what is no image: blobs, each with a word for people, and what names them all.

    Returns the manifest's digest. Raises RegistryError, CorruptContent, SystemFailure.
    """
    endpoint = endpoints.endpoints(settings, name)[-1]
    scopes = (f"repository:{endpoint.repository}:pull,push",)
    server = Server(settings, name, endpoint, scopes=scopes, action="push")
    try:
        # The first request finds out how to be let in; the workers inherit that.
        waiting = [part for part in parts[:1] if not exists(server, part[1].digest)]
        server.close()
        with Crew() as crew:
            _Uploading(server, crew, [*waiting, *parts[1:]], lambda _: None).run()
        retry(server, lambda: _put_manifest(server, name.tag, document))
    finally:
        server.close()
    return digests.of(document)


def _put_manifest(server: Server, tag: str, document: bytes) -> None:
    content = spec.parse_document(document, "manifest")
    headers = {"Content-Type": content.get("mediaType") or spec.OCI_MANIFEST}
    response = server.request(
        "PUT",
        f"manifests/{tag}",
        headers,
        body=document,
        expected=(201,),
        patience=PATIENCE,
    )
    check_answer(server, response, digests.of(document))


class _Uploading:
    """The parent's side of the workers: which blobs wait, and which are on their way."""

    def __init__(
        self, server: Server, crew: Crew, waiting: list[tuple[str, Blob]], report: Report
    ) -> None:
        self.server = server
        self.crew = crew
        self.waiting = waiting
        self.report = report
        self.ids: dict[int, str] = {}

    def run(self) -> None:
        """Until every blob is there. Raises what a worker raised."""
        while self.waiting or self.crew.workers:
            while self.waiting and len(self.crew.workers) < JOBS:
                self.start(*self.waiting.pop(0))
            poll = select.poll()
            for fd in self.crew.workers:
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll():
                self.listen(self.crew.workers[fd])

    def start(self, short: str, blob: Blob) -> None:
        def work(send: Send) -> None:
            upload(self.server, blob, send)

        worker = self.crew.start(f"upload of {short or 'the config'}", work)
        self.ids[worker.fd] = short

    def listen(self, worker: Worker) -> None:
        for message in worker.messages():
            if "error" in message:
                raise received_error(message)
            if "ended" in message:
                self.crew.forget(worker)
            elif self.ids[worker.fd]:
                current, total = message.get("current", 0), message.get("total", 0)
                self.report(Progress(self.ids[worker.fd], message["state"], current, total))


def _note(storage: Storage, outgoing: Outgoing) -> None:
    """Write down that the registry has the image, and what it calls it."""
    source = f"{outgoing.name.name}@{outgoing.digest}"
    with index.Change(storage) as change:
        name, digest = str(outgoing.name), outgoing.entry["digest"]
        old = [e for e in change.entries if index.name(e) == name and e["digest"] == digest]
        change.replace(old, [index.annotate(entry, index.SOURCE, source) for entry in old])
