"""A build cache that travels: `--cache-from` and `--cache-to`, and the documents they exchange.

    type=registry,ref=NAME                        an artifact of a registry (also just NAME)
    type=local,src=DIR | dest=DIR [,tag=..]       the same in an OCI layout
    type=inline                                   with the image itself, in an annotation

The artifact is an image manifest whose layers are those of the steps, and whose config tells which
key made which layer. What a step stands on is not in it: whoever uses it knows, and works out the
chain id anew. Keys are as anywhere (`cache`), so what comes from elsewhere can only ever be found
by who asks for just that; its content is verified against its digests. That a key made this layer
and no other is what the writer of the cache says: whoever may write to it can put files into
builds, as with every remote cache. See `cache_from` and `cache_to`.
"""

from __future__ import annotations

from cuddy import comma_separated, files
from cuddy.errors import CorruptContent, InvalidArgument
from cuddy.image import digest as digests
from cuddy.image import spec
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.image.spec import Descriptor, Manifest

ARTIFACT = "application/vnd.cuddy.buildcache.v1"
CONFIG = "application/vnd.cuddy.buildcache.config.v1+json"
INLINE = "cuddy.build.cache.v1"
"""The annotation of an image's manifest."""
REGISTRY, LOCAL, IMAGE = "registry", "local", "inline"
KEYS = {
    REGISTRY: ("ref", "mode"), LOCAL: ("src", "dest", "tag", "digest", "mode"), IMAGE: (),
}  # fmt: skip
PASSED_OVER = (
    "image-manifest", "oci-mediatypes", "compression-level", "force-compression", "ignore-error",
    "compression",
)  # fmt: skip
"""What BuildKit knows too, and what changes nothing here, or is read by name below."""
MAX_TEXT = 1000
MAX_STEPS = 5000


class Wish(NamedTuple):
    """One --cache-from or --cache-to. `where`: a reference or a directory."""

    type: str
    where: str = ""
    tag: str = "latest"
    digest: str = ""
    is_max: bool = False
    may_fail: bool = False


class Entry(NamedTuple):
    """What a cache says of one step. `blob`: None if the step changed nothing."""

    key: str
    diff_id: str
    size_bytes: int
    created: str
    description: str
    blob: Descriptor | None


def parse(text: str, *, flag: str) -> Wish:
    """What a flag says. `flag`: cache-from or cache-to. Raises InvalidArgument."""
    try:
        fields = comma_separated.read_record(text)
    except ValueError as error:
        raise InvalidArgument(f"invalid --{flag} {text!r}: {error}") from None
    if len(fields) == 1 and "=" not in text:
        return Wish(REGISTRY, text)
    found: dict[str, str] = {}
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals:
            raise InvalidArgument(f"invalid --{flag}: {field!r} is not NAME=VALUE")
        found[name.lower()] = value
    return _wish(found, flag)


def _wish(found: dict[str, str], flag: str) -> Wish:
    """The wish of a flag's fields. Raises InvalidArgument."""
    kind = found.pop("type", REGISTRY if "ref" in found else "")
    if kind not in KEYS:
        hint = f"one of {', '.join(KEYS)}"
        raise InvalidArgument(f"unknown type of --{flag}: {kind!r}", hint=hint)
    for name in found:
        if name not in (*KEYS[kind], *PASSED_OVER):
            raise InvalidArgument(f"unknown field of --{flag} type={kind}: {name!r}")
    if found.get("mode", "min") not in ("min", "max"):
        raise InvalidArgument(f"invalid mode of --{flag}: {found['mode']!r}", hint="min or max")
    if found.get("compression", "gzip") != "gzip":
        raise InvalidArgument(f"--{flag} compresses by gzip only")
    place = {REGISTRY: "ref", IMAGE: ""}.get(kind, "src" if flag == "cache-from" else "dest")
    if place and not found.get(place):
        raise InvalidArgument(f"--{flag} type={kind} needs {place}=")
    if kind == IMAGE and flag == "cache-from":
        raise InvalidArgument(
            "--cache-from type=inline is of an image", hint="type=registry,ref=IMAGE"
        )
    return Wish(
        kind, found.get(place, ""), found.get("tag", "latest"), found.get("digest", ""),
        found.get("mode") == "max", found.get("ignore-error") == "true",
    )  # fmt: skip


def write_documents(entries: Sequence[Entry]) -> tuple[bytes, bytes]:
    """Manifest and config of a cache. Equal caches make equal bytes."""
    layers: dict[str, Descriptor] = {}
    for entry in entries:
        if entry.blob:
            layers[entry.blob["digest"]] = entry.blob
    config = files.format_json({"steps": _steps(entries, list(layers))}).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": spec.OCI_MANIFEST,
        "artifactType": ARTIFACT,
        "config": {"mediaType": CONFIG, "digest": digests.of(config), "size": len(config)},
        "layers": list(layers.values()),
    }
    return files.format_json(manifest).encode(), config


def inline(entries: Sequence[Entry], layers: Sequence[str]) -> dict[str, str]:
    """The annotation of an image with layers of these blobs' digests."""
    kept = [entry for entry in entries if not entry.blob or entry.blob["digest"] in layers]
    return {INLINE: files.format_json({"steps": _steps(kept, list(layers))})} if kept else {}


def _steps(entries: Sequence[Entry], layers: list[str]) -> list[dict[str, object]]:
    return [
        {
            "key": entry.key,
            "diffId": entry.diff_id,
            "size": entry.size_bytes,
            "created": entry.created,
            "description": entry.description,
            "layer": layers.index(entry.blob["digest"]) if entry.blob else -1,
        }
        for entry in sorted(entries)
    ]


def read(manifest: Manifest, data: bytes) -> dict[str, Entry]:
    """The steps of a cache by key: `data` is its config or its annotation.

    Raises CorruptContent for what is no such document; a step that makes no sense is left out.
    """
    document = spec.parse_document(data, "the build cache")
    steps = document.get("steps")
    if not isinstance(steps, list) or len(steps) > MAX_STEPS:
        raise CorruptContent("the build cache has no list of steps, or one without end")
    found = {}
    for step in steps:
        entry = _entry(step, manifest["layers"])
        if entry:
            found[entry.key] = entry
    return found


def _entry(step: Any, layers: Sequence[Descriptor]) -> Entry | None:
    """One step, if it is one: all of it is foreign."""
    if not isinstance(step, dict):
        return None
    key, diff_id, size, position = (step.get(k) for k in ("key", "diffId", "size", "layer"))
    created, description = step.get("created"), step.get("description")
    if (
        not digests.is_digest(key)
        or type(size) is not int
        or not 0 <= size <= spec.MAX_BLOB_BYTES
        or not isinstance(created, str)
        or not isinstance(description, str)
    ):
        return None
    texts = (created[:MAX_TEXT], description[:MAX_TEXT])
    if diff_id == "" and position == -1:
        return Entry(str(key), "", 0, *texts, None)
    if type(position) is not int or not 0 <= position < len(layers):
        return None
    blob = layers[position]
    if not digests.is_digest(diff_id) or spec.compression(blob) is None or spec.foreign_urls(blob):
        return None
    plain: Descriptor = {
        "mediaType": blob["mediaType"], "digest": blob["digest"], "size": blob["size"]
    }  # fmt: skip
    return Entry(str(key), str(diff_id), size, *texts, plain)
