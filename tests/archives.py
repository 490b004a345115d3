"""Archives of images made from bytes: as they should be, and with whatever a stranger may do."""

from __future__ import annotations

import json
from typing import Any

import images
import rawtar
from images import BuiltImage

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


def pack(members: dict[str, bytes], *more: bytes) -> bytes:
    """A tar of files, and after them whatever entries `rawtar` makes."""
    files = [rawtar.entry(name.encode(), data) for name, data in members.items()]
    return b"".join([*files, *more, rawtar.END])


def blob_path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def entry(built: BuiltImage, name: str = "", **fields: Any) -> dict[str, Any]:
    """An entry of index.json."""
    found = images.descriptor(built.media_type, built.manifest, **fields)
    if name:
        found["annotations"] = {"io.containerd.image.name": name}
    return found


def layout(*built: BuiltImage, index: object = None) -> dict[str, bytes]:
    """The members of an OCI layout: `r.example/image:0`, `:1`... unless `index` says otherwise."""
    if index is None:
        index = [entry(each, f"r.example/image:{n}") for n, each in enumerate(built)]
    members = {"oci-layout": LAYOUT, "index.json": listed(index)}
    for each in built:
        members |= content(each)
    return members


def listed(index: object) -> bytes:
    return images.to_json({"schemaVersion": 2, "manifests": index})


def content(built: BuiltImage) -> dict[str, bytes]:
    """Every blob of an image, or of an index and its images."""
    found = {blob_path(built.digest): built.manifest}
    found |= {blob_path(digest): data for digest, data in built.blobs.items()}
    for child in built.children:
        found |= content(child)
    return found


def docker_archive(
    config: bytes, layers: list[bytes], tags: object = ("r.example/image:0",), **fields: Any
) -> dict[str, bytes]:
    """The members of an archive of old docker's. `fields`: of the item in manifest.json."""
    paths = [f"{number}/layer.tar" for number in range(len(layers))]
    item = {"Config": "config.json", "RepoTags": tags, "Layers": paths} | fields
    return {
        "config.json": config,
        **dict(zip(paths, layers)),
        "manifest.json": json.dumps([item]).encode(),
    }
