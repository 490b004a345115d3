"""--link NAME[:ALIAS]: another container's address and variables, by a name of one's own.

Docker's way of old, before networks had names; what it tells is what is so at the start. The names
go into /etc/hosts, the rest into the environment (docs.docker.com/engine/network/links).
"""

from __future__ import annotations

from cuddy.engine import container, containers, names
from cuddy.errors import Conflict, InvalidArgument, NoSuchContainer
from cuddy.network import ports
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.options import ContainerOptions

OWN_VARIABLES = ("PATH", "HOSTNAME", "TERM", "HOME")
"""What of the other's environment is not told: it is nobody else's business."""


class Link(NamedTuple):
    """Another container, and what it is called here."""

    name: str
    alias: str


def parse(text: str) -> Link:
    """`--link NAME[:ALIAS]`. Raises InvalidArgument."""
    name, colon, alias = text.partition(":")
    if ":" in alias or not name:
        raise InvalidArgument(f"bad format for links: {text}", hint="--link NAME:ALIAS")
    alias = (alias if colon else "") or name.removeprefix("/")
    names.check(alias)
    return Link(name, alias)


def check(options: ContainerOptions) -> None:
    """Refuse what makes no sense. Raises InvalidArgument, Conflict."""
    links = [parse(text) for text in options.links]
    if links and options.network == "host":
        raise Conflict(
            "conflicting options: host type networking can't be used with links",
            hint="a container on the host's network reaches the others by their addresses",
        )
    if links and options.network == "none":
        raise Conflict("links need a network, not 'none'", hint="leave --network out")


def find(home: Home, options: ContainerOptions) -> list[str]:
    """HostConfig.Links: "/name:/alias". Raises NoSuchContainer."""
    found = []
    for link in map(parse, options.links):
        record = containers.find(home, link.name)
        found.append(f"{record['Name']}:/{link.alias}")
    return found


def shown(record: Mapping[str, Any]) -> list[str]:
    """HostConfig.Links as Docker shows them: "/name:/container/alias"."""
    pairs = (text.partition(":/") for text in record["HostConfig"].get("Links") or ())
    return [f"{name}:{record['Name']}/{alias}" for name, _, alias in pairs]


def aliases(linking: Iterable[Container]) -> dict[str, list[str]]:
    """What these containers call others: "/db" -> ["/web/db"]."""
    found: dict[str, list[str]] = {}
    for record in linking:
        for text in record["HostConfig"]["Links"]:
            name, _, alias = text.partition(":/")
            found.setdefault(name, []).append(f"{record['Name']}/{alias}")
    return found


def remove(home: Home, path: str) -> None:
    """Take a link from a container: NAME/ALIAS. Raises NoSuchContainer, Conflict."""
    name, slash, alias = path.removeprefix("/").rpartition("/")
    if not slash:
        message = "Conflict, cannot remove the default link name of the container"
        raise Conflict(message, hint="CONTAINER/ALIAS")
    container_id = containers.find_id(home, name)

    def change(record: Container) -> None:
        config = record["HostConfig"]
        kept = [each for each in config["Links"] or () if not each.endswith(f":/{alias}")]
        if len(kept) == len(config["Links"] or ()):
            raise NoSuchContainer(path)
        config["Links"] = kept

    with container.lock(home, container_id, name):
        container.change_record(home, container_id, change)


def resolve(home: Home, record: Container) -> list[tuple[Link, Container]]:
    """The containers a starting one is linked to. Raises Conflict for one that does not run."""
    found = []
    for text in record["HostConfig"].get("Links") or ():
        name, _, alias = text.partition(":/")
        other = containers.find(home, name)
        if not address(other):
            raise Conflict(
                f"Cannot link to a non running container: {name} AS /{alias}",
                hint=f"'cuddy start {name[1:]}' first",
            )
        found.append((Link(name, alias), other))
    return found


def hosts(links: list[tuple[Link, Container]]) -> list[tuple[str, str]]:
    """Names and the addresses they stand for, as /etc/hosts has them."""
    return [
        (name, address(other))
        for link, other in links
        for name in dict.fromkeys((link.alias, other["Id"][:12], container.display_name(other)))
    ]


def variables(own_name: str, links: list[tuple[Link, Container]]) -> list[str]:
    """DB_NAME, DB_PORT, DB_PORT_5432_TCP_ADDR ... DB_ENV_KEY for a link with the alias `db`."""
    found = []
    for link, other in links:
        prefix = link.alias.replace("-", "_").upper()
        found.append(f"{prefix}_NAME={own_name}/{link.alias}")
        exposed = sorted(map(ports.parse_port, other["Config"].get("ExposedPorts") or ()))
        if exposed:
            found.append(f"{prefix}_PORT={url(exposed[0], other)}")
        for port in exposed:
            stem = f"{prefix}_PORT_{port.number}_{port.protocol.upper()}"
            found += [
                f"{stem}={url(port, other)}",
                f"{stem}_ADDR={address(other)}",
                f"{stem}_PORT={port.number}",
                f"{stem}_PROTO={port.protocol}",
            ]
        for entry in other["Config"].get("Env") or ():
            key, equals, value = entry.partition("=")
            if equals and key not in OWN_VARIABLES:
                found.append(f"{prefix}_ENV_{key}={value}")
    return found


def url(port: ports.Port, other: Container) -> str:
    """A port as the variables name it."""
    return f"{port.protocol}://{address(other)}:{port.number}"


def address(other: Container) -> str:
    """A container's address; "" when it has none now."""
    running = other["State"]["Running"]
    return (other["NetworkSettings"].get("IPAddress") or "") if running else ""
