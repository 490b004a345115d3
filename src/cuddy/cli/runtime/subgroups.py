"""`exec --cgroup`: the groups below the container's that a process is to run in."""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument
from cuddy.kernel.cgroup import Cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def find(words: Iterable[str], paths: Mapping[str, str]) -> Cgroup:
    """A group of `[controller[,controller...]:]path`, each below the container's own.

    A path without controllers is meant in every hierarchy. Raises InvalidArgument.
    """
    found = dict(paths)
    changed: set[str] = set()
    for word in words:
        controllers, colon, path = word.rpartition(":")
        if colon and not all(controllers.split(",")):
            raise InvalidArgument(f"invalid --cgroup argument: {word} (empty <controller> prefix)")
        for name in controllers.split(",") if colon else paths:
            if name not in paths:
                raise InvalidArgument(f"invalid --cgroup argument: unknown controller {name}")
            if name in changed:
                raise InvalidArgument(
                    f"invalid --cgroup argument(s): controller {name} specified multiple times"
                )
            changed.add(name)
            found[name] = below(paths[name], path)
    return Cgroup(found)


def below(directory: str, path: str) -> str:
    """An existing group below another. Raises InvalidArgument."""
    joined = os.path.normpath(f"{directory}/{path}")
    if joined != directory and not joined.startswith(f"{directory}/"):
        raise InvalidArgument(f"bad sub cgroup path: {path}")
    if not os.path.isdir(joined):
        raise InvalidArgument(f"error adding pid to sub cgroup {path}: no such file or directory")
    return joined
