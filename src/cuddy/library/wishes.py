"""What a program can ask of a new container, and what that is to the engine. Pure."""

from __future__ import annotations

import os

from cuddy import sizes
from cuddy.errors import InvalidArgument
from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from cuddy.engine.options import ContainerOptions

    Meanings = Mapping[str, tuple[str, Callable[[Any], object]]]


class Wishes(TypedDict, total=False):
    """The settings of a new container, all of them optional. The words are those of `docker run`.

    Whatever has no key here goes into `options`, field by field as `cuddy.engine.options` lists
    them; keys that are given count.
    """

    name: str
    entrypoint: str | Sequence[str]  # replaces the image's
    env: Mapping[str, str]
    labels: Mapping[str, str]
    user: str | int  # NAME or UID, with :GROUP or :GID if you like
    workdir: str  # absolute, inside
    hostname: str
    volumes: Mapping[str, str] | Iterable[str]  # {"./src": "/src:ro"} or ["./src:/src:ro"]
    tmpfs: Iterable[str]  # TARGET[:OPTIONS]
    read_only: bool  # its root
    network: str  # "bridge" (the usual one), "none", "host", or a network's name
    # {80: 8080}: inside: here; 0: any that is free
    ports: Mapping[int, int | str] | Mapping[str, int | str] | Iterable[str]
    egress: str | Iterable[str]  # "none", "allow:pypi.org", ...
    memory: int | str  # bytes, or "64m"
    cpus: float
    pids: int  # so many processes and threads
    privileged: bool
    cap_add: Iterable[str]
    cap_drop: Iterable[str]
    devices: Iterable[str]  # HOST[:CONTAINER][:rwm]
    init: bool  # a first process that reaps and hands signals on
    restart: str  # "no", "always", "unless-stopped", "on-failure[:N]"
    tty: bool
    interactive: bool  # it has an input, which `attach` can write to
    pull: str  # "missing" (the usual one), "always", "never"
    platform: str  # OS/ARCHITECTURE
    options: ContainerOptions


def texts(value: str | Iterable[str]) -> tuple[str, ...]:
    """One text is one, and not its letters."""
    return (value,) if isinstance(value, str) else tuple(value)


def pairs(filters: Mapping[str, str | Sequence[str]] | None) -> list[tuple[str, str]]:
    """Filters, one value each."""
    return [(name, value) for name, values in (filters or {}).items() for value in texts(values)]


def limits(
    *, memory: int | str | None, cpus: float | None, pids: int | None, restart: str
) -> dict[str, object]:
    """The fields of UpdateOptions that say something. Raises InvalidArgument."""
    given = {"memory": memory, "cpus": cpus, "pids": pids, "restart": restart or None}
    return meant({key: value for key, value in given.items() if value is not None})


def pattern(text: str | re.Pattern[str]) -> list[object]:
    """What is looked for in a log, as a regular expression and its flags; nothing for ""."""
    if not isinstance(text, str):
        return [text.pattern, text.flags]
    import re

    return [re.escape(text), 0] if text else []


def over(usual: Wishes, given: Wishes) -> Wishes:
    """What is wished for, over what is usual; labels and variables of both."""
    both: Wishes = {**usual, **given}
    if labels := {**usual.get("labels", {}), **given.get("labels", {})}:
        both["labels"] = labels
    if env := {**usual.get("env", {}), **given.get("env", {})}:
        both["env"] = env
    return both


def assignments(value: Mapping[str, str]) -> tuple[str, ...]:
    """Variables, labels and their like: NAME=TEXT."""
    return tuple(f"{name}={text}" for name, text in value.items())


def _volumes(value: Mapping[str, str] | Iterable[str]) -> tuple[str, ...]:
    if not hasattr(value, "items"):
        return tuple(_absolute(text) for text in texts(value))
    return tuple(_absolute(f"{os.fspath(s)}:{target}") for s, target in value.items())


def _absolute(volume: str) -> str:
    """A source that is a path from here: the process behind us is elsewhere."""
    source, colon, rest = volume.partition(":")
    is_path = colon and (source.startswith((".", "~")) or "/" in source)
    return f"{os.path.abspath(os.path.expanduser(source))}:{rest}" if is_path else volume


def _ports(value: Mapping[Any, int | str] | Iterable[str]) -> tuple[str, ...]:
    if not hasattr(value, "items"):
        return texts(value)
    return tuple(f"{here}:{inside}" if here else str(inside) for inside, here in value.items())


def _memory(value: int | str) -> int:
    if isinstance(value, int):
        return value
    try:
        return sizes.parse(value)
    except ValueError as error:
        raise InvalidArgument(f"memory: {error}", hint='bytes, or a text like "64m"') from None


MEANINGS: Meanings = {
    "entrypoint": ("entrypoint", texts),
    "env": ("env", assignments),
    "labels": ("labels", assignments),
    "user": ("user", str),
    "volumes": ("volumes", _volumes),
    "tmpfs": ("tmpfs", texts),
    "ports": ("publish", _ports),
    "egress": ("egress", texts),
    "memory": ("memory", _memory),
    "cpus": ("nano_cpus", lambda cpus: round(cpus * 10**9)),
    "pids": ("pids_limit", int),
    "cap_add": ("cap_add", texts),
    "cap_drop": ("cap_drop", texts),
    "devices": ("devices", texts),
}
"""Key: the field of ContainerOptions, and how its value is got."""
PLAIN = (
    "name", "workdir", "hostname", "read_only", "network", "privileged", "init", "restart", "tty",
    "interactive", "pull", "platform",
)  # fmt: skip


def fields(image: str, command: str | Sequence[str], wishes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of ContainerOptions that say something. Raises TypeError, InvalidArgument."""
    found: dict[str, Any] = {}
    if options := wishes.get("options"):
        usual = type(options)._field_defaults
        found |= {k: v for k, v in options._asdict().items() if usual.get(k, not v) != v}
    found |= check(wishes)
    return found | {"image": image, "command": words(command)}


def check(wishes: Mapping[str, Any]) -> dict[str, object]:
    """What all but `options` means. Raises TypeError, InvalidArgument."""
    return meant({key: value for key, value in wishes.items() if key != "options"})


def meant(
    wishes: Mapping[str, Any], meanings: Meanings = MEANINGS, plain: Sequence[str] = PLAIN,
    of: str = "a container",
) -> dict[str, object]:  # fmt: skip
    """The same as fields of the engine's options. Raises TypeError, InvalidArgument.

    `plain`: what is a field of the same name. `of`: what it is that has such settings.
    """
    found: dict[str, object] = {}
    for key, value in wishes.items():
        if key in meanings:
            name, meaning = meanings[key]
            found[name] = meaning(value)
        elif key in plain:
            found[key] = value
        else:
            raise TypeError(f"{of} has no setting {key!r}")
    return found


def words(command: str | Sequence[str]) -> list[str]:
    """A command as words: one text is split as a shell would split it, and no shell runs it."""
    if not isinstance(command, str):
        return [os.fspath(word) for word in command]
    import shlex

    try:
        return shlex.split(command)
    except ValueError as error:
        message = f"the command {command!r} cannot be split: {error}"
        hint = "close the quotation, or give a list of words"
        raise InvalidArgument(message, hint=hint) from None
