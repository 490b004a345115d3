"""What a build leaves: an image of the store with its names, and whatever else was asked for.

An unchanged rebuild finds the image that it made before, so nothing is written but names.
"""

from __future__ import annotations

from cuddy.builder import assembly as configs
from cuddy.builder import cache
from cuddy.builder.built import Built
from cuddy.engine import events
from cuddy.errors import CorruptContent, NoSuchImage
from cuddy.image import assembly, index, reference, store
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.context import Context
    from cuddy.builder.options import BuildOptions
    from cuddy.builder.report import Numbering
    from cuddy.builder.state import Layer, State
    from cuddy.engine.home import Home
    from cuddy.image.spec import ImageConfig
    from cuddy.image.store import Image

EXPORT = 4
KINDS = ("image", "oci", "docker")
"""What has compressed layers."""


class Finished(NamedTuple):
    """A target of one platform, and when its build began (RFC 3339), or was said to (seconds)."""

    state: State
    started: str
    epoch: int | None = None


def needs_blobs(options: BuildOptions) -> bool:
    """Whether layers have to be compressed."""
    return True


def export(
    home: Home, options: BuildOptions, context: Context, made: Sequence[Finished], tell: Numbering
) -> Built:
    """Carry out what the options say of outputs. Raises CuddyError, OSError."""
    names = [assembly.check_name(tag) for tag in options.tags]
    (finished,) = made
    labels = dict(text.partition("=")[::2] for text in options.labels)
    config = configs.build_config(finished.state, finished.started, labels)
    return export_image(home, options, finished, config, names, tell)


def export_image(
    home: Home, options: BuildOptions, made: Finished, config: ImageConfig, names: Sequence[str],
    tell: Numbering,
) -> Built:  # fmt: skip
    """Make the image of a state known, unless it is, and name it. Raises CuddyError, OSError."""
    tell.began(EXPORT, "exporting to image")
    first = names[0] if names else ""
    notes = configs.parse_annotations(options.annotations)
    image = find(home, config, made.state.layers, notes)
    if image is None:
        image = assemble(home, first, made, config, notes)
    for name in names:
        if name not in image.names:
            store.tag(home.storage, first if first in image.names else image.id, name)
            events.emit_image(home, "tag", image, reference.parse(name).familiar)
    tell.ended(EXPORT)
    return Built(image.id, image.manifest, tuple(names))


def find(
    home: Home, config: ImageConfig, layers: Sequence[Layer], annotations: dict[str, str]
) -> Image | None:
    """The image that was made of the same before, if it is still known."""
    image_id = cache.image_of(home, config, layers)
    if not image_id:
        return None
    try:
        image = store.resolve(home.storage, image_id)
        noted = index.manifest(home.storage, image.manifest).get("annotations") or {}
        return image if noted == annotations else None
    except (NoSuchImage, CorruptContent):
        return None


def assemble(
    home: Home, name: str, made: Finished, config: ImageConfig, annotations: dict[str, str]
) -> Image:
    """Make the image, and give it a name unless that is empty."""
    # Imported here: an unchanged rebuild makes nothing.
    from cuddy.builder import layers

    is_portable = made.epoch is not None
    done = layers.with_blobs(home.storage, made.state.layers, is_portable=is_portable)
    image = assembly.assemble(
        home.storage, name, config, [layer.blob for layer in done if layer.blob],
        [layer.size_bytes for layer in done], annotations=annotations,
    )  # fmt: skip
    cache.keep_image(home, config, done, image.id)
    events.emit_image(home, "create", image)
    if name:
        events.emit_image(home, "tag", image, reference.parse(name).familiar)
    return image
