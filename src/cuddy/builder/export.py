"""What a build leaves: an image of the store with its names, and whatever else was asked for.

An unchanged rebuild finds the image that it made before, so nothing is written but names.
"""

from __future__ import annotations

import time

from cuddy.builder import annotation, cache, image_config, report
from cuddy.builder.built import Built, Result
from cuddy.engine import events
from cuddy.errors import CorruptContent, InvalidArgument, NoSuchImage
from cuddy.image import assembly, index, reference, store
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cuddy.builder.options import BuildOptions
    from cuddy.builder.outputs import Output
    from cuddy.builder.report import Numbering
    from cuddy.builder.state import Layer, State
    from cuddy.engine.home import Home
    from cuddy.image.settings import Settings
    from cuddy.image.spec import ImageConfig
    from cuddy.image.store import Image


class Finished(NamedTuple):
    """A target of one platform, and when its build began (RFC 3339), or was said to (seconds).

    `everything`: the layers of all its stages.
    """

    state: State
    started: str
    epoch: int | None = None
    everything: tuple[Layer, ...] = ()


def check(options: BuildOptions, stdout_fd: int) -> None:
    """Whether what is wanted can be had, before anything is built. Raises InvalidArgument."""
    annotation.parse(options.annotations)
    is_for_store = not options.outputs
    if options.outputs:
        # Imported here, as below: most builds make an image and nothing else.
        from cuddy.builder import outputs

        wanted = outputs.parse_all(options.outputs)
        outputs.check(wanted, stdout_fd)
        outputs.pushed_names(wanted, options.tags)
        is_for_store = outputs.is_for_store(wanted)
    if is_for_store and len(options.platforms) > 1:
        raise InvalidArgument(
            "an image of the store is for one platform",
            hint="--output type=oci,dest=FILE makes one archive for several",
        )


def needs_blobs(options: BuildOptions) -> bool:
    """Whether layers have to be compressed."""
    if not options.outputs or options.cache_to:
        return True
    from cuddy.builder import outputs

    return outputs.needs_blobs(outputs.parse_all(options.outputs))


def export(
    home: Home, options: BuildOptions, made: Sequence[Finished], tell: Numbering, *,
    settings: Settings | None, stdout_fd: int,
) -> Built:  # fmt: skip
    """Carry out what the options say of outputs. Raises CuddyError, OSError."""
    names = [assembly.check_name(tag) for tag in options.tags]
    labels = dict(text.partition("=")[::2] for text in options.labels)
    documents = [image_config.build_config(each.state, each.started, labels) for each in made]
    if not options.outputs:
        built = export_image(home, options, made, documents, names, tell)
    else:
        built = export_wanted(
            home, options, made, documents, names, tell, settings=settings, stdout_fd=stdout_fd
        )
    if options.cache_to:
        export_cache(home, options, made, tell, settings)
    return built


def export_wanted(
    home: Home, options: BuildOptions, made: Sequence[Finished], documents: Sequence[ImageConfig],
    names: Sequence[str], tell: Numbering, *, settings: Settings | None, stdout_fd: int,
) -> Built:  # fmt: skip
    """Carry out the outputs that were asked for, in their order."""
    from cuddy.builder import deliver, outputs

    built = Built()
    wanted = outputs.parse_all(options.outputs)
    if outputs.is_for_store(wanted):
        own = [assembly.check_name(name) for name in outputs.store_names(wanted, names)]
        form = outputs.form(wanted)
        built = export_image(home, options, made, documents, own, tell, form)
    results = [Result(each.state, document) for each, document in zip(made, documents)]
    others = outputs.for_elsewhere(wanted, annotation.parse(options.annotations))
    is_portable = made[0].epoch is not None
    deliver.deliver(
        home, others, results, names, tell, stdout_fd=stdout_fd, is_portable=is_portable
    )
    deliver.push(home, outputs.pushed_names(wanted, names), tell, settings)
    return built


def export_cache(
    home: Home, options: BuildOptions, made: Sequence[Finished], tell: Numbering,
    settings: Settings | None,
) -> None:  # fmt: skip
    """Send elsewhere what the steps have made."""
    # Imported here: few builds are asked to.
    from cuddy.builder import cache_to
    from cuddy.image.settings import Settings

    for each in made:
        cache_to.export(
            home, options.cache_to, each.state.layers, each.everything, settings or Settings(),
            tell.warn,
        )  # fmt: skip


def export_image(
    home: Home, options: BuildOptions, made: Sequence[Finished], documents: Sequence[ImageConfig],
    names: Sequence[str], tell: Numbering, form: Output | None = None,
) -> Built:  # fmt: skip
    """Make the image of a state known, unless it is, and name it. Raises CuddyError, OSError.

    `form`: says how its layers are to be compressed.
    """
    finished, config = made[0], documents[0]
    tell.began(report.EXPORT, "exporting to image")
    first = names[0] if names else ""
    notes = annotation.parse(options.annotations)
    image = None
    if not form and not options.cache_to:
        image = find(home, config, finished, notes)
    if image is None:
        image = assemble(home, first, finished, config, notes, options.cache_to, form)
    tell(report.Progress(report.EXPORT, f"writing image {image.id}", 0, 0, time.time()))
    for name in names:
        tell(report.Progress(report.EXPORT, f"naming to {name}", 0, 0, time.time()))
        if name not in image.names:
            store.tag(home.storage, first if first in image.names else image.id, name)
            events.emit_image(home, "tag", image, reference.parse(name).familiar)
    tell.ended(report.EXPORT)
    return Built(image.id, image.manifest, tuple(names))


def find(
    home: Home, config: ImageConfig, made: Finished, annotations: dict[str, str]
) -> Image | None:
    """The image that was made of the same before, if it is still known."""
    is_dated = made.epoch is not None
    image_id = cache.image_of(home, config, made.state.layers, is_dated=is_dated)
    if not image_id:
        return None
    try:
        image = store.resolve(home.storage, image_id)
        noted = index.manifest(home.storage, image.manifest).get("annotations") or {}
        return image if noted == annotations else None
    except (NoSuchImage, CorruptContent):
        return None


def assemble(
    home: Home, name: str, made: Finished, config: ImageConfig, annotations: dict[str, str],
    cache_to: Sequence[str] = (), form: Output | None = None,
) -> Image:  # fmt: skip
    """Make the image, and give it a name unless that is empty."""
    # Imported here: an unchanged rebuild makes nothing.
    from cuddy.builder import layer_forms, layers, outputs

    is_portable = made.epoch is not None
    done = list(made.state.layers)
    if form:
        done = layer_forms.in_form(home.storage, done, form, is_portable=is_portable)
    is_made = form is None and any(layer.blob is None for layer in done)
    done = layers.with_blobs(home.storage, done, is_portable=is_portable)
    if is_made:
        cache.keep_blobs(home, done, is_portable=is_portable)
    if cache_to:
        from cuddy.builder import cache_to as caches

        annotations = annotations | caches.inline(home, cache_to, done)
    image = assembly.assemble(
        home.storage, name, config, [layer.blob for layer in done if layer.blob],
        [layer.size_bytes for layer in done], annotations=annotations,
    )  # fmt: skip
    if form is None or form.compression in ("", outputs.GZIP):
        # What a build without --output finds.
        cache.keep_image(home, config, done, image.id, is_dated=is_portable)
    events.emit_image(home, "create", image)
    if name:
        events.emit_image(home, "tag", image, reference.parse(name).familiar)
    return image
