"""The image that was built, as an archive or a directory: an OCI image layout (image-layout.md).

    oci-layout, index.json, blobs/sha256/...     containerd, skopeo, umoci, docker from 25 on
    manifest.json                                type=docker: docker of any age, podman

The image need not be known to the store; its layers are there. Equal images make equal bytes. An
image for several platforms is an index of them, which Docker's own list cannot say.
"""

from __future__ import annotations

import os
from contextlib import ExitStack

from cuddy import files
from cuddy.builder import layer_forms
from cuddy.builder.destination import Destination
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.image import blobs, index, packing, reference, spec
from cuddy.image import digest as digests
from cuddy.image.storage import LAYOUT
from cuddy.kernel import transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from cuddy.builder.built import Result
    from cuddy.builder.outputs import Output
    from cuddy.builder.state import Layer
    from cuddy.image.packing import Content
    from cuddy.image.spec import Descriptor
    from cuddy.image.storage import Storage

INDEX, HEAD, DOCKER_LIST = "index.json", "oci-layout", "manifest.json"
DOCKER = "docker"
FILE_MODE = 0o644


def write(
    storage: Storage, output: Output, results: Sequence[Result], tags: Sequence[str],
    stdout_fd: int, *, is_portable: bool = False,
) -> None:  # fmt: skip
    """Write the image. `tags`: names besides those of the output. `is_portable`: as of
    `layer_forms.blob`. Raises InvalidArgument, InvalidReference, CorruptContent, SystemFailure.
    """
    names = [reference.parse(name) for name in dict.fromkeys((*tags, *output.names))]
    if output.kind == DOCKER and len(results) > 1:
        raise InvalidArgument(
            "docker exporter does not support exporting manifest lists",
            hint="use the oci exporter instead: --output type=oci",
        )
    try:
        with ExitStack() as opened:
            parts = _Parts(storage, output, opened, is_portable)
            top = parts.add_all(results)
            members = _members(output, parts, top, [str(name) for name in names])
            if output.is_directory:
                write_directory(output.dest, members)
                return
            with Destination(output.dest, stdout_fd) as destination:
                packing.write(destination.fd, members)
                destination.keep()
    except OSError as error:
        raise SystemFailure.from_os("cannot write the output", error) from error


class _Parts:
    """Everything that an image consists of, by its path in the layout."""

    def __init__(
        self, storage: Storage, output: Output, opened: ExitStack, is_portable: bool
    ) -> None:
        self.storage = storage
        self.output = output
        self.opened = opened
        self.is_portable = is_portable
        self.documents: dict[str, Content] = {}
        self.layers: dict[str, Content] = {}
        self.items: list[dict[str, Any]] = []

    def add_all(self, results: Sequence[Result]) -> Descriptor:
        """Add the images; what index.json is to lead to."""
        entries = [self.add(result) for result in results]
        if len(entries) == 1:
            return entries[0]
        listed = {"schemaVersion": 2, "mediaType": spec.OCI_INDEX, "manifests": entries}
        return self.add_document(listed, spec.OCI_INDEX)

    def add(self, result: Result) -> Descriptor:
        """Add one image; the descriptor of its manifest."""
        layers = [self.add_layer(layer) for layer in result.state.layers]
        config = self.add_document(result.config, spec.OCI_CONFIG)
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": spec.OCI_MANIFEST,
            "config": config,
            "layers": layers,
        }
        if self.output.annotations:
            document["annotations"] = dict(self.output.annotations)
        manifest = self.add_document(document, spec.OCI_MANIFEST)
        self.items.append(
            {
                "Config": _path(config["digest"]),
                "RepoTags": None,
                "Layers": [_path(each["digest"]) for each in layers],
            }
        )
        system, architecture, *variant = result.state.platform.split("/")
        manifest["platform"] = spec.Platform(architecture=architecture, os=system)
        if variant:
            manifest["platform"]["variant"] = variant[0]
        return manifest

    def add_document(self, document: Any, media_type: str) -> Descriptor:
        """Add a document; what others say of it."""
        data = files.format_json(document).encode()
        digest = digests.of(data)
        self.documents[_path(digest)] = data
        return spec.Descriptor(mediaType=media_type, digest=digest, size=len(data))

    def add_layer(self, layer: Layer) -> Descriptor:
        """Add a layer in the form that is wanted. It stays readable if somebody removes it."""
        blob = layer_forms.blob(self.storage, layer, self.output, is_portable=self.is_portable)
        fd = os.open(blobs.path(self.storage, blob["digest"]), os.O_RDONLY | os.O_CLOEXEC)
        self.opened.callback(os.close, fd)
        self.layers[_path(blob["digest"])] = packing.FilePart(fd, blob["size"])
        return spec.Descriptor(
            mediaType=blob["mediaType"], digest=blob["digest"], size=blob["size"]
        )


def _members(
    output: Output, parts: _Parts, top: Descriptor, names: Sequence[str]
) -> dict[str, Content]:
    entries = [_named(top, name) for name in names] or [top]
    listed = {"schemaVersion": 2, "mediaType": spec.OCI_INDEX, "manifests": entries}
    members: dict[str, Content] = {
        HEAD: files.format_json(LAYOUT).encode(),
        INDEX: files.format_json(listed).encode(),
    }
    if output.kind == DOCKER:
        parts.items[0]["RepoTags"] = [reference.parse(name).familiar for name in names] or None
        members[DOCKER_LIST] = files.format_json(parts.items).encode()
    return members | parts.documents | parts.layers


def _named(entry: Descriptor, name: str) -> Descriptor:
    """The entry as containerd's tools and Docker write it: the tag alone is the OCI name."""
    entry = index.annotate(entry, index.CONTAINERD_NAME, name)
    return index.annotate(entry, index.NAME, reference.parse(name).tag)


def _path(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def write_directory(dest: str, members: Mapping[str, Content]) -> None:
    """Write the members as files; those of another image that are there already stay.

    index.json comes last: until then nobody sees anything. Raises OSError.
    """
    for name in sorted(members, key=lambda each: each == INDEX):
        content = members[name]
        path = f"{dest}/{name}"
        files.make_directory(os.path.dirname(path), 0o755)
        if name.startswith("blobs/") and os.path.exists(path):
            continue
        if isinstance(content, packing.FilePart):
            _copy(content, path)
        elif isinstance(content, bytes):
            data = merge(path, content) if name == INDEX else content
            files.write(path, data, mode=FILE_MODE, durable=False)


def _copy(content: packing.FilePart, path: str) -> None:
    temporary = f"{path}.{files.name_temporary()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        transfer.copy(content.fd, fd, content.size, offset=0)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(fd)


def merge(path: str, data: bytes) -> bytes:
    """The list of images with those before it that are others."""
    ours = files.parse_json(data)
    try:
        before = files.read_json(path)["manifests"]
        names = {index.annotation(each, index.CONTAINERD_NAME) for each in ours["manifests"]}
        known = {each["digest"] for each in ours["manifests"]}
        kept = [
            each for each in before
            if each["digest"] not in known
            and index.annotation(each, index.CONTAINERD_NAME) not in names - {""}
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return data  # there is none, or it is of no use
    return files.format_json({**ours, "manifests": kept + ours["manifests"]}).encode()
