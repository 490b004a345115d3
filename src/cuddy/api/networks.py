"""/networks: list, inspect, create, remove, connect, disconnect, prune."""

from __future__ import annotations

from contextlib import contextmanager

from cuddy.api import fields
from cuddy.engine import (
    connect,
    disconnect,
    inspect_network,
    network_filters,
    networks,
    prune_filters,
    prune_networks,
)
from cuddy.engine.new_network import Wish
from cuddy.errors import Conflict, NoSuchNetwork
from cuddy.network import drivers
from cuddy.network.ipam import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.api.fields import Document
    from cuddy.api.http import Call
    from cuddy.engine.endpoint import EndpointConfig, IPAMConfig


@contextmanager
def forbidding() -> Iterator[None]:
    """What is in the way of a change of networks is forbidden with Docker, not a conflict."""
    try:
        yield
    except Conflict as error:
        error.http_status = 403
        raise


def list_networks(call: Call) -> None:
    """GET /networks. Who is on them, only `inspect` says."""
    with call.while_filtering():
        found = network_filters.select(call.home, call.filters())
    call.answer([inspect_network.document(each, {}) for each in found])


def inspect(call: Call) -> None:
    """GET /networks/{ref}."""
    if call.text("scope") in ("swarm", "global"):
        raise NoSuchNetwork(call.ref)
    call.answer(inspect_network.inspect_network(call.home, call.ref))


def create(call: Call) -> None:
    """POST /networks/create."""
    wish = read_wish(call.document())
    made = networks.create(call.home, wish)
    unknown = [] if wish.config_only else drivers.unknown_options(made)
    warnings = [f"option {name} means nothing to driver {made.driver}" for name in unknown]
    call.answer({"Id": made.id, "Warning": "; ".join(warnings)}, 201)


def read_wish(document: Document) -> Wish:
    """The network that is asked for. Pure. Raises InvalidArgument."""
    ipam = fields.mapping(document, "IPAM")
    return Wish(
        fields.text(document, "Name"),
        driver=fields.text(document, "Driver") or "bridge",
        pools=tuple(read_pool(each) for each in fields.mappings(ipam, "Config") if each),
        ipv4=fields.flag(document, "EnableIPv4", True),
        ipv6=fields.flag(document, "EnableIPv6"),
        internal=fields.flag(document, "Internal"),
        attachable=fields.flag(document, "Attachable"),
        ingress=fields.flag(document, "Ingress"),
        scope=fields.text(document, "Scope"),
        options=fields.labels(document, "Options"),
        labels=fields.labels(document, "Labels"),
        ipam_driver=fields.text(ipam, "Driver") or "default",
        ipam_options=fields.labels(ipam, "Options"),
        config_only=fields.flag(document, "ConfigOnly"),
        config_from=fields.text(fields.mapping(document, "ConfigFrom"), "Network"),
    )


def read_pool(document: Document) -> Pool:
    """One of IPAM.Config. Raises InvalidArgument."""
    return Pool(
        fields.text(document, "Subnet"),
        gateway=fields.text(document, "Gateway"),
        ip_range=fields.text(document, "IPRange"),
        auxiliary=fields.labels(document, "AuxiliaryAddresses"),
    )


def remove(call: Call) -> None:
    """DELETE /networks/{ref}."""
    with forbidding():
        networks.remove(call.home, call.ref)
    call.answer(status=204)


def join(call: Call) -> None:
    """POST /networks/{ref}/connect."""
    document = call.document()
    asked = read_endpoint(fields.mapping(document, "EndpointConfig"))
    with forbidding():
        connect.connect(call.home, call.ref, fields.text(document, "Container"), asked)
    call.answer()


def read_endpoint(document: Document) -> EndpointConfig:
    """What is asked of a network for one container, only what says something.

    Pure. Raises InvalidArgument.
    """
    found: EndpointConfig = {}
    if addresses := read_addresses(fields.mapping(document, "IPAMConfig")):
        found["IPAMConfig"] = addresses
    if aliases := fields.texts(document, "Aliases"):
        found["Aliases"] = aliases
    if links := fields.texts(document, "Links"):
        found["Links"] = links
    if mac := fields.text(document, "MacAddress"):
        found["MacAddress"] = mac
    if options := fields.labels(document, "DriverOpts"):
        found["DriverOpts"] = options
    if priority := fields.number(document, "GwPriority"):
        found["GwPriority"] = priority
    return found


def read_addresses(document: Document) -> IPAMConfig:
    """The addresses that are asked for. Pure. Raises InvalidArgument."""
    found: IPAMConfig = {}
    if ip := fields.text(document, "IPv4Address"):
        found["IPv4Address"] = ip
    if ip6 := fields.text(document, "IPv6Address"):
        found["IPv6Address"] = ip6
    if link_local := fields.texts(document, "LinkLocalIPs"):
        found["LinkLocalIPs"] = link_local
    return found


def leave(call: Call) -> None:
    """POST /networks/{ref}/disconnect."""
    document = call.document()
    name, force = fields.text(document, "Container"), fields.flag(document, "Force")
    with forbidding():
        disconnect.disconnect(call.home, call.ref, name, force=force)
    call.answer()


def prune(call: Call) -> None:
    """POST /networks/prune."""
    pairs = call.filters()
    filters = prune_filters.parse(pairs, prune_filters.until(pairs))
    names = prune_networks.prune_networks(call.home, filters)
    call.answer({"NetworksDeleted": names or None})
