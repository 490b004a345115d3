"""Save: images become one tar that every loader takes, since it is two kinds of archive at once.

    oci-layout, index.json      an OCI image layout (image-layout.md): containerd, skopeo, umoci
    manifest.json               Docker's archive: docker of any age, podman
    blobs/<algorithm>/<hex>     documents and layers as they are in the store, each once

The documents come first. The same images make the same bytes at any time. Docker before 23 cannot
read zstd: a layer compressed so goes out a second time, plain, for manifest.json to name.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from cuddy import files
from cuddy.errors import CorruptContent, InvalidReference, NoSuchImage
from cuddy.image import blobs, compression, index, packing, platform, reference, spec, store
from cuddy.image.storage import LAYOUT, Storage
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from cuddy.image.digest import Digest
    from cuddy.image.packing import Content
    from cuddy.image.platform import Platform
    from cuddy.image.spec import Descriptor


class Chosen(NamedTuple):
    """An image that is to be saved, and the tags under which it is."""

    entry: Descriptor
    names: list[str]


class _Parts(NamedTuple):
    """What the archive is made of: its two lists of images, and its blobs by path."""

    entries: list[Descriptor]
    items: list[dict[str, Any]]
    documents: dict[str, Content]
    layers: dict[str, Content]


def save(storage: Storage, names: Sequence[str], fd: int, *, platform_name: str = "") -> list[str]:
    """Write the images that the names mean to a descriptor, as one archive; their ids.

    Raises NoSuchImage, InvalidReference, InvalidArgument, CorruptContent, OSError.
    """
    wanted = platform.parse(platform_name) if platform_name else None
    parts = _Parts([], [], {}, {})
    with ExitStack() as opened:
        # Open files outlast a removal, so nobody has to wait for a slow reader of ours.
        with store.hold(storage):
            everything = choose(storage, names)
            for chosen in everything:
                _add(storage, chosen, wanted, parts, opened)
        index_document = {
            "schemaVersion": 2, "mediaType": spec.OCI_INDEX, "manifests": parts.entries
        }  # fmt: skip
        lists: dict[str, Content] = {
            "oci-layout": files.format_json(LAYOUT).encode(),
            "index.json": files.format_json(index_document).encode(),
            "manifest.json": files.format_json(parts.items).encode(),
        }
        packing.write(fd, lists | parts.documents | parts.layers)
    return list(dict.fromkeys(index.image_id(storage, each.entry) for each in everything))


def choose(storage: Storage, names: Sequence[str]) -> list[Chosen]:
    """The manifests that the names mean, each once, in the order of the names.

    As for Docker a name without a tag means all tags of the repository, and an image meant by its
    id or digest is saved without a name. Raises NoSuchImage, InvalidReference.
    """
    entries = index.load(storage)
    chosen: dict[tuple[str, str], Chosen] = {}
    for name in names:
        tagged = _tagged(entries, name)
        for entry in tagged or store.find(storage, entries, name)[:1]:
            documents = (entry["digest"], index.annotation(entry, index.DOCUMENTS))
            own = chosen.setdefault(documents, Chosen(entry, [])).names
            if tagged and index.name(entry) not in own:
                own.append(index.name(entry))
    return list(chosen.values())


def _tagged(entries: list[Descriptor], name: str) -> list[Descriptor]:
    """The entries that have the name, or without a tag the repository; none for ids and digests."""
    try:
        wanted = reference.parse(name)
    except InvalidReference:
        return []
    if wanted.digest:
        return []
    tags = {index.name(entry): entry for entry in entries if index.is_tagged(entry)}
    if ":" in name.rpartition("/")[2]:
        return [tags[str(wanted)]] if str(wanted) in tags else []
    return [tags[tag] for tag in sorted(tags) if tag.rpartition(":")[0] == wanted.name]


def _add(
    storage: Storage, chosen: Chosen, wanted: Platform | None, parts: _Parts, opened: ExitStack
) -> None:
    """Put an image on both lists, and its blobs among the others."""
    entry, manifest = chosen.entry, index.manifest(storage, chosen.entry)
    config_digest = manifest["config"]["digest"]
    config = spec.check_config(
        spec.parse_document(blobs.read(storage, config_digest), "config"),
        len(manifest["layers"]),
        f"the config of image {config_digest}",
    )
    actual = platform.of(config)
    if wanted and actual != wanted:
        raise NoSuchImage(
            chosen.names[0] if chosen.names else config_digest,
            hint=f"it is here for {actual}, not for {wanted}",
        )
    served = index.annotation(entry, index.DOCUMENTS)
    for digest in (entry["digest"], config_digest, *served.split()):
        parts.documents[_path(digest)] = blobs.read(storage, digest)
    diff_ids = config["rootfs"]["diff_ids"] if manifest["layers"] else []
    sources = {
        diff_id: _add_layer(storage, blob, diff_id, parts, opened)
        for blob, diff_id in zip(manifest["layers"], diff_ids)
    }
    parts.items.append(
        {
            "Config": _path(config_digest),
            "RepoTags": [reference.parse(name).familiar for name in chosen.names] or None,
            "Layers": [_path(sources[diff_id]["digest"]) for diff_id in diff_ids],
            "LayerSources": sources,
        }
    )
    shown = _without_name(entry, served, actual)
    parts.entries.extend([_named(shown, name) for name in chosen.names] or [shown])


def _without_name(entry: Descriptor, served: str, actual: Platform | None) -> Descriptor:
    """What the archive says of a manifest, whatever its name."""
    shown = spec.Descriptor(
        mediaType=entry["mediaType"], digest=entry["digest"], size=entry["size"]
    )
    if actual:
        shown["platform"] = spec.Platform(architecture=actual.architecture, os=actual.os)
        if actual.variant:
            shown["platform"]["variant"] = actual.variant
    return index.annotate(shown, index.DOCUMENTS, served) if served else shown


def _named(entry: Descriptor, name: str) -> Descriptor:
    """The entry as containerd's tools and Docker write it: the tag alone is the OCI name."""
    entry = index.annotate(entry, index.CONTAINERD_NAME, name)
    return index.annotate(entry, index.NAME, reference.parse(name).tag)


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _add_layer(
    storage: Storage, blob: Descriptor, diff_id: Digest, parts: _Parts, opened: ExitStack
) -> Descriptor:
    """Put a layer's blob into the archive; the descriptor of what manifest.json is to name."""
    what = f"the layer {blob['digest']}"
    try:
        fd = os.open(blobs.path(storage, blob["digest"]), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise CorruptContent(f"{what} is missing", hint="pull the image again") from None
    opened.callback(os.close, fd)
    if os.fstat(fd).st_size != blob["size"]:
        raise CorruptContent(f"{what} is damaged", hint="pull the image again")
    parts.layers[_path(blob["digest"])] = packing.FilePart(fd, blob["size"])
    if compression.kind(os.pread(fd, compression.MAGIC_BYTES, 0)) != "zstd":
        return spec.Descriptor(
            mediaType=blob["mediaType"], digest=blob["digest"], size=blob["size"]
        )
    size = sum(map(len, _inflated(fd)))
    parts.layers[_path(diff_id)] = packing.StreamPart(size, lambda: _inflated(fd))
    return spec.Descriptor(mediaType=spec.OCI_LAYER, digest=diff_id, size=size)


def _inflated(fd: int) -> Iterator[bytes]:
    os.lseek(fd, 0, os.SEEK_SET)
    return compression.decompress(blobs.read_chunks(fd))
