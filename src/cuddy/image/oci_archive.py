"""oci-archive: an image layout in a tar (image-layout.md), as skopeo, podman and docker write it.

An entry of index.json is an image, or an index of one for several platforms; entries that share a
name are one image for several platforms too. Names are containerd's annotation, or the layout's own
where that is more than a tag. Documents that are not what their digest promises are refused here;
layers are only looked up, `fetch` verifies them.
"""

from __future__ import annotations

from cuddy.errors import CorruptContent, InvalidReference, NoSuchImage
from cuddy.image import digest as digests
from cuddy.image import index, platform, reference, spec
from cuddy.image.archive import Archive
from cuddy.image.fetch import Layer
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.image.platform import Platform
    from cuddy.image.spec import Descriptor, Manifest

MAX_DEPTH = 4
MAX_ENTRIES = 2000


class Found(NamedTuple):
    """An image in an archive."""

    names: tuple[str, ...]
    """Complete references."""
    documents: tuple[bytes, ...]
    """The manifest, after the indexes that it was chosen from; none if it has to be made."""
    config: bytes
    layers: tuple[Layer, ...]
    plain: tuple[str, ...] = ()
    """The members that are the tars of the layers, where the archive has no blobs to keep."""


class _Leaf(NamedTuple):
    """A manifest that an entry leads to, and the indexes on the way."""

    descriptor: Descriptor
    indexes: tuple[bytes, ...]


def is_layout(archive: Archive) -> bool:
    """Whether the archive says that it is an image layout."""
    return archive.has("oci-layout") and archive.has("index.json")


def find_images(archive: Archive, wanted: Platform, *, is_explicit: bool) -> list[Found]:
    """The images of a layout, for one platform each.

    Without `is_explicit` an image that is there for one platform only will do whatever that is;
    with it, images for other platforms are left out. Raises CorruptContent, NoSuchImage.
    """
    layout = spec.parse_document(archive.read("oci-layout", spec.MAX_MANIFEST_BYTES), "oci-layout")
    if str(layout.get("imageLayoutVersion"))[:2] != "1.":
        raise CorruptContent("oci-layout names a version that is not 1")
    data = archive.read("index.json", spec.MAX_MANIFEST_BYTES)
    listed = spec.check_index(spec.parse_document(data, "index.json"), "index.json")
    groups: dict[str, list[_Leaf]] = {}
    for entry, leaf in _walk(archive, listed["manifests"]):
        groups.setdefault(name_of(entry) or entry["digest"], []).append(leaf)
    found = []
    for name, leaves in groups.items():
        chosen = _choose(name, leaves, wanted, is_explicit=is_explicit)
        image = _image(archive, chosen, name) if chosen else None
        if image and (not is_explicit or suits(image.config, wanted)):
            found.append(image)
    return found


def name_of(entry: Descriptor) -> str:
    """The complete reference that an entry gives its image; "" if it gives none.

    Raises InvalidReference if containerd's annotation is no name; the layout's own may be anything.
    """
    if full := index.annotation(entry, index.CONTAINERD_NAME):
        return _tagged(full)
    own = index.annotation(entry, index.NAME)
    try:
        return _tagged(own) if ":" in own or "/" in own else ""
    except InvalidReference:
        return ""


def _tagged(text: str) -> str:
    wanted = reference.parse(text)
    return "" if wanted.digest else str(wanted)


def suits(config: bytes, wanted: Platform) -> bool:
    """Whether an image, known by its config, runs where `wanted` runs."""
    return platform.of(spec.parse_document(config, "config")) in platform.preference(wanted)


def _walk(archive: Archive, entries: list[Descriptor]) -> list[tuple[Descriptor, _Leaf]]:
    """Every manifest, with the entry of index.json that leads to it, through indexes in indexes.

    An index may list more platforms than the archive has: those are left out.
    """
    found: list[tuple[Descriptor, _Leaf]] = []
    pending = [(entry, _Leaf(entry, ())) for entry in reversed(entries)]
    count = 0
    while pending:
        entry, (descriptor, indexes) = pending.pop()
        count += 1
        if count > MAX_ENTRIES or len(indexes) > MAX_DEPTH:
            raise CorruptContent("the archive has too many manifests, or too deep indexes of them")
        if indexes and not archive.has(archive.blob_path(descriptor["digest"])):
            continue
        if str(platform.of(descriptor.get("platform"))) == "unknown/unknown":
            continue  # what BuildKit attests about an image
        if descriptor["mediaType"] in spec.INDEX_TYPES:
            data = read_blob(archive, descriptor, spec.MAX_MANIFEST_BYTES)
            listed = spec.check_index(_judge(data, descriptor), "an index in the archive")
            children = [_Leaf(child, (*indexes, data)) for child in listed["manifests"]]
            pending += [(entry, child) for child in reversed(children)]
        elif descriptor["mediaType"] in spec.MANIFEST_TYPES or not indexes:
            found.append((entry, _Leaf(descriptor, indexes)))
    return found


def _choose(name: str, leaves: list[_Leaf], wanted: Platform, *, is_explicit: bool) -> _Leaf | None:
    """The manifest that suits best; None if it is one to leave out. Raises NoSuchImage."""
    direct = [leaf.descriptor for leaf in leaves if not leaf.indexes]
    if len({str(platform.of(each.get("platform"))) for each in direct}) < len(direct):
        raise CorruptContent(f"the archive gives the name {name} to two images")
    if len(leaves) == 1 and direct:
        return leaves[0]
    chosen = platform.choose([leaf.descriptor for leaf in leaves], wanted)
    if chosen is None and not is_explicit:
        offered = {str(platform.of(leaf.descriptor.get("platform")) or "") for leaf in leaves}
        shown = ascii(", ".join(sorted(offered))[:300])[1:-1]
        raise NoSuchImage(name, hint=f"the archive has it for {shown}, not for {wanted}")
    return next((leaf for leaf in leaves if leaf.descriptor is chosen), None)


