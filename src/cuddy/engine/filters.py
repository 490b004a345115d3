"""Filters of container lists, as `ps --filter` and the API have them.

Filters of one name widen each other (any may match), filters of different names narrow. Labels
narrow each other too, and `publish` and `expose` widen each other: Docker's rules (moby
daemon/list.go).
"""

from __future__ import annotations

from cuddy.engine import containers
from cuddy.engine.container import NEVER
from cuddy.errors import (
    CorruptContent,
    InvalidArgument,
    InvalidReference,
    NoSuchImage,
    WrongArguments,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

    Test = Callable[[Container], bool]
    Maker = Callable[[list[str]], Test]

STATUSES = ("created", "restarting", "running", "removing", "paused", "exited", "dead")
HEALTHS = ("healthy", "none", "starting", "unhealthy")
MAX_DIGITS = 18
"""Of an exit code; Python reads no number of thousands of them."""
NAMES = (
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label",
    "name", "network", "publish", "since", "status", "volume",
)  # fmt: skip


def select(home: Home, found: list[Container], filters: list[tuple[str, str]]) -> list[Container]:
    """Those of the containers that pass. Raises WrongArguments, NoSuchContainer."""
    tests = [_test(home, name, values) for name, values in _grouped(filters).items()]
    return [each for each in found if all(test(each) for test in tests)]


def asks_for_stopped(filters: list[tuple[str, str]]) -> bool:
    """Whether a filter lists containers that do not run as well, without being told to."""
    return any(name == "status" for name, _ in filters)


def _grouped(filters: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Values by name; publish and expose are one question. Raises WrongArguments."""
    grouped: dict[str, list[str]] = {}
    for name, value in filters:
        if name not in NAMES:
            raise WrongArguments(f"invalid filter '{name}'", hint=f"one of {', '.join(NAMES)}")
        if name in ("publish", "expose"):
            name, value = "port", f"{name}={value}"
        grouped.setdefault(name, []).append(value)
    return grouped


def _test(home: Home, name: str, values: list[str]) -> Test:
    """What a container must be to pass the filters of one name. Raises WrongArguments."""
    if name in ("before", "since"):
        return _made(home, name, values)
    if name == "ancestor":
        return _ancestor(home, values)
    return MAKERS[name](values)


def _made(home: Home, name: str, values: list[str]) -> Test:
    edges = [(edge["Created"], edge["Id"]) for edge in (containers.find(home, v) for v in values)]
    if name == "before":
        return lambda c: (c["Created"], c["Id"]) < min(edges)
    return lambda c: (c["Created"], c["Id"]) > max(edges)


def _ancestor(home: Home, values: list[str]) -> Test:
    """Containers of these images, and of those that were committed upon them."""
    # Imported here: few lists ask about images.
    from cuddy.engine import images
    from cuddy.image import naming

    wanted = set()
    for value in values:
        try:
            wanted.add(images.find(home, value).id)
        except (NoSuchImage, InvalidReference, CorruptContent):
            pass  # what no image is called has no containers either
    parents = naming.parents(home.storage)
    return lambda c: any(each in wanted for each in _line(c["Image"], parents))


def _line(image_id: str, parents: dict[str, str]) -> Iterable[str]:
    """An image and those it was made upon."""
    seen: set[str] = set()
    while image_id and image_id not in seen:
        seen.add(image_id)
        yield image_id
        image_id = parents.get(image_id, "")


def _exited(values: list[str]) -> Test:
    for value in values:
        if not value.removeprefix("-").isdecimal() or len(value) > MAX_DIGITS:
            raise WrongArguments(f"invalid filter 'exited={value}'", hint="a number: exited=137")
    codes = {int(value) for value in values}

    def test(container: Container) -> bool:
        state = container["State"]
        ended = not state["Running"] and state["StartedAt"] != NEVER
        return ended and state["ExitCode"] in codes

    return test


def _one_of(name: str, known: tuple[str, ...], read: Callable[[Container], str]) -> Maker:
    def make(values: list[str]) -> Test:
        for value in values:
            if value not in known:
                hint = f"one of {', '.join(known)}"
                raise WrongArguments(f"invalid filter '{name}={value}'", hint=hint)
        return lambda container: read(container) in values

    return make


def health(container: Container) -> str:
    """The state of a container's health, "none" without a check."""
    found = container["State"].get("Health") or {}
    return found.get("Status") or "none"


def _name(values: list[str]) -> Test:
    """Docker's names are matched as regular expressions, with their slash or without."""
    # Imported here: lists are asked for without it.
    from cuddy.engine import regexps

    matches = [regexps.of_name(value) for value in values]

    def test(container: Container) -> bool:
        name = container["Name"]
        return any(match(name) or match(name[1:]) for match in matches)

    return test


def _label(values: list[str]) -> Test:
    def test(container: Container) -> bool:
        labels = container["Config"].get("Labels") or {}
        for value in values:
            key, equals, wanted = value.partition("=")
            if key not in labels or (equals and labels[key] != wanted):
                return False
        return True

    return test


def _volume(values: list[str]) -> Test:
    """By where it is mounted, or by the volume's name; a bind's is its source."""
    return lambda c: any(
        mount["Destination"] in values or (mount.get("Name") or mount["Source"]) in values
        for mount in c.get("Mounts") or ()
    )


def _network(values: list[str]) -> Test:
    """By name, or by the beginning of the network's id."""

    def test(container: Container) -> bool:
        networks = networks_of(container)
        ids = [(facts or {}).get("NetworkID") or "" for facts in networks.values()]
        return any(
            value in networks or any(each.startswith(value) for each in ids) for value in values
        )

    return test


def networks_of(container: Container) -> dict[str, dict[str, str] | None]:
    """The networks that a container is or will be in."""
    known: dict[str, dict[str, str] | None] = (
        container.get("NetworkSettings", {}).get("Networks") or {}
    )
    wishes, mode = container.get("Networks"), container["HostConfig"]["NetworkMode"]
    if wishes is None:
        return known or ({} if mode.startswith("container:") else {mode: None})
    is_up = container["State"]["Running"] and known
    return known if is_up else {name: known.get(name) for name in wishes}


def _is_task(values: list[str]) -> Test:
    """Tasks are Swarm's: nothing here is one."""
    if wrong := [each for each in values if each not in ("true", "false", "1", "0")]:
        raise WrongArguments(f"invalid filter 'is-task=[{wrong[0]}]'", hint="true or false")
    return lambda container: bool({"false", "0"} & set(values))


def _port(values: list[str]) -> Test:
    """Whether one of these ports is published, or exposed."""
    from cuddy.engine import ports
    from cuddy.network import ports as grammar

    wanted = {"publish": set[tuple[int, str]](), "expose": set[tuple[int, str]]()}
    for name, _, value in (each.partition("=") for each in values):
        numbers, _, protocol = value.partition("/")
        try:
            span = grammar.parse_range(numbers, "port")
        except InvalidArgument as error:
            message = f"invalid filter '{name}={value}': {error.message}"
            raise WrongArguments(message, hint="a port: 80, 80-90, 53/udp") from None
        kind = protocol.lower() or "tcp"
        wanted[name] |= {(number, kind) for number in range(span.first, span.last + 1)}

    def test(container: Container) -> bool:
        return any(
            (port.public, port.protocol) in wanted["publish"]
            or (port.private, port.protocol) in wanted["expose"]
            for port in ports.summarize(container["NetworkSettings"].get("Ports"))
        )

    return test


MAKERS: dict[str, Maker] = {
    "exited": _exited,
    "health": _one_of("health", HEALTHS, health),
    "id": lambda values: lambda c: any(value and c["Id"].startswith(value) for value in values),
    "is-task": _is_task,
    "isolation": lambda values: lambda container: True,  # Windows has several kinds
    "label": _label,
    "name": _name,
    "network": _network,
    "port": _port,
    "status": _one_of("status", STATUSES, lambda container: container["State"]["Status"]),
    "volume": _volume,
}
