"""What a step's result depends on, and what came of it before.

The key of a step is a digest of all it depends on (`Asked`): the instruction, the layer it stands
on, what it sees of variables and config, and the content of what it reads. No name of a directory
of the user's and no time is among it, so a checkout may move; and no value can be read in a key.
What the store knows of keys is in `image/cached_steps.py`.

    found = cache.look(home, asked)        one small file is read
    if found is None: ...; cache.keep(home, asked, layer)
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder.state import Layer
from cuddy.image import blobs, cached_steps
from cuddy.image import digest as digests
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.builder.inputs import Reading
    from cuddy.engine.home import Home
    from cuddy.image.spec import ImageConfig

VERSION = "cuddy step 1"
"""Other rules for what an instruction does, or for its layer, are other keys."""
MAX_DESCRIPTION = 1000


class Asked(NamedTuple):
    """All that the result of a step depends on.

    `sees`: names and values, such as ("command", ..), ("ENV PATH", ..), ("ARG VERSION", ..); what
    has no value is left out, the order does not matter. The rest tells only people something:
    `place` is where the step stands, `shown` the instruction as it was written, `from_` what its
    stage begins with (a name of the image, and its digest).
    """

    instruction: str  # RUN, COPY, ADD, WORKDIR
    parent: str  # the chain id it stands on; "" if there is none, or if that does not matter
    sees: tuple[tuple[str, str], ...] = ()
    reading: Reading | None = None
    epoch: int | None = None
    place: str = ""
    shown: str = ""
    from_: str = ""


def key(asked: Asked) -> str:
    """The digest of all that a step's result depends on."""
    parts = (
        VERSION,
        asked.instruction,
        asked.parent,
        sorted(asked.sees),
        asked.reading.digest if asked.reading else None,
        asked.epoch,
    )
    return digests.of(files.format_json(parts).encode())


def look(home: Home, asked: Asked) -> Layer | None:
    """What came of the step before; None if that is not known, or not there any more.

    A step that changed nothing has a layer without ids.
    """
    step = cached_steps.find(home.storage, key(asked))
    if step is None:
        return None
    return Layer(step.chain_id, step.diff_id, step.size_bytes, step.created, step.blob)


def keep(home: Home, asked: Asked, layer: Layer) -> None:
    """Remember what came of a step; the layer is in the store. Raises OSError."""
    step = cached_steps.Step(
        key(asked), asked.parent, layer.chain_id, layer.diff_id, layer.size_bytes, layer.created,
        describe(asked), layer.blob, uses=1, is_portable=asked.epoch is not None,
    )  # fmt: skip
    # The step comes last: what was noted of one that never came to be is found and removed.
    from cuddy.builder import inputs_kept

    inputs_kept.write(home, step.key, asked)
    cached_steps.write(home.storage, step)


def keep_blobs(home: Home, layers: Sequence[Layer], *, is_portable: bool) -> None:
    """Write down with cached steps which blobs their layers have got by now. Raises OSError.

    `is_portable`: how they were made; a step with a timestamp takes no others.
    """
    known = {layer.chain_id: layer.blob for layer in layers if layer.blob}
    for step in cached_steps.list_steps(home.storage):
        blob = known.get(step.chain_id)
        if blob and step.is_portable == is_portable and not has_blob(home, step):
            cached_steps.write(home.storage, step._replace(blob=blob))


def has_blob(home: Home, step: cached_steps.Step) -> bool:
    """Whether a step's layer has a blob, and that is there."""
    blob = step.blob
    return bool(blob and blobs.has(home.storage, blob["digest"], blob["size"]))


def describe(asked: Asked) -> str:
    """A step in one line, for people."""
    text = asked.shown
    if not text:
        sees = dict(asked.sees)
        what = sees.get("command") or sees.get("target") or sees.get("path") or ""
        text = f"{asked.instruction} {what}"
    return " ".join(text.split())[:MAX_DESCRIPTION]


def explain(home: Home, asked: Asked) -> str:
    """Why a step has to be done: what has changed since it was done before, in one line or more."""
    from cuddy.builder import inputs_kept

    return inputs_kept.explain(home, key(asked), asked)


def image_of(
    home: Home, config: ImageConfig, layers: Sequence[Layer], *, is_dated: bool = False
) -> str:
    """The id of the image that was made before of the same config and of the same layers; "" if
    none was, or if its config is gone. Its times may be others, unless they were asked for.
    """
    try:
        found = files.read_json(_image_path(home, config, layers, is_dated=is_dated))
        image_id = found["id"] if isinstance(found, dict) else ""
        if not digests.is_digest(image_id):
            return ""
        algorithm, _, encoded = image_id.partition(":")
        os.stat(f"{home.storage.blobs_dir}/{algorithm}/{encoded}")
        return str(image_id)
    except (OSError, ValueError, LookupError):
        return ""


def keep_image(
    home: Home, config: ImageConfig, layers: Sequence[Layer], image_id: str, *,
    is_dated: bool = False,
) -> None:  # fmt: skip
    """Remember which image was made of config and layers. Raises OSError."""
    path = _image_path(home, config, layers, is_dated=is_dated)
    files.make_directory(os.path.dirname(path))
    files.write_json(path, {"id": image_id}, durable=False, aside=home.tmp_dir)


def _image_path(home: Home, config: ImageConfig, layers: Sequence[Layer], *, is_dated: bool) -> str:
    """Where it stands; it keeps nothing: an image is kept by its names."""
    document: Any = {**config, "created": config.get("created") if is_dated else ""}
    document["history"] = [
        {name: each[name] for name in sorted(each) if is_dated or name != "created"}
        for each in document.get("history") or ()
    ]
    chain = layers[-1].chain_id if layers else ""
    parts = [VERSION, chain, sorted(document.items()), *(["dated"] if is_dated else [])]
    data = files.format_json(parts)
    return f"{home.build_dir}/images/{digests.of(data.encode()).partition(':')[2]}.json"