def _image(archive: Archive, leaf: _Leaf, name: str) -> Found | None:
    """The image of a manifest; None if manifest.json has to tell. Raises CorruptContent."""
    what = "a config in the archive"
    data = read_blob(archive, leaf.descriptor, spec.MAX_MANIFEST_BYTES)
    manifest = spec.check_manifest(_judge(data, leaf.descriptor), "a manifest in the archive")
    _refuse_artifacts(manifest)
    config = read_blob(archive, manifest["config"], spec.MAX_CONFIG_BYTES)
    document = spec.parse_document(config, what)
    if not manifest["layers"] and has_layers(document) and archive.has("manifest.json"):
        return None  # Docker 25 forgot to list them
    checked = spec.check_config(document, len(manifest["layers"]), what)
    require_linux(checked)
    diff_ids = checked["rootfs"]["diff_ids"] if manifest["layers"] else []
    chain_ids = digests.chain_ids(diff_ids)
    layers = tuple(Layer(*parts) for parts in zip(manifest["layers"], diff_ids, chain_ids))
    documents = _served(archive, leaf.descriptor, data) or (*leaf.indexes, data)
    return Found(() if digests.is_digest(name) else (name,), documents, config, layers)


def has_layers(config: dict[str, Any]) -> bool:
    """Whether a config, of whatever shape, names layers."""
    rootfs = config.get("rootfs")
    return isinstance(rootfs, dict) and bool(rootfs.get("diff_ids"))


def require_linux(config: spec.ImageConfig) -> None:
    """Refuse what cannot run here. Raises CorruptContent."""
    actual = platform.of(config)
    if actual is None or actual.os != "linux":
        raise CorruptContent(f"the archive has an image for {str(actual)[:60]!a}, not for Linux")


def _refuse_artifacts(manifest: Manifest) -> None:
    kind = manifest["config"]["mediaType"]
    if kind not in spec.CONFIG_TYPES:
        raise CorruptContent(f"the archive has what is not a container image but {kind[:200]!a}")
    for each in manifest["layers"]:
        if spec.compression(each) is None:
            kind = each["mediaType"]
            raise CorruptContent(f"the archive has a layer of unknown type {kind[:200]!a}")


def _served(archive: Archive, entry: Descriptor, data: bytes) -> tuple[bytes, ...]:
    """The documents that the image came with when it was pulled, if `save` has put them along.

    They are believed as far as they lead to the same blobs. Raises CorruptContent.
    """
    listed = index.annotation(entry, index.DOCUMENTS).split()
    if not listed or len(listed) > MAX_DEPTH:
        return ()
    documents = [read_verified(archive, digest, spec.MAX_MANIFEST_BYTES) for digest in listed]
    last = _parse(documents[-1])
    if "manifests" in last:
        documents.append(data)
    elif _content(last) != _content(_parse(data)):
        raise CorruptContent("the archive has a manifest that belongs to another image")
    for above, below in zip(documents, documents[1:]):
        content = spec.check_index(_parse(above), "an index in the archive")
        if digests.of(below) not in [each["digest"] for each in content["manifests"]]:
            raise CorruptContent("the archive has an index that belongs to another image")
    return tuple(documents)


def _parse(data: bytes) -> dict[str, Any]:
    return spec.parse_document(data, "a document in the archive")


def _content(document: dict[str, Any]) -> list[tuple[str, int]]:
    manifest = spec.check_manifest(document, "a manifest in the archive")
    return [(each["digest"], each["size"]) for each in (manifest["config"], *manifest["layers"])]


def read_blob(archive: Archive, descriptor: Descriptor, limit: int) -> bytes:
    """A document, as long as its descriptor says and verified. Raises CorruptContent."""
    data = read_verified(archive, descriptor["digest"], limit)
    if len(data) != descriptor["size"]:
        raise CorruptContent(
            f"{descriptor['digest']} has {len(data)} bytes instead of {descriptor['size']}"
        )
    return data


def read_verified(archive: Archive, digest: str, limit: int) -> bytes:
    """A document by its digest. Raises CorruptContent if the archive has another in its place."""
    data = archive.read(archive.blob_path(digest), limit)
    algorithm = digest.partition(":")[0]
    found = digests.hasher(algorithm)
    found.update(data)
    if f"{algorithm}:{found.hexdigest()}" != digest:
        raise CorruptContent(f"the archive has something else where {digest} should be")
    return data


def _judge(data: bytes, descriptor: Descriptor) -> dict[str, Any]:
    """A document's content, if it is of the kind that its descriptor and itself say."""
    kind = descriptor["mediaType"]
    content = _parse(data)
    said = content.get("mediaType", kind)
    is_index = "manifests" in content
    if kind not in (*spec.INDEX_TYPES, *spec.MANIFEST_TYPES):
        raise CorruptContent(f"the archive has a manifest of unknown type {kind[:200]!a}")
    if said != kind or is_index != (kind in spec.INDEX_TYPES):
        raise CorruptContent(f"the archive has a manifest that is not the {kind} it should be")
    return content
