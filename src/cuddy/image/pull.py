"""Pull: an image from a registry becomes an image of the store.

The documents are fetched and judged here; `fetch` brings the layers. Everything is verified against
the digest it was asked by, and the image gets its name last of all.
"""

from __future__ import annotations

from cuddy.errors import CorruptContent, NoSuchImage, RegistryError, SystemFailure
from cuddy.image import blobs, index, platform, reference, snapshots, spec, store
from cuddy.image import digest as digests
from cuddy.image import storage as storages
from cuddy.image.fetch import Layer, fetch
from cuddy.image.progress import Progress as Progress
from cuddy.image.reference import Reference
from cuddy.image.registry import Repository
from cuddy.image.server import Document
from cuddy.image.settings import Settings
from cuddy.image.storage import Storage
from cuddy.image.store import Image, Origin
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.image.spec import Descriptor, ImageConfig, Manifest

    Report = Callable[[Progress], None]

ROUNDS = 3


class Found(NamedTuple):
    """What a name means at the registry, for one platform."""

    origin: Origin
    manifest: Manifest
    layers: list[Layer]


def pull(
    storage: Storage,
    name: str,
    *,
    platform: str = "",
    settings: Settings | None = None,
    progress: Report | None = None,
) -> Image:
    """Bring an image from its registry into the store, as much of it as is missing.

    Raises InvalidReference, NoSuchImage, RegistryError, CorruptContent, SystemFailure.
    """
    wanted = reference.parse(name)
    repository = Repository(settings or Settings(), wanted)
    try:
        storages.create(storage)
        blobs.sweep(storage)
        with store.lease(storage):
            return _pull(storage, wanted, platform, repository, progress or (lambda _: None))
    except OSError as error:
        raise SystemFailure.from_os("cannot store the image", error) from error
    finally:
        repository.close()


def pull_all(
    storage: Storage,
    name: str,
    *,
    platform: str = "",
    settings: Settings | None = None,
    progress: Report | None = None,
) -> list[Image]:
    """Bring every tag of a repository into the store; see `pull`."""
    from cuddy.image import tags

    wanted = reference.parse(name)
    report = progress or (lambda _: None)
    told: list[str] = []

    def without_status(step: Progress) -> None:
        if step.state.startswith("Status: "):
            told.append(step.state)
        else:
            report(step)

    options: dict[str, Any] = {"platform": platform, "settings": settings}
    found = [
        pull(storage, str(wanted._replace(tag=tag)), progress=without_status, **options)
        for tag in tags.tags(settings or Settings(), name)
    ]
    if not found:
        raise NoSuchImage(wanted.familiar_name, hint=f"{wanted.registry} has no tag of it")
    newer = [state for state in told if "newer" in state]
    what = (newer or told)[0].partition(" for ")[0]
    report(Progress("", f"{what} for {wanted.familiar_name}"))
    return found


def _pull(
    storage: Storage, wanted: Reference, platform_name: str, repository: Repository, report: Report
) -> Image:
    requested = platform.parse(platform_name)
    before = _current(storage, wanted)
    found = _find(storage, wanted, requested, repository, is_explicit=bool(platform_name))
    report(Progress(wanted.tag or wanted.digest, f"Pulling from {wanted.repository}"))
    repository.close()  # the workers make connections of their own
    image = _store(storage, wanted, repository, found, report)
    report(Progress("", f"Digest: {found.origin.digest}"))
    what = (
        "Image is up to date" if before == _current(storage, wanted) else "Downloaded newer image"
    )
    report(Progress("", f"Status: {what} for {wanted.familiar}"))
    return image


def _full_name(wanted: Reference) -> str:
    """The name under which the image is stored: a digest outweighs a tag, as for Docker."""
    return str(wanted._replace(tag="") if wanted.digest else wanted)


def _current(storage: Storage, wanted: Reference) -> tuple[str, str] | None:
    """Digest and source of what has the name now."""
    name = _full_name(wanted)
    for entry in index.load(storage):
        if name in (index.name(entry), index.annotation(entry, index.SOURCE)):
            return entry["digest"], index.annotation(entry, index.SOURCE)
    return None


def _find(
    storage: Storage,
    wanted: Reference,
    requested: platform.Platform,
    repository: Repository,
    *,
    is_explicit: bool,
) -> Found:
    """Manifest and config of the image that a name means. Raises CuddyError."""
    documents = [repository.manifest(wanted.digest or wanted.tag)]
    document = _judge(documents[0], wanted)
    if "manifests" in document:
        listed = spec.check_index(document, f"index of {wanted.familiar}")
        chosen = platform.choose(_images(listed), requested)
        if chosen is None:
            raise _no_platform(wanted, requested, listed)
        documents.append(repository.manifest(chosen["digest"]))
        document = _judge(documents[1], wanted)
    manifest = spec.check_manifest(document, f"manifest of {wanted.familiar}")
    _refuse_artifacts(manifest, wanted)
    repository.expect(manifest["layers"])
    config = _config(storage, repository, manifest, wanted)
    _check_platform(config, requested, wanted, is_explicit=is_explicit and len(documents) == 1)
    diff_ids = config["rootfs"]["diff_ids"] if manifest["layers"] else []
    layers = [
        Layer(*parts) for parts in zip(manifest["layers"], diff_ids, digests.chain_ids(diff_ids))
    ]
    return Found(Origin(wanted.name, tuple(each.data for each in documents)), manifest, layers)


