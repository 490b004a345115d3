"""The documents of image-spec: descriptor, index, manifest, config; Docker's twins of them.

Documents stay what was read, unknown fields and all, so that their digests stay true. `check_*`
say whether a document from a stranger has the shape that the rest of cuddy relies on.
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import CorruptContent
from cuddy.image import digest as digests
from cuddy.image.digest import Digest
from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NotRequired

MAX_MANIFEST_BYTES = 4 << 20
MAX_CONFIG_BYTES = 8 << 20
MAX_BLOB_BYTES = 1 << 42
MAX_LAYERS = 500
"""As many as overlayfs stacks (OVL_MAX_STACK)."""

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_SCHEMA1 = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
INDEX_TYPES = (OCI_INDEX, DOCKER_LIST)
MANIFEST_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
CONFIG_TYPES = (OCI_CONFIG, DOCKER_CONFIG)

OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
FOREIGN_LAYERS = (
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
)
# The media type of a layer, without its compression, and what may follow it.
LAYER_TYPES = (OCI_LAYER, "application/vnd.docker.image.rootfs.diff.tar", *FOREIGN_LAYERS)
COMPRESSIONS = {"": "", "+gzip": "gzip", ".gzip": "gzip", "+zstd": "zstd", ".zstd": "zstd"}


class Platform(TypedDict):
    """`platform` of a descriptor; `os`, `architecture`, `variant` of a config."""

    architecture: str
    os: str
    variant: NotRequired[str]


class Descriptor(TypedDict):
    """What a document says about a blob: kind, name, length (descriptor.md)."""

    mediaType: str
    digest: Digest
    size: int
    urls: NotRequired[list[str]]
    annotations: NotRequired[dict[str, str]]
    artifactType: NotRequired[str]
    platform: NotRequired[Platform]


class Index(TypedDict):
    """A list of manifests, one for each platform; also the layout's index.json (image-index.md)."""

    schemaVersion: int
    mediaType: NotRequired[str]
    manifests: list[Descriptor]
    annotations: NotRequired[dict[str, str]]


class Manifest(TypedDict):
    """One image for one platform: a config and layers, lowest first (manifest.md)."""

    schemaVersion: int
    mediaType: NotRequired[str]
    config: Descriptor
    layers: list[Descriptor]
    annotations: NotRequired[dict[str, str]]


class Healthcheck(TypedDict, total=False):
    """Docker's addition to the config; times in nanoseconds."""

    Test: list[str]
    Interval: int
    Timeout: int
    StartPeriod: int
    StartInterval: int
    Retries: int


class RunConfig(TypedDict, total=False):
    """`config` of a config: what to run by default (config.md)."""

    User: str
    ExposedPorts: dict[str, dict[str, object]] | None
    Env: list[str] | None
    Entrypoint: list[str] | None
    Cmd: list[str] | None
    Volumes: dict[str, dict[str, object]] | None
    WorkingDir: str
    Labels: dict[str, str] | None
    StopSignal: str
    Healthcheck: Healthcheck | None
    Shell: list[str] | None
    OnBuild: list[str] | None


class RootFS(TypedDict):
    """The diff_ids of the layers, lowest first."""

    type: str
    diff_ids: list[Digest]


class History(TypedDict, total=False):
    """How a layer came to be."""

    created: str
    created_by: str
    author: str
    comment: str
    empty_layer: bool


class ImageConfig(TypedDict):
    """The config blob; its digest is the image's id (config.md)."""

    architecture: str
    os: str
    rootfs: RootFS
    variant: NotRequired[str]
    created: NotRequired[str]
    author: NotRequired[str]
    config: NotRequired[RunConfig | None]
    history: NotRequired[list[History]]


