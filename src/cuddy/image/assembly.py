"""Assembly: layers that are in the store and a new config become an image of the store.

The last step of whatever makes images here: import, commit. Its caller holds `store.lease`.
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import InvalidArgument, InvalidReference
from cuddy.image import blobs, reference, spec, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cuddy.image.spec import Descriptor, ImageConfig
    from cuddy.image.storage import Storage
    from cuddy.image.store import Image


def check_name(name: str) -> str:
    """The complete form of the name an image is to get; "" stays. Raises InvalidReference."""
    if not name:
        return ""
    wanted = reference.parse(name)
    if wanted.digest:
        raise InvalidReference(f"cannot make {name!r}: a digest is not a name one can give")
    return str(wanted)


def assemble(
    storage: Storage,
    name: str,
    config: ImageConfig,
    layers: Sequence[Descriptor],
    sizes: Sequence[int],
    parent: str = "",
    *,
    annotations: Mapping[str, str] | None = None,
) -> Image:
    """Make an image known. `name`: from `check_name`. `layers`, `sizes`: lowest first.

    `sizes` are the bytes of each layer's files, `parent` the id of the image it was made upon,
    `annotations` those of the manifest.
    """
    data = files.format_json(config).encode()
    if len(data) > spec.MAX_CONFIG_BYTES:
        raise InvalidArgument(
            f"the config of the image would have {len(data)} bytes, of {spec.MAX_CONFIG_BYTES}",
            hint="its variables, labels or steps are too many",
        )
    if b"\\ud" in data and not spec.is_text(config):
        # Nobody could read it any more, nor anything beside it.
        raise InvalidArgument("the config of the image would hold text that is not Unicode")
    manifest = spec.Manifest(
        schemaVersion=2,
        mediaType=spec.OCI_MANIFEST,
        config=spec.Descriptor(
            mediaType=spec.OCI_CONFIG, digest=blobs.write(storage, data), size=len(data)
        ),
        layers=list(layers),
    )
    if annotations:
        manifest["annotations"] = dict(sorted(annotations.items()))
    origin = store.Origin("", (files.format_json(manifest).encode(),), parent)
    return store.put(storage, name, origin, sizes)