def _judge(document: Document, wanted: Reference) -> dict[str, Any]:
    """The document's content, if it is of a kind that can be pulled and says so itself."""
    what = f"the manifest of {wanted.familiar}"
    content = spec.parse_document(document.data, what)
    if document.media_type in spec.DOCKER_SCHEMA1 or content.get("schemaVersion") == 1:
        raise RegistryError(
            f"{wanted.familiar} has a manifest of Docker's old schema 1, which is not supported",
            hint="push the image again with a current program",
        )
    said = content.get("mediaType", document.media_type)
    known = (*spec.INDEX_TYPES, *spec.MANIFEST_TYPES)
    if document.media_type in known and said != document.media_type:
        raise CorruptContent(f"{what} is served as {document.media_type} but says it is {said!a}")
    is_index = "manifests" in content
    if said in known and is_index != (said in spec.INDEX_TYPES):
        raise CorruptContent(f"{what} is not the {said} that it says it is")
    return content


def _images(listed: spec.Index) -> list[spec.Descriptor]:
    """The entries of an index that can be images: not attestations, not indexes in indexes."""
    return [
        entry
        for entry in listed["manifests"]
        if entry["mediaType"] in spec.MANIFEST_TYPES
        and str(platform.of(entry.get("platform"))) != "unknown/unknown"
    ]


def _no_platform(
    wanted: Reference, requested: platform.Platform, listed: spec.Index
) -> RegistryError:
    offered = {str(platform.of(entry.get("platform")) or "") for entry in _images(listed)} - {""}
    shown = ascii(", ".join(sorted(offered))[:300])[1:-1]
    return RegistryError(
        f"{wanted.familiar} is not there for {requested}",
        hint=f"there is {shown}" if shown else "there is nothing else either",
    )


def _refuse_artifacts(manifest: Manifest, wanted: Reference) -> None:
    kind = manifest["config"]["mediaType"]
    if kind not in spec.CONFIG_TYPES:
        raise RegistryError(f"{wanted.familiar} is not a container image but {kind[:200]!a}")
    for each in manifest["layers"]:
        if spec.compression(each) is None:
            kind = each["mediaType"]
            raise RegistryError(f"{wanted.familiar} has a layer of unknown type {kind[:200]!a}")


def _config(
    storage: Storage, repository: Repository, manifest: Manifest, wanted: Reference
) -> ImageConfig:
    """The config of an image, stored."""
    found = manifest["config"]
    _bring_config(storage, repository, found)
    data = blobs.read(storage, found["digest"])
    what = f"the config of {wanted.familiar}"
    return spec.check_config(spec.parse_document(data, what), len(manifest["layers"]), what)


def _bring_config(storage: Storage, repository: Repository, config: Descriptor) -> None:
    """Fetch the config, unless it is there or another pull has just done so."""
    if blobs.has(storage, config["digest"], config["size"]):
        return
    with blobs.Ingest(storage, config["digest"], config["size"]) as ingest:
        if ingest.done:
            return
        ingest.restart()
        try:
            data = repository.document(config)
        except BaseException:
            ingest.discard()
            raise
        ingest.append(data)
        ingest.commit(durable=True)


def _check_platform(
    config: ImageConfig, requested: platform.Platform, wanted: Reference, *, is_explicit: bool
) -> None:
    """Refuse what cannot run here, and what is not what somebody asked for by name."""
    actual = platform.of(config)
    if actual is None or actual.os != "linux":
        raise RegistryError(f"{wanted.familiar} is for {str(actual)[:60]!a}, not for Linux")
    if is_explicit and actual not in platform.preference(requested):
        raise RegistryError(f"{wanted.familiar} is there for {actual} only, not for {requested}")


def _store(
    storage: Storage, wanted: Reference, repository: Repository, found: Found, report: Report
) -> Image:
    """Fetch the layers and name the image.

    Between the two somebody may remove an image that has a layer in common: then once more.
    """
    sizes = store.layer_sizes(storage, [each.chain_id for each in found.layers])
    for _ in range(ROUNDS):
        sizes |= fetch(storage, repository, found.layers, report)
        with store.hold(storage):
            if _is_complete(storage, found):
                ordered = [sizes.get(each.chain_id, 0) for each in found.layers]
                return store.put(storage, _full_name(wanted), found.origin, ordered)
        _bring_config(storage, repository, found.manifest["config"])
    raise SystemFailure(f"{wanted.familiar} is being removed while it is pulled")


def _is_complete(storage: Storage, found: Found) -> bool:
    needed = [found.manifest["config"], *(each.blob for each in found.layers)]
    return all(blobs.has(storage, each["digest"], each["size"]) for each in needed) and all(
        snapshots.has(storage, each.chain_id) for each in found.layers
    )
