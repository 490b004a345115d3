"""Steps that were built here, for others: what `--cache-to` sends away.

With mode=min it is the steps whose layers the image has, with mode=max those of every stage that
the build needed. Layers that were never compressed are now, and stay so.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import cache, remote_cache
from cuddy.builder.remote_cache import Entry, Wish
from cuddy.builder.state import Layer
from cuddy.errors import InvalidReference, RegistryError, SystemFailure
from cuddy.image import blobs, cached_steps, spec
from cuddy.image import digest as digests
from cuddy.image.storage import LAYOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.image.cached_steps import Step
    from cuddy.image.settings import Settings
    from cuddy.image.spec import Descriptor
    from cuddy.image.storage import Storage

MAX_LAYERS = spec.MAX_LAYERS
"""More than that are in no manifest: those that were used last are."""


def export(
    home: Home,
    texts: Sequence[str],
    image: Sequence[Layer],
    everything: Sequence[Layer],
    settings: Settings,
    warn: Callable[[str], None],
) -> None:
    """Write the caches that were asked for. The caller has a lease.

    `image`: the layers of the image; `everything`: those of all stages. Raises InvalidArgument,
    RegistryError, CorruptContent, SystemFailure.
    """
    for wish in (remote_cache.parse(text, flag="cache-to") for text in texts):
        if wish.type == remote_cache.IMAGE:
            continue  # see `inline`
        found = entries(home, everything if wish.is_max else image)
        try:
            if wish.type == remote_cache.LOCAL:
                _write_layout(home.storage, wish, found)
            else:
                _push(home.storage, wish, found, settings)
        except (RegistryError, SystemFailure) as error:
            if not wish.may_fail:
                raise
            warn(f"the build cache {wish.where} was not written: {error.message}")


def inline(home: Home, texts: Sequence[str], image: Sequence[Layer]) -> dict[str, str]:
    """The annotations of an image that is its own cache; none unless that was asked for.

    `image`: its layers, all with blobs. Raises InvalidArgument.
    """
    wishes = [remote_cache.parse(text, flag="cache-to") for text in texts]
    if not any(wish.type == remote_cache.IMAGE for wish in wishes):
        return {}
    found = entries(home, image, with_blobs=False)
    return remote_cache.inline(found, [layer.blob["digest"] for layer in image if layer.blob])


def entries(home: Home, layers: Sequence[Layer], *, with_blobs: bool = True) -> list[Entry]:
    """The cached steps that made these layers, or nothing on top of one of them.

    `with_blobs`: those that have none get one; otherwise they are left out. Raises CorruptContent,
    SystemFailure, OSError.
    """
    chain_ids = {layer.chain_id for layer in layers if layer.chain_id}
    chosen = [
        step
        for step in cached_steps.list_steps(home.storage)
        if (step.chain_id in chain_ids if step.chain_id else step.parent in chain_ids)
    ]
    chosen.sort(key=lambda step: step.last_used_ns, reverse=True)
    found = _compressed(home, chosen[:MAX_LAYERS]) if with_blobs else chosen
    return [
        Entry(step.key, step.diff_id, step.size_bytes, step.created, step.description, step.blob)
        for step in found
        if step.blob or not step.chain_id
    ]


def _compressed(home: Home, found: Sequence[Step]) -> list[Step]:
    """The steps, each with its blob, which is written down."""
    # Imported here: usually they all have one.
    from cuddy.builder import layers

    made: dict[tuple[str, bool], Descriptor | None] = {}
    for is_portable in (False, True):
        lacking = {
            step.chain_id: Layer(step.chain_id, step.diff_id, step.size_bytes, step.created)
            for step in found
            if step.chain_id and step.is_portable == is_portable and not cache.has_blob(home, step)
        }
        if lacking:
            done = layers.with_blobs(home.storage, list(lacking.values()), is_portable=is_portable)
            cache.keep_blobs(home, done, is_portable=is_portable)
            made |= {(layer.chain_id, is_portable): layer.blob for layer in done}
    return [
        step._replace(blob=made.get((step.chain_id, step.is_portable), step.blob)) for step in found
    ]


# -- where it goes


def _push(storage: Storage, wish: Wish, found: Sequence[Entry], settings: Settings) -> None:
    """To a registry. Raises RegistryError, CorruptContent, SystemFailure, InvalidReference."""
    # Imported here: they load the network's libraries.
    from cuddy.image import push, reference
    from cuddy.image.upload import Blob

    wanted = reference.parse(wish.where)
    if wanted.digest:
        raise InvalidReference("cannot push a build cache by digest", hint="push a tag")
    manifest, config = remote_cache.write_documents(found)
    open_fds: list[int] = []
    try:
        fd = os.memfd_create("config", os.MFD_CLOEXEC)
        open_fds.append(fd)
        files.write_all(fd, config)
        parts = [("cache", Blob(digests.of(config), len(config), fd, ()))]
        for blob in _blobs(found):
            open_fds.append(
                os.open(blobs.path(storage, blob["digest"]), os.O_RDONLY | os.O_CLOEXEC)
            )
            name = digests.short(blob["digest"])
            parts.append((name, Blob(blob["digest"], blob["size"], open_fds[-1], ())))
        push.push_artifact(settings, wanted, manifest, parts)
    except OSError as error:
        raise SystemFailure.from_os("cannot read the build cache", error) from error
    finally:
        for fd in open_fds:
            os.close(fd)


def _blobs(found: Sequence[Entry]) -> list[Descriptor]:
    """Each blob once."""
    return list({entry.blob["digest"]: entry.blob for entry in found if entry.blob}.values())


def _write_layout(storage: Storage, wish: Wish, found: Sequence[Entry]) -> None:
    """To a directory that is, or becomes, an OCI layout. Raises SystemFailure."""
    manifest, config = remote_cache.write_documents(found)
    top = wish.where
    try:
        files.make_directory(f"{top}/blobs/sha256", 0o755)
        for blob in _blobs(found):
            _copy(storage, blob, top)
        for data in (config, manifest):
            files.write(f"{top}/blobs/sha256/{digests.of(data)[7:]}", data, mode=0o644)
        files.write_json(f"{top}/oci-layout", LAYOUT, mode=0o644)
        entry: Any = {
            "mediaType": spec.OCI_MANIFEST, "digest": digests.of(manifest), "size": len(manifest),
            "artifactType": remote_cache.ARTIFACT,
            "annotations": {"org.opencontainers.image.ref.name": wish.tag},
        }  # fmt: skip
        with files.Lock(f"{top}/lock"):
            listed = [*_others(top, wish.tag), entry]
            index = {"schemaVersion": 2, "mediaType": spec.OCI_INDEX, "manifests": listed}
            files.write_json(f"{top}/index.json", index, mode=0o644)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot write the build cache {top}", error) from error


def _others(top: str, tag: str) -> list[Any]:
    """What a layout has under other names; whatever is no layout has nothing."""
    try:
        listed = files.read_json(f"{top}/index.json")["manifests"]
        return [
            each
            for each in listed
            if each["annotations"]["org.opencontainers.image.ref.name"] != tag
        ]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def _copy(storage: Storage, blob: Descriptor, top: str) -> None:
    """A blob into a layout, unless that has it."""
    target = f"{top}/blobs/{blob['digest'].replace(':', '/')}"
    try:
        if os.stat(target).st_size == blob["size"]:
            return
    except FileNotFoundError:
        pass
    temporary = f"{target}.{files.name_temporary()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        for chunk in blobs.chunks(storage, blob["digest"]):
            files.write_all(fd, chunk)
        os.rename(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    finally:
        os.close(fd)
