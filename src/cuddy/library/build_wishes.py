"""What a program can ask of a build, and what that is to the builder. Pure but for where we are."""

from __future__ import annotations

import os

from cuddy.builder.options import BuildOptions
from cuddy.library.wishes import texts
from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any


class BuildWishes(TypedDict, total=False):
    """The settings of a build, all of them optional, with the words of `docker build`.

    Whatever has no key here goes into `options`; keys that are given count.
    """

    tags: str | Iterable[str]
    dockerfile: str | os.PathLike[str]
    target: str  # a stage
    build_args: Mapping[str, str | None]  # None: what the environment says
    build_contexts: Mapping[str, str]
    labels: Mapping[str, str]
    secrets: str | Iterable[str]  # as --secret has them
    platform: str
    network: str
    outputs: str | Iterable[str]  # as --output has them
    timestamp: int  # seconds since the epoch, of everything that is made
    pull: bool
    no_cache: bool
    options: BuildOptions


MEANINGS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "tags": ("tags", texts), "dockerfile": ("dockerfile", os.fspath),
    "platform": ("platforms", lambda value: (value,) if value else ()),
    "secrets": ("secrets", texts), "outputs": ("outputs", texts),
    "build_contexts": ("build_contexts", lambda value: _pairs(value)),
    "labels": ("labels", lambda value: _pairs(value)),
    "build_args": ("build_args", lambda value: _arguments(value)),
}  # fmt: skip
PLAIN = ("target", "network", "timestamp", "pull", "no_cache")


def options(context: str | os.PathLike[str], wishes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of BuildOptions. Raises TypeError."""
    start: BuildOptions = wishes.get("options") or BuildOptions("")
    found: dict[str, Any] = {"context": os.fspath(context)}
    for key, value in wishes.items():
        if key in MEANINGS:
            name, meaning = MEANINGS[key]
            found[name] = meaning(value)
        elif key in PLAIN:
            found[key] = value
        elif key != "options":
            raise TypeError(f"a build has no setting {key!r}")
    environment = start.environment or tuple(os.environ.items())
    return start._replace(environment=environment, **found)._asdict()


def _arguments(mapping: Mapping[str, str | None]) -> tuple[str, ...]:
    found = {
        name: os.environ.get(name) if value is None else value for name, value in mapping.items()
    }
    return _pairs({name: value for name, value in found.items() if value is not None})


def _pairs(mapping: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}={value}" for name, value in mapping.items())
