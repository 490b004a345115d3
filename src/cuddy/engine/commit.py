"""Commit: what a container has changed becomes a layer, and with its image's layers a new image.

    upper ── changeset ──▶ pipe ──▶ addition        a worker reads, in a view of its own

The container stands still meanwhile, unless the user does without. Nobody has to wait: who starts
or removes it in between wins.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.engine import container, containers, events, export, rootfs
from cuddy.engine.standstill import Standstill
from cuddy.errors import Conflict, InvalidArgument, NoSuchContainer, SystemFailure
from cuddy.image import (
    addition,
    assembly,
    blobs,
    changes,
    changeset,
    history,
    host,
    index,
    reference,
    snapshots,
    store,
    workers,
)  # fmt: skip
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.image.addition import Added
    from cuddy.image.spec import History, ImageConfig, RunConfig
    from cuddy.image.store import Image
    from cuddy.image.workers import Send

NOT_CHANGES = frozenset((b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"))
"""Empty files on which those of the engine are mounted: Docker has them below the image's top."""
SNAPSHOT = "cuddy sandbox snapshot"
ENDING_S = 1.0
"""From the end of a container's processes to that of its record."""
FROM_IMAGE = ("ExposedPorts", "Healthcheck", "Shell")
FROM_CONTAINER = ("User", "Cmd", "Entrypoint", "Volumes", "Labels")


class Options(NamedTuple):
    """What the user says of the image to be. `changes`: instructions for its config.

    `config`: what of its config is to be another one than the container's, before these.
    """

    name: str = ""
    author: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    pause: bool = True
    config: Mapping[str, Any] = {}


def commit(home: Home, name: str, options: Options) -> Image:
    """Make an image of a container as it is now.

    Raises NoSuchContainer, NoSuchImage, InvalidArgument, InvalidReference, Conflict, NotPermitted,
    SystemFailure.
    """
    wanted = assembly.check_name(options.name)
    container_id = containers.find_id(home, name)
    try:
        with container.lock(home, container_id) as lock:
            record = containers.read(home, container_id, locked=True)
            if "Sandbox" not in record:
                lock.close()  # of a sandbox nobody makes a snapshot meanwhile
            with store.lease(home.storage):
                made = make(home, record, name, wanted, options)
                note(home, record, options, made)
                return made
    except (OSError, SystemFailure) as error:
        export.check_presence(home, container_id)  # that would explain it
        if isinstance(error, SystemFailure):
            raise
        raise SystemFailure.from_os("cannot commit the container", error) from error


def make(home: Home, record: Container, name: str, wanted: str, options: Options) -> Image:
    """The image, in a lease of the store. Raises as `commit`."""
    if record["Image"] == host.IMAGE.id:
        hint = f"'cuddy export {name}' makes an archive of it"
        raise InvalidArgument(f"a container of {host.NAME} cannot be committed", hint=hint)
    image = store.resolve(home.storage, record["Image"])
    theirs = image.config.get("config") or {}
    if "Sandbox" in record:  # which has no command: the image keeps its own
        own = {key: theirs.get(key) for key in ("Cmd", "Entrypoint", "Volumes", "StopSignal")}
        record = {**record, "Config": {**record["Config"], **own}}
    run_config = build_run_config(record, theirs, options.changes, options.config)
    added = add_layers(home, record, pause=options.pause)
    config = build_config(image.config, record, run_config, options, added)
    manifest = index.manifest(home.storage, image.manifest)
    sizes = store.layer_sizes(home.storage, image.chain_ids)
    return assembly.assemble(
        home.storage,
        wanted,
        config,
        [*manifest["layers"], *(each.blob for each in added)],
        [*map(sizes.__getitem__, image.chain_ids), *(each.size_bytes for each in added)],
        parent=image.id,
    )


def note(home: Home, record: Container, options: Options, made: Image) -> None:
    """Note what came to be."""
    named = reference.parse(options.name).familiar if options.name else ""
    events.emit_image(home, "create", made)
    if named:
        events.emit_image(home, "tag", made, named)
    own = {"comment": options.message, "imageID": made.id, "imageRef": named}
    events.emit_container(home, "commit", record, own)


def build_run_config(
    record: Container, image: RunConfig, instructions: tuple[str, ...],
    wanted: Mapping[str, Any] = {},
) -> RunConfig:  # fmt: skip
    """What the new image runs: the container's own, changed. Pure. Raises InvalidArgument."""
    own: dict[str, Any] = record["Config"]
    theirs: dict[str, Any] = dict(image)
    found: dict[str, Any] = {key: theirs[key] for key in FROM_IMAGE if theirs.get(key)}
    found |= {key: own[key] for key in FROM_CONTAINER if own.get(key)}
    found["Env"] = [each for each in own["Env"] if "=" in each]
    for key, usual in (("WorkingDir", "/"), ("StopSignal", "SIGTERM")):
        if own.get(key) and (own[key] != usual or theirs.get(key)):
            found[key] = own[key]
    found = overlay(found, wanted)
    changed: dict[str, Any] = dict(changes.apply(found, instructions))  # type: ignore[arg-type]
    if not changed.get("Entrypoint") and not changed.get("Cmd"):
        changed["Cmd"] = own.get("Cmd")
    return {key: value for key, value in changed.items() if value}  # type: ignore[return-value]