def parse_document(data: bytes, what: str) -> dict[str, Any]:
    """The JSON object in a blob. Raises CorruptContent naming it."""
    try:
        document = files.parse_json(data)
    except ValueError as error:
        raise CorruptContent(f"{what} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise CorruptContent(f"{what} is not a JSON object")
    # Only an escape can say half a surrogate pair: what is UTF-8 is text.
    if b"\\ud" in data.lower() and not is_text(document):
        raise CorruptContent(f"{what} holds text that is not Unicode")
    return document


def is_text(document: object) -> bool:
    """Whether every string in a JSON value is one the kernel can be told.

    Python's own escapes of single bytes are: a user's argument may not be UTF-8.
    """
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += (*value, *value.values())
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            try:
                value.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:
                return False
    return True


def check_descriptor(value: object, what: str, limit: int = MAX_BLOB_BYTES) -> Descriptor:
    """The value as a descriptor of at most `limit` bytes. Raises CorruptContent."""
    if not isinstance(value, dict):
        raise CorruptContent(f"{what}: a descriptor is missing")
    digests.check(value.get("digest"), what)
    size = value.get("size")
    if type(size) is not int or not 0 <= size <= limit:
        raise CorruptContent(f"{what}: a size of {str(size)[:40]} is not between 0 and {limit}")
    if not isinstance(value.get("mediaType"), str):
        raise CorruptContent(f"{what}: a descriptor without a media type")
    annotations = value.get("annotations") or {}
    if not isinstance(annotations, dict) or not all(
        isinstance(text, str) for text in annotations.values()
    ):
        raise CorruptContent(f"{what}: a descriptor whose annotations are not text")
    return value  # type: ignore[return-value]


def check_index(document: dict[str, Any], what: str) -> Index:
    """The document as an index. Raises CorruptContent; also when it is a manifest as well.

    A document that is both means different things to different readers (CVE-2021-41190).
    """
    manifests = document.get("manifests")
    if not isinstance(manifests, list) or "layers" in document or "config" in document:
        raise CorruptContent(f"{what} claims to be an index of manifests, but is not one")
    for entry in manifests:
        check_descriptor(entry, what)
    return document  # type: ignore[return-value]


def check_manifest(document: dict[str, Any], what: str) -> Manifest:
    """The document as a manifest. Raises CorruptContent; also when it is an index as well."""
    layers = document.get("layers")
    if not isinstance(layers, list) or "manifests" in document or "fsLayers" in document:
        raise CorruptContent(f"{what} claims to be a manifest, but is not one")
    if len(layers) > MAX_LAYERS:
        raise CorruptContent(f"{what} has {len(layers)} layers; {MAX_LAYERS} can be stacked")
    check_descriptor(document.get("config"), f"config of {what}", MAX_CONFIG_BYTES)
    for layer in layers:
        check_descriptor(layer, f"layer of {what}")
    return document  # type: ignore[return-value]


def compression(layer: Descriptor) -> str | None:
    """How a layer is compressed: "", "gzip" or "zstd"; None if it is no layer of files."""
    for prefix in LAYER_TYPES:
        if layer["mediaType"].startswith(prefix):
            return COMPRESSIONS.get(layer["mediaType"].removeprefix(prefix))
    return None


def foreign_urls(layer: Descriptor) -> list[str]:
    """Where a layer is that no registry may hand on (layer.md, "Non-Distributable Layers")."""
    urls = layer.get("urls") if layer["mediaType"].startswith(FOREIGN_LAYERS) else None
    return [url for url in urls if isinstance(url, str)] if isinstance(urls, list) else []


def to_oci(manifest: Manifest) -> Manifest:
    """Docker's manifest in OCI's words; blobs, and so the image's id, stay the same."""
    config: Any = {**manifest["config"], "mediaType": OCI_CONFIG}
    layers: list[Any] = [
        {**layer, "mediaType": _oci_layer_type(layer)} for layer in manifest["layers"]
    ]
    return {**manifest, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}


def _oci_layer_type(layer: Descriptor) -> str:
    kind = compression(layer)
    return layer["mediaType"] if kind is None else OCI_LAYER + (kind and f"+{kind}")


def check_config(document: dict[str, Any], layer_count: int, what: str) -> ImageConfig:
    """The document as the config of an image of so many layers. Raises CorruptContent."""
    for key in ("architecture", "os"):
        if not isinstance(document.get(key), str):
            raise CorruptContent(f"{what} has no {key!r}")
    rootfs = document.get("rootfs")
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if diff_ids is None and not layer_count:
        diff_ids = []
        document = {**document, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    if not isinstance(diff_ids, list) or len(diff_ids) != layer_count:
        raise CorruptContent(f"{what}: the number of diff_ids is not that of the layers")
    for diff_id in diff_ids:
        digests.check(diff_id, f"diff_ids of {what}")
    check_shape(document, CONFIG_SHAPE, what)
    run_config = document.get("config")
    if run_config:
        check_shape(run_config, RUN_CONFIG_SHAPE, what)
        if run_config.get("Healthcheck"):
            check_shape(run_config["Healthcheck"], HEALTHCHECK_SHAPE, what)
    return document  # type: ignore[return-value]


# Which JSON type a field must have when it is there and not null.
CONFIG_SHAPE = {
    "variant": str, "created": str, "author": str, "config": dict, "history": [dict],
}  # fmt: skip
RUN_CONFIG_SHAPE = {
    "User": str, "WorkingDir": str, "StopSignal": str, "Env": [str], "Entrypoint": [str],
    "Cmd": [str], "Shell": [str], "OnBuild": [str], "ExposedPorts": {str: dict},
    "Volumes": {str: dict}, "Labels": {str: str}, "Healthcheck": dict,
}  # fmt: skip
HEALTHCHECK_SHAPE = {
    "Test": [str], "Interval": int, "Timeout": int, "StartPeriod": int, "StartInterval": int,
    "Retries": int,
}  # fmt: skip


def check_shape(value: dict[str, Any], shape: dict[str, Any], what: str) -> None:
    """Whether fields that are there have the JSON types they should have. Raises CorruptContent."""
    for key, kind in shape.items():
        found = value.get(key)
        if found is not None and not _has_shape(found, kind):
            raise CorruptContent(f"{what}: the field {key!r} is not what image-spec says")


def _has_shape(value: object, kind: Any) -> bool:
    if isinstance(kind, list):
        return isinstance(value, list) and all(isinstance(item, kind[0]) for item in value)
    if isinstance(kind, dict):
        [of] = kind.values()
        # Docker writes both {} and null for "nothing to add".
        return isinstance(value, dict) and all(
            isinstance(item, of) or item is None for item in value.values()
        )
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
