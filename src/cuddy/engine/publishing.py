"""Ports of a container in Docker's documents: what is exposed, what shall be published, what is.

Config.ExposedPorts        {"80/tcp": {}}
HostConfig.PortBindings    {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
NetworkSettings.Ports      {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "81/tcp": null}
"""

from __future__ import annotations

from cuddy import files
from cuddy.engine import container, endpoint
from cuddy.errors import (
    Conflict,
    CorruptContent,
    InvalidArgument,
    NoSuchContainer,
    PortInUse,
)
from cuddy.network import network as networks
from cuddy.network import ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.options import ContainerOptions
    from cuddy.network.network import Network
    from cuddy.network.ports import Binding
    from cuddy.network.publish import Published

Document = dict[str, "list[dict[str, str]] | None"]


def check(options: ContainerOptions) -> None:
    """Refuse what makes no sense. Raises InvalidArgument, Conflict."""
    if options.network.startswith("container:"):
        kind = "port exposing" if options.expose else "port publishing"
        raise Conflict(
            f"conflicting options: {kind} and the container type network mode",
            hint="publish the ports of the container that has the network",
        )
    for text in options.publish:
        ports.parse_publish(text)
    for text in options.expose:
        ports.parse_expose(text)


def discarded(home: Home, record: Container) -> list[str]:
    """What to say of a new container's ports that none of its networks can publish."""
    names = list(endpoint.asked(record))
    if names == ["host"]:
        return ["Published ports are discarded when using host network mode"]  # Docker's words
    if not names or "none" in names or networks.DEFAULT in names:
        return []
    found = [each for name in names if (each := networks.find(home.networks_dir, name))]
    if any(each.driver == "bridge" and not each.internal for each in found):
        return []
    closed = ", ".join(f"{x.name} ({'internal' if x.internal else x.driver})" for x in found)
    return [f"No port is published until a network leads in, unlike {closed}"]


def exposed(options: ContainerOptions, image: Mapping[str, Any]) -> dict[str, Any] | None:
    """Config.ExposedPorts: the image's, --expose's and the published ones; null without any."""
    found: dict[str, Any] = {key: {} for key in image.get("ExposedPorts") or {} if is_port(key)}
    found |= {str(port): {} for text in options.expose for port in ports.parse_expose(text)}
    found |= {str(wish.port): {} for text in options.publish for wish in ports.parse_publish(text)}
    return dict(sorted(found.items(), key=lambda item: ports.parse_port(item[0]))) or None


def is_port(key: object) -> bool:
    """Whether an image's word is a port at all; images may say anything."""
    try:
        return isinstance(key, str) and bool(ports.parse_port(key))
    except InvalidArgument:
        return False


def host_config(options: ContainerOptions) -> dict[str, Any]:
    """The fields of HostConfig."""
    wishes = [wish for text in options.publish for wish in ports.parse_publish(text)]
    return {
        "PortBindings": ports.bindings_document(wishes),
        "PublishAllPorts": options.publish_all,
    }


def wishes(record: Container) -> list[Binding]:
    """What shall be published, --publish-all included. Raises InvalidArgument."""
    document = record["HostConfig"].get("PortBindings") or {}
    found = ports.read_bindings(document)
    if record["HostConfig"].get("PublishAllPorts"):
        rest = [key for key in record["Config"].get("ExposedPorts") or {} if key not in document]
        found += [ports.Binding(ports.parse_port(key)) for key in rest]
    return found


def published_document(record: Container, published: Iterable[Published]) -> Document:
    """NetworkSettings.Ports of a running container."""
    found: Document = dict.fromkeys(record["Config"].get("ExposedPorts") or {})
    for entry in published:
        # On a routed network the container's own address is the place.
        number = str(entry.host_port or "")
        place = {"HostIp": entry.host_ip, "HostPort": number}
        found[str(entry.port)] = [*(found.get(str(entry.port)) or ()), place]
    return found


def read_published(document: Mapping[str, Any]) -> list[Published]:
    """What `published_document` made, in the other direction."""
    from cuddy.network import publish

    return [
        publish.Published(ports.parse_port(key), place["HostIp"], int(place["HostPort"] or 0))
        for key, places in document.items()
        for place in places or ()
    ]


def reserve(home: Home, record: Container, network: Network) -> tuple[list[Published], list[int]]:
    """Take the host's ports for a container that starts; the descriptors keep them.

    Raises PortInUse, SystemFailure.
    """
    wanted = wishes(record)
    if not wanted:
        return [], []
    from cuddy.network import publish

    try:
        return publish.reserve(wanted, publish.places(network))
    except publish.PortTaken as error:
        own = [each for each in wanted if is_same(each, error.wish)]
        hint = "it is asked for twice" if len(own) > 1 else holder(home, error.wish, record["Id"])
        raise PortInUse(error.message, hint=hint) from None


def is_same(one: Binding, other: Binding) -> bool:
    """Whether two wishes are for the same single port of the host."""
    place = (one.first, one.last, one.port.protocol)
    return place == (other.first, other.last, other.port.protocol) and one.first == one.last


def holder(home: Home, wish: Binding, own_id: str) -> str:
    """Who has a port of the host, told in words: a container, or a process."""
    if name := publishing_container(home, wish, own_id):
        return f"container {name} has it"
    from cuddy.network import reach

    numbers = range(wish.first, wish.last + 1)
    found = [each for each in reach.listeners(-1, wish.port.protocol) if each.port in numbers]
    for each in reach.with_owners(found, -1, lambda _: True):
        if each.pid:
            # A process calls itself what it likes.
            name = "".join(c if c.isprintable() else "?" for c in each.program)
            return f"{name} (pid {each.pid}) has it"
    return "another program of this host has it"


def publishing_container(home: Home, wish: Binding, own_id: str) -> str:
    """The name of the container that has published a port of the host; "" if none has."""
    numbers = {str(number) for number in range(wish.first, wish.last + 1)}
    for container_id in files.list_directory(home.containers_dir):
        try:
            record = container.read(home, container_id)
        except (NoSuchContainer, CorruptContent):
            continue
        published = record["NetworkSettings"].get("Ports") or {}
        taken = {
            entry["HostPort"]
            for key, entries in published.items()
            for entry in entries or ()
            if key.endswith(f"/{wish.port.protocol}")
        }
        if record["State"]["Running"] and numbers & taken and container_id != own_id:
            return container.display_name(record)
    return ""
