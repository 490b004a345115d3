"""What a program can ask of a build, and what that is to the builder. Pure but for where we are."""

from __future__ import annotations

import os

from cuddy.builder.options import BuildOptions
from cuddy.library.wishes import assignments, meant, texts
from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cuddy.library.wishes import Meanings


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


MEANINGS: Meanings = {
    "tags": ("tags", texts), "dockerfile": ("dockerfile", os.fspath),
    "platform": ("platforms", lambda value: (value,) if value else ()),
    "secrets": ("secrets", texts), "outputs": ("outputs", texts),
    "build_contexts": ("build_contexts", assignments), "labels": ("labels", assignments),
    "build_args": ("build_args", lambda value: _arguments(value)),
}  # fmt: skip
PLAIN = ("target", "network", "timestamp", "pull", "no_cache")


def options(context: str | os.PathLike[str], wishes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of BuildOptions. Raises TypeError."""
    start: BuildOptions = wishes.get("options") or BuildOptions("")
    given = {key: value for key, value in wishes.items() if key != "options"}
    found: dict[str, Any] = meant(given, MEANINGS, PLAIN, "a build")
    environment = start.environment or tuple(os.environ.items())
    found |= {"context": os.fspath(context), "environment": environment}
    return start._replace(**found)._asdict()


def _arguments(mapping: Mapping[str, str | None]) -> tuple[str, ...]:
    found = {
        name: os.environ.get(name) if value is None else value for name, value in mapping.items()
    }
    return assignments({name: value for name, value in found.items() if value is not None})
