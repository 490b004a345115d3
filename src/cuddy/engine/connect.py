"""Connect: a container is on another network from now on, running or not."""

from __future__ import annotations

import os

from cuddy.engine import (
    connection,
    container,
    containers,
    endpoint,
    etc_files,
    events,
    live_netns,
    live_network,
    live_ports,
    liveness,
    network_wishes,
    ready_network,
    stray_links,
)
from cuddy.errors import Conflict, InvalidArgument, NotRunning, SystemFailure
from cuddy.kernel import namespaces
from cuddy.network import drivers
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.engine.connection import Place
    from cuddy.engine.container import Container
    from cuddy.engine.endpoint import EndpointConfig
    from cuddy.engine.home import Home
    from cuddy.network.network import Network


def connect(home: Home, network_ref: str, container_ref: str, asked: EndpointConfig) -> None:
    """Put a container on a network, with what is `asked` of it.

    Raises NoSuchNetwork, NoSuchContainer, Conflict, InvalidArgument, SystemFailure.
    """
    network = network_wishes.find(home, network_ref)
    container_id = containers.find_id(home, container_ref)
    with container.lock(home, container_id, container_ref):
        record = containers.read(home, container_id, locked=True)
        check(record, network)
        network_wishes.check(network, asked)
        before = endpoint.asked(record)
        if asked.get("DriverOpts"):
            check_name(record, asked, before)
        with Undo() as undo:
            # First the wish: killed after it, the container is there from its next start on.
            undo.add(live_network.keep, home, container_id, before)
            live_network.keep(home, container_id, before | {network.name: asked})
            if live_network.is_up(record):
                try:
                    network = attach_there(home, record, network, asked).network
                except OSError as error:
                    what = f"cannot connect {container_ref} to network {network.name}"
                    raise SystemFailure.from_os(what, error) from error
                events.emit_network(home, "connect", network, container_id)


def check(record: Container, network: Network) -> None:
    """Whether the two can come together at all, in Docker's words. Raises Conflict."""
    mode = record["HostConfig"]["NetworkMode"]
    if mode == "host" or mode.startswith("container:"):
        raise Conflict(
            "container sharing network namespace with another container or host cannot be"
            " connected to any other network",
            hint="" if mode == "host" else "connect the other container",
        )
    if network.name == "host":
        message = "container cannot be disconnected from host network or connected to host network"
        raise Conflict(message, hint="'cuddy run --network host' makes one that is")
    if "none" in (*endpoint.asked(record), network.name):
        raise Conflict(
            "container cannot be connected to multiple networks with one of the networks in"
            " private (none) mode",
            hint="disconnect it from none first",
        )
    known = endpoint.facts(record) if live_network.is_up(record) else endpoint.asked(record)
    if network.name in known:
        name = container.display_name(record)
        raise Conflict(f"endpoint with name {name} already exists in network {network.name}")
    if record["State"]["Status"] in ("dead", "removing"):
        raise InvalidArgument(f"container {container.display_name(record)} is being removed")


def check_name(
    record: Container, asked: EndpointConfig, before: Mapping[str, EndpointConfig]
) -> None:
    """No other link of the container has the name that is asked for. Raises Conflict."""
    from cuddy.engine import link_options

    facts = endpoint.facts(record) if live_network.is_up(record) else {}
    taken = [link for each in facts.values() if (link := each.get("Link"))]
    names = [name for config in before.values() if (name := link_options.name_of(config))]
    link_options.check_names((asked,), (*taken, *names))


def attach_there(home: Home, record: Container, network: Network, asked: EndpointConfig) -> Place:
    """Attach where the links are."""
    if namespaces.is_initial("user"):
        return attach(home, record, network, asked)
    # Imported here: root's are on the host.
    from cuddy.engine import rootless_network

    return rootless_network.change(home, record, lambda: attach(home, record, network, asked))


def attach(home: Home, record: Container, network: Network, asked: EndpointConfig) -> Place:
    """Give a running container another link, and lead everything where it belongs then."""
    network = ready_network.prepare(home, network.name)
    before = live_network.places(home, record)
    netns_fd = live_netns.open_of(home, record)
    try:
        stray_links.sweep(home, record, netns_fd)
        with Undo() as undo:
            undo.add(live_network.release, home, record["Id"], network)
            asked_names = live_network.asked_names(record)
            slot = live_network.free_slot(record["Id"], netns_fd, asked_names)
            place = connection.join(home, record, network, asked, netns_fd, slot, alone=not before)
            undo.add(drivers.of(network).detach, network, place.endpoint, netns_fd)
            # The monitor gives back what is leased when the container ends, but not later.
            if not liveness.monitor_lives(home.run_dir(record["Id"])):
                raise NotRunning(record["Id"][:12])
            after = (*before, place)
            # Undone before the address is given back: nothing may lead there then.
            undo.add(live_ports.follow, home, record, after, before)
            published = live_ports.follow(home, record, before, after)
            undo.add(live_network.lead, record, after, before, netns_fd)
            live_network.lead(record, before, after, netns_fd)
            was_asking = connection.asks_resolver(record, before)
            connection.serve_names(home, record, after, netns_fd, record["State"]["Pid"])
            live_network.note(home, record, after, published)
    finally:
        os.close(netns_fd)
    etc_files.add_endpoint(record, place.endpoint)
    if connection.asks_resolver(record, after) and not was_asking:
        etc_files.renew_resolver(record, asks_resolver=True)
    return place
