"""Calls about images, volumes and networks."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.library.serving import Call

    Document = dict[str, Any]
    Filters = list[tuple[str, str]]


def inspect_image(call: Call, name: str) -> Document:
    """What is known of an image."""
    from cuddy.engine import inspect_image as inspecting

    return inspecting.inspect_image(call.home, name)


def images(call: Call, filters: Filters) -> None:
    """What is known of each image, as items."""
    from cuddy.engine import images as listing
    from cuddy.engine import inspect_image as inspecting
    from cuddy.engine import moments

    now_ns = time.time_ns()
    pairs = [(name, value) for name, value in filters]
    wanted = listing.parse_filters(call.home, pairs, lambda word: moments.moment(word, now_ns))
    for each in listing.select(call.home, wanted):
        call.item(inspecting.describe(call.home, each.image))


def pull(call: Call, name: str, platform: str) -> Document:
    """An image from its registry; how far it is are items."""
    from cuddy.engine import inspect_image as inspecting
    from cuddy.engine import pull as pulling
    from cuddy.engine import registries

    settings = registries.settings(os.environ)
    image = pulling.pull(call.home, name, platform=platform, settings=settings, progress=call.item)
    return inspecting.describe(call.home, image)


def push(call: Call, name: str, all_tags: bool, platform: str) -> list[str]:
    """An image to its registry; its digests. How far it is are items."""
    from cuddy.engine import push as pushing
    from cuddy.engine import registries

    return pushing.push(
        call.home, name, all_tags=all_tags, platform=platform,
        settings=registries.settings(os.environ), progress=call.item,
    )  # fmt: skip


def tag(call: Call, name: str, new_name: str) -> None:
    """One more name for an image."""
    from cuddy.engine import tag as tagging

    tagging.tag(call.home, name, new_name)


def remove_image(call: Call, name: str, force: bool) -> None:
    """A name, or the image."""
    from cuddy.engine import rmi

    rmi.rmi(call.home, name, force=force)


def load(call: Call) -> None:
    """The images of the archive that came along, as items."""
    from cuddy.engine import inspect_image as inspecting
    from cuddy.engine import load as loading

    for image_id in loading.load(call.home, call.fds[0]):
        call.item(inspecting.inspect_image(call.home, image_id))


def save(call: Call, names: list[str]) -> None:
    """Images to the descriptor that came along."""
    from cuddy.engine import save as saving

    saving.save(call.home, names, call.fds[0])


def prune_images(call: Call, unused: bool) -> Document:
    """Images that nothing uses."""
    from cuddy.engine import prune

    done = prune.prune_images(call.home, prune.parse_filters([], None, unused=unused))
    return {"names": [which for _, which in done.records], "freed_bytes": done.freed_bytes}


def create_volume(call: Call, name: str, labels: dict[str, str]) -> Document:
    """A volume, made if it is not there."""
    from cuddy.engine import volumes as store

    made = store.create(call.home, {"name": name, "labels": labels or None})
    return {**store.shown(made)}


def inspect_volume(call: Call, name: str) -> Document:
    """What is known of a volume."""
    from cuddy.engine import volumes as store

    return {**store.inspect(call.home, name)}


def volumes(call: Call) -> None:
    """What is known of each volume, as items."""
    from cuddy.engine import volumes as store

    for each in store.list_volumes(call.home):
        call.item(store.shown(each))


def remove_volume(call: Call, name: str, force: bool) -> None:
    """Away with a volume."""
    from cuddy.engine import volumes as store

    store.remove(call.home, name, force=force)


def prune_volumes(call: Call, all: bool) -> Document:
    """Away with those that no container has."""
    from cuddy.engine import prune_volumes as pruning

    filters, _ = pruning.parse_filters([])
    done = pruning.prune_volumes(call.home, filters, all=all)
    return {"names": done.names, "freed_bytes": done.freed_bytes}


def create_network(call: Call, name: str, internal: bool, labels: dict[str, str]) -> Document:
    """A new network."""
    from cuddy.engine import inspect_network as inspecting
    from cuddy.engine import networks as store
    from cuddy.engine.new_network import Wish

    store.create(call.home, Wish(name, internal=internal, labels=labels))
    return inspecting.inspect_network(call.home, name)


def inspect_network(call: Call, name: str) -> Document:
    """What is known of a network."""
    from cuddy.engine import inspect_network as inspecting

    return inspecting.inspect_network(call.home, name)


def networks(call: Call) -> None:
    """What is known of each network, as items."""
    from cuddy.engine import inspect_network as inspecting
    from cuddy.engine import networks as store

    for each in store.list_networks(call.home):
        call.item(inspecting.inspect_network(call.home, each.id))


def connect(call: Call, name: str, container: str, aliases: list[str]) -> None:
    """A container comes to a network."""
    from cuddy.engine import connect as connecting

    connecting.connect(call.home, name, container, {"Aliases": aliases} if aliases else {})


def disconnect(call: Call, name: str, container: str) -> None:
    """It leaves it."""
    from cuddy.engine import disconnect as disconnecting

    disconnecting.disconnect(call.home, name, container)


def remove_network(call: Call, name: str) -> None:
    """Away with a network."""
    from cuddy.engine import networks as store

    store.remove(call.home, name)


def prune_networks(call: Call) -> Document:
    """Away with those that no container is on."""
    from cuddy.engine import prune_filters
    from cuddy.engine import prune_networks as pruning

    return {"names": pruning.prune_networks(call.home, prune_filters.parse([], None)),
            "freed_bytes": 0}  # fmt: skip
