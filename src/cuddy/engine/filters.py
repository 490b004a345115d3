"""Filters of container lists, as `ps --filter` and the API have them.

Filters of one name widen each other (any may match), filters of different names narrow. Labels
narrow each other too: Docker's rule.
"""

from __future__ import annotations

from cuddy.engine import containers
from cuddy.errors import WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

    Test = Callable[[Container, str], bool]

STATUSES = ("created", "restarting", "running", "removing", "paused", "exited", "dead")


def select(home: Home, found: list[Container], filters: list[tuple[str, str]]) -> list[Container]:
    """Those of the containers that pass. Raises WrongArguments, NoSuchContainer."""
    for name, value in filters:
        check(name, value)
        if name in ("before", "since"):
            edge = containers.find(home, value)["Created"]
            found = [c for c in found if (c["Created"] < edge) == (name == "before")]
            found = [c for c in found if c["Created"] != edge]
    wanted: dict[str, list[str]] = {}
    for name, value in filters:
        if name in TESTS:
            wanted.setdefault(name, []).append(value)
    return [c for c in found if all(_passes(c, name, values) for name, values in wanted.items())]


def check(name: str, value: str) -> None:
    """The filter exists, and its value can be meant."""
    if name not in TESTS and name not in ("before", "since"):
        hint = f"one of {', '.join(sorted([*TESTS, 'before', 'since']))}"
        raise WrongArguments(f"invalid filter '{name}'", hint=hint)
    if name == "status" and value not in STATUSES:
        hint = f"one of {', '.join(STATUSES)}"
        raise WrongArguments(f"invalid filter 'status={value}'", hint=hint)
    if name == "exited" and not value.lstrip("-").isdecimal():
        raise WrongArguments(f"invalid filter 'exited={value}'", hint="a number")


def asks_for_stopped(filters: list[tuple[str, str]]) -> bool:
    """Whether a filter makes sense only if containers that do not run are listed too."""
    return any(name in ("status", "exited") for name, _ in filters)


def _passes(container: Container, name: str, values: list[str]) -> bool:
    how = all if name == "label" else any
    return how(TESTS[name](container, value) for value in values)


def _name(container: Container, value: str) -> bool:
    own = container["Name"]
    if value.replace("_", "").replace("-", "").isalnum():
        return value in own
    import re  # a pattern: Docker's names are matched as regular expressions

    try:
        return re.search(value, own[1:]) is not None or re.search(value, own) is not None
    except re.error as error:
        raise WrongArguments(f"invalid filter 'name={value}': {error}") from None


def _label(container: Container, value: str) -> bool:
    key, equals, wanted = value.partition("=")
    labels = container["Config"].get("Labels") or {}
    return key in labels and (not equals or labels[key] == wanted)


def _exited(container: Container, value: str) -> bool:
    state = container["State"]
    return state["Status"] == "exited" and state["ExitCode"] == int(value)


def _ancestor(container: Container, value: str) -> bool:
    image = container["Config"].get("Image", "")
    digest = container["Image"]
    names = {image, image.removesuffix(":latest"), digest, digest.removeprefix("sha256:")}
    return value.removesuffix(":latest") in names or (
        len(value) >= 12 and digest.removeprefix("sha256:").startswith(value)
    )


def _volume(container: Container, value: str) -> bool:
    mounts = container.get("Mounts") or []
    return any(value in (m.get("Name"), m.get("Source"), m["Destination"]) for m in mounts)


TESTS: dict[str, Test] = {
    "ancestor": _ancestor,
    "exited": _exited,
    "id": lambda container, value: container["Id"].startswith(value),
    "label": _label,
    "name": _name,
    "network": lambda container, value: container["HostConfig"]["NetworkMode"] == value,
    "status": lambda container, value: container["State"]["Status"] == value,
    "volume": _volume,
}
