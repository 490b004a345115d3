"""Calls that make containers, on the side of the process that does it."""

from __future__ import annotations

import _socket
import os

from cuddy.engine import attach, create, monitor, names, options, start
from cuddy.engine.nursery import Nursery
from cuddy.engine.options import ContainerOptions
from cuddy.engine.owner import Owner
from cuddy.errors import NoSuchImage
from cuddy.library import speech
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.library.serving import Call


def run(call: Call, options: dict[str, Any], stdin: bool) -> None:
    """Make a container, have it run to its end with its streams on the call, and remove it.

    This process is its monitor, and the program the first of its clients: nobody is between them.
    It answers when the container is gone for everybody; only then its files go.
    """
    container_id = names.generate_id()
    warnings: list[str] = []
    try:
        make(call.home, read_options(options), container_id, warnings)
        begun = start.start_here(call.home, container_id, call.settle)
    except BaseException:
        discard(call.home, container_id)
        raise
    wants = attach.wishes(stdin=stdin, stdout=True, stderr=True)
    sock = _socket.socket(fileno=_socket.dup(call.socket.fileno()))

    def answer_of(outcome: dict[str, object]) -> bytes:
        call.is_answered = True
        found = {**outcome, "Warnings": [*warnings, *begun.warnings]}
        return speech.encode(speech.DONE, found)

    monitor.attend(call.home, begun, Owner(sock, wants, call.decoder, call.unread, answer_of))


def create_(call: Call, options: dict[str, Any]) -> dict[str, Any]:
    """Make a container; what is known of it."""
    from cuddy.engine import inspect

    container_id = names.generate_id()
    warnings: list[str] = []
    make(call.home, read_options(options), container_id, warnings)
    return {**inspect.inspect_container(call.home, container_id), "Warnings": warnings}


def launch(call: Call, options: dict[str, Any]) -> dict[str, Any]:
    """Make a container and start it; what is known of it."""
    return begin(call, read_options(options))


def begin(call: Call, wanted: ContainerOptions) -> dict[str, Any]:
    """The same of options that are read."""
    from cuddy.engine import inspect

    nursery = Nursery()
    container_id = names.generate_id()
    warnings: list[str] = []
    try:
        make(call.home, wanted, container_id, warnings)
        warnings += start.start(call.home, container_id, nursery=nursery)
        return {**inspect.inspect_container(call.home, container_id), "Warnings": warnings}
    except BaseException:
        discard(call.home, container_id)
        raise
    finally:
        nursery.close()


def read_options(given: dict[str, Any]) -> ContainerOptions:
    """The options of a new container, as they came; what the machine's config.toml says counts
    where the program has said nothing.
    """
    return ContainerOptions(**{**options.configured(os.environ), **speech.with_tuples(given)})


def make(home: Home, wanted: ContainerOptions, container_id: str, warnings: list[str]) -> None:
    """Create the container, from an image that is here or else from its registry's."""
    try:
        create.create(home, wanted, container_id=container_id, warn=warnings.append)
        return
    except NoSuchImage as error:
        if wanted.pull == "never" or error.name != wanted.image:
            raise
    from cuddy.engine import registries

    settings = registries.settings(os.environ)
    create.create(home, wanted, settings=settings, container_id=container_id, warn=warnings.append)


def discard(home: Home, container_id: str) -> None:
    """Remove a container that came to nothing, as far as it is there."""
    from cuddy.engine import rm

    undo = Undo()
    undo.add(rm.rm, home, container_id, force=True, volumes=True)
    undo.run()