def overlay(config: dict[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A config with what somebody wants of it: variables and sets are added to. Pure."""
    found = {**config, **wanted}
    for key, value in wanted.items():
        if isinstance(value, dict) and key != "Healthcheck":
            found[key] = {**(config.get(key) or {}), **value}
    if env := wanted.get("Env"):
        names = {entry.partition("=")[0] for entry in env}
        kept = [e for e in config.get("Env") or () if e.partition("=")[0] not in names]
        found["Env"] = [*kept, *env]
    if wanted.get("Entrypoint") and not wanted.get("Cmd"):
        found.pop("Cmd", None)  # it was for the other one
    return found


def build_config(
    image: ImageConfig,
    record: Container,
    run_config: RunConfig,
    options: Options,
    added: Sequence[Added],
) -> ImageConfig:
    """The config of the new image: the old one's, one step on; each layer but the last is one that
    a snapshot has made. Pure but for the time.
    """
    now = files.now()
    step: History = {"created": now, "created_by": " ".join(record["Config"].get("Cmd") or ())}
    if options.author:
        step["author"] = options.author
    if options.message:
        step["comment"] = options.message
    if not added:
        step["empty_layer"] = True
    earlier: list[History] = [{"created": now, "created_by": SNAPSHOT} for _ in added[1:]]
    config: dict[str, Any] = {
        **image,
        "created": now,
        "author": options.author,
        "config": run_config,
        "rootfs": {
            "type": "layers",
            "diff_ids": [*image["rootfs"]["diff_ids"], *(each.diff_id for each in added)],
        },
        "history": [*history.complete(image), *earlier, step],
    }
    for key in ("container", "container_config", "docker_version", "parent", "id"):
        config.pop(key, None)  # Docker's words about how the old image came to be
    return config  # type: ignore[return-value]


def is_mount_point(path: bytes, status: os.stat_result) -> bool:
    """Whether a file is there only to be covered."""
    return not status.st_size and path in NOT_CHANGES


def add_layers(home: Home, record: Container, *, pause: bool) -> list[Added]:
    """What the container has changed, as layers: of a sandbox those of its snapshots as well."""
    found: list[Added] = []
    chain = record["ChainIds"]
    own = record["Sandbox"]["ImageLayers"] if "Sandbox" in record else len(chain)
    parents = chain[:own]
    for chain_id in chain[own:]:
        where = snapshots.path(home.storage, chain_id)
        found.append(pack(home, where, parents, lambda: None))
        parents.append(found[-1].chain_id)
    if last := add_layer(home, record, parents, pause=pause):
        found.append(last)
    return found


def add_layer(
    home: Home, record: Container, parents: Sequence[str], *, pause: bool
) -> Added | None:  # fmt: skip
    """What the container has written over its layers, as one more; None if that is nothing."""
    state = record["State"]
    moves = state["Running"] and not state["Paused"]
    upper = f"{home.container_dir(record['Id'])}/upper"
    standstill = hold(home, record) if pause and moves else None

    def done() -> None:
        export.check_unchanged(home, record)
        go_on(home, record, standstill)

    try:
        return pack(home, upper, parents, done) if changeset.has_changes(upper) else None
    finally:
        go_on(home, record, standstill)


def pack(home: Home, where: str, parents: Sequence[str], done: Callable[[], None]) -> Added:
    """What is in an upper directory, as a layer over others. `done`: when all of it is read."""
    with workers.Crew() as crew:
        reader, writer = os.pipe2(os.O_CLOEXEC)

        def work(send: Send) -> None:
            for chunk in changeset.make(rootfs.view_files(where), is_mount_point):
                files.write_all(writer, chunk)

        worker = crew.start("reading of the container", work, closing=(reader,))
        os.close(writer)

        def chunks() -> Iterator[bytes]:
            try:
                yield from blobs.read_chunks(reader)
            finally:
                os.close(reader)
            worker.finish()
            done()

        return addition.add(home.storage, chunks(), parents)


def go_on(home: Home, record: Container, standstill: Standstill | None) -> None:
    """Let the container move again, if it does not. For others it was paused, as docker's is."""
    if standstill and standstill.holds:
        standstill.end()
        events.emit_container(home, "unpause", record)


def hold(home: Home, record: Container) -> Standstill | None:
    """Make a running container stand still; one that ends just now, None, does so by itself.

    Raises NoSuchContainer, NotPermitted, Conflict, SystemFailure.
    """
    try:
        standstill = freeze(home, record)
        standstill.__enter__()
    except (Conflict, SystemFailure):
        if ends(home, record):
            return None
        raise
    events.emit_container(home, "pause", record)
    return standstill


def freeze(home: Home, record: Container) -> Standstill:
    """The standstill of a running container, still to be entered. Raises Conflict."""
    try:
        document = state.read(home.run_root, record["Id"])
    except NoSuchContainer:
        raise Conflict(f"container {record['Id'][:12]} has just ended", hint="try again") from None
    return Standstill(Cgroup(document["cgroupPaths"]))


def ends(home: Home, record: Container) -> bool:
    """Whether a container has ended, or is about to be known to have."""
    deadline_s = time.monotonic() + ENDING_S
    while containers.read(home, record["Id"])["State"]["Running"]:
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.01)
    return True
