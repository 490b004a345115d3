"""docker-archive: manifest.json in a tar, which lists config, tags and layers by their members.

Docker wrote layers as <id>/layer.tar until version 25 and as blobs/sha256/<hex> since then; podman
and skopeo write <hex>.tar. A layer's compression is told by its first bytes. Compressed layers are
blobs to keep; plain ones have to be compressed first (`addition`). What Docker wrote before 1.10,
`repositories` without manifest.json, is refused.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.image import compression, reference, spec
from cuddy.image import digest as digests
from cuddy.image.archive import Archive, shown
from cuddy.image.fetch import Layer
from cuddy.image.oci_archive import Found, require_linux, suits
from cuddy.image.spec import Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.image.platform import Platform

MANIFEST = "manifest.json"
LEGACY = "repositories"
MAX_ITEMS = 2000
ITEM_SHAPE: dict[str, Any] = {"Config": str, "Layers": [str], "RepoTags": [str]}
KEPT = ("gzip", "zstd")
"""The compressions that a layer of an OCI image can have."""
NOT_MADE = Descriptor(mediaType="", digest=digests.Digest(""), size=0)
"""Stands for the blob of a layer that has yet to be compressed."""


def is_one(archive: Archive) -> bool:
    """Whether the archive has Docker's list of images."""
    return archive.has(MANIFEST)


def find_images(
    archive: Archive, wanted: Platform, *, is_explicit: bool, besides: Sequence[Found] = ()
) -> list[Found]:
    """The images of manifest.json, except those that `besides` has already.

    With `is_explicit` images for other platforms are left out. Raises CorruptContent,
    InvalidReference.
    """
    if not is_one(archive):
        hint = "it is of a Docker before 1.10" if archive.has(LEGACY) else ""
        raise CorruptContent("the archive has neither index.json nor manifest.json", hint=hint)
    known = {digests.of(image.config) for image in besides}
    taken = {name for image in besides for name in image.names}
    found = []
    for item in _items(archive):
        names = tuple(map(_full_name, item.get("RepoTags") or ()))
        config = archive.read(item["Config"], spec.MAX_CONFIG_BYTES)
        _check_path(item["Config"], config)
        if digests.of(config) in known or not taken.isdisjoint(names):
            if besides:
                continue
            if not taken.isdisjoint(names):
                raise CorruptContent(f"the archive gives the name {names[0]} to two images")
        is_needed = is_explicit or (besides and not names)
        if not is_needed or suits(config, wanted):
            found.append(_image(archive, item, names, config))
            taken.update(names)
    return found


def _items(archive: Archive) -> list[dict[str, Any]]:
    data = archive.read(MANIFEST, spec.MAX_MANIFEST_BYTES)
    try:
        items = files.parse_json(data)
    except ValueError as error:
        raise CorruptContent(f"{MANIFEST} is not JSON: {error}") from None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise CorruptContent(f"{MANIFEST} is not a list of images")
    if len(items) > MAX_ITEMS:
        raise CorruptContent(f"{MANIFEST} has more than {MAX_ITEMS} images")
    for item in items:
        spec.check_shape(item, ITEM_SHAPE, MANIFEST)
        if item.get("Config") is None:
            raise CorruptContent(f"{MANIFEST} has an image without a config")
    return items


def _full_name(tag: str) -> str:
    wanted = reference.parse(tag)
    if wanted.digest:
        raise CorruptContent(f"{MANIFEST} has the tag {shown(tag)}, which is a digest")
    return str(wanted)


def _image(archive: Archive, item: dict[str, Any], names: tuple[str, ...], config: bytes) -> Found:
    paths = item.get("Layers") or []
    document = spec.parse_document(config, "a config in the archive")
    checked = spec.check_config(document, len(paths), "a config in the archive")
    require_linux(checked)
    diff_ids = checked["rootfs"]["diff_ids"] if paths else []
    chain_ids = digests.chain_ids(diff_ids)
    kinds = [_compression(archive, path) for path in paths]
    if not all(kind in KEPT for kind in kinds):
        layers = tuple(Layer(NOT_MADE, *ids) for ids in zip(diff_ids, chain_ids))
        return Found(names, (), config, layers, tuple(paths))
    blobs = [_blob(archive, path, kind) for path, kind in zip(paths, kinds)]
    return Found(
        names, (), config, tuple(Layer(*parts) for parts in zip(blobs, diff_ids, chain_ids))
    )


def _compression(archive: Archive, path: str) -> str:
    start = next(archive.chunks(archive.find(path)), b"")
    return compression.kind(start[: compression.MAGIC_BYTES])


def _blob(archive: Archive, path: str, kind: str) -> Descriptor:
    """The descriptor of a compressed layer; its digest is its name, or has to be counted."""
    part = archive.find(path)
    digest = digest_of(path)
    if not digest:
        found = digests.hasher()
        for chunk in archive.chunks(part):
            found.update(chunk)
        digest = f"sha256:{found.hexdigest()}"
        archive.paths[digest] = path
    return Descriptor(
        mediaType=f"{spec.OCI_LAYER}+{kind}", digest=digests.Digest(digest), size=part.size
    )


def digest_of(path: str) -> str:
    """The digest that a member's path states, if it is the path of a blob in a layout."""
    folder, _, encoded = path.rpartition("/")
    digest = f"{os.path.basename(folder)}:{encoded}"
    is_blob = folder.startswith("blobs/") and digests.is_digest(digest)
    return digest if is_blob and path == f"blobs/{digest.replace(':', '/')}" else ""


def _check_path(path: str, config: bytes) -> None:
    """Whether a config is what its path says. Raises CorruptContent."""
    stated = digest_of(path)
    if stated.startswith("sha256:") and stated != digests.of(config):
        raise CorruptContent(f"the archive has something else where {stated} should be")
