"""Networks as the user knows them: found, listed, made and removed.

They come and go under one lock of the Home. A network is there as soon as its record is, and its
link is made right after; should a kill come in between, the link is made with the first container.
Removal has the network's leases locked as well: whoever is on it keeps it, and nobody comes while
it goes. The link goes first, so that what a kill leaves is a network that can be removed again.
"""

from __future__ import annotations

import _socket

from cuddy import files
from cuddy.engine import (
    container,
    endpoint,
    events,
    liveness,
    names,
    new_network,
    ready_network,
    stray_links,
)
from cuddy.errors import (
    Conflict,
    CorruptContent,
    InUse,
    NoSuchContainer,
    NoSuchNetwork,
    NotPermitted,
    SystemFailure,
)
from cuddy.kernel import namespaces, netlink, rtnetlink
from cuddy.network import bridge, bridge_options, drivers, ipam, parent_link, subnets
from cuddy.network import network as records
from cuddy.network.network import Network
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cuddy.engine.home import Home
    from cuddy.engine.new_network import Wish
    from cuddy.kernel.netlink import Socket

ATTEMPTS = 8
"""So often a subnet is chosen that another Home takes at the same moment."""


def find(home: Home, ref: str) -> Network:
    """A network by its name, its id, or the beginning of its id, in this order.

    Raises NoSuchNetwork, InvalidArgument when the beginning is that of several.
    """
    found = records.find(home.networks_dir, ref)
    if found is None:
        raise NoSuchNetwork(ref)
    return found


def list_networks(home: Home) -> list[Network]:
    """All networks by name, and those that are always there among them."""
    found = {each.name: each for each in records.read_all(home.networks_dir)}
    for name in records.PREDEFINED:
        found.setdefault(name, records.predefined(home.networks_dir, name))
    return [found[name] for name in sorted(found)]


def create(home: Home, wish: Wish) -> Network:
    """Make a network, and its link at once. Raises what `new_network.check` does, SystemFailure."""
    new_network.check(wish)
    if not namespaces.is_initial("user"):
        # Imported here, as below: root's networks are the machine's.
        from cuddy.engine import rootless_network

        rootless_network.check_network(wish)
    run_dir = home.networks_run_dir
    for directory in (home.networks_dir, run_dir):
        files.make_directory(directory)
    with records.lock(run_dir):
        records.sweep_leases(run_dir, home.networks_dir)
        others = records.read_all(home.networks_dir)
        if any(each.name == wish.name for each in others):
            hint = f"'cuddy network rm {wish.name}' removes it"
            raise Conflict(f"network with name {wish.name} already exists", hint=hint)
        if wish.config_from:
            source = next((each for each in others if each.name == wish.config_from), None)
            wish = new_network.configured(wish, source)
            new_network.check(wish._replace(config_from=""))
        made = _make(home, wish, others)
    events.emit_network(home, "create", made)
    return made


def _make(home: Home, wish: Wish, others: list[Network]) -> Network:
    """The record, and then the link. The caller holds the lock of the networks."""
    if wish.config_only:
        made = new_network.record(wish, names.generate_id(), files.now())
        records.write(home.networks_dir, made)
        return made
    for _ in range(ATTEMPTS):
        made = new_network.record(wish, names.generate_id(), files.now())
        with netlink.open() as kernel:
            made = _settle(home, kernel, made, others)
        with Undo() as undo:
            undo.add(records.delete, home.networks_dir, made.id)
            records.write(home.networks_dir, made)
            undo.add(remove_link, home, made)
            if not namespaces.is_initial("user"):
                return made  # its first container makes the link
            try:
                drivers.of(made).ensure(made, owner=home.networks_dir)
                return made
            except bridge.SubnetTaken:
                if not made.is_chosen:
                    raise
                undo.run()  # the next choice sees who took it
    raise SystemFailure(f"every subnet chosen for {wish.name} was taken by others at once")


def _settle(home: Home, kernel: Socket, made: Network, others: list[Network]) -> Network:
    """What the host has a say in: subnets, MTU, the link's name. Raises Conflict, SystemFailure."""
    for pool in made.pools:
        check_free(kernel, made, pool.subnet, others)
    drivers.of(made).check(made)
    made = made._replace(bridge=link_of(made))
    if made.driver != "bridge" and not made.options.get(parent_link.OPTION):
        made = made._replace(internal=True)  # a wire that leads nowhere, as docker's
    made = made._replace(mtu=bridge_options.parse_mtu(made.options) or mtu_of(kernel, made))
    if made.driver == "bridge":
        check_link(kernel, made, others)
    pools = list(made.pools)
    if made.ipv4 and not made.subnet:
        subnet = subnets.choose(
            kernel, home.networks_dir, -1,
            avoid=avoided(), prefix_length=subnets.USER_PREFIX,
        )  # fmt: skip
        pools.insert(0, ipam.Pool(str(subnet)))
    if made.ipv6 and not made.subnet6:
        pools.append(subnets.unique_local(made.id))
    is_chosen = made.ipv4 and not made.subnet
    return made._replace(pools=new_network.with_gateways(pools), is_chosen=is_chosen)


def check_free(kernel: Socket, made: Network, subnet: str, others: Iterable[Network]) -> None:
    """Nobody else uses a subnet that was asked for. Raises Conflict, which names who does.

    A macvlan or ipvlan network is to be in the host's own subnet, of which a bridge would cut the
    host off.
    """
    wanted = ipam.parse_subnet(subnet)
    message = "Pool overlaps with other one on this address space"
    for other in others:
        for pool in other.pools if not other.config_only else ():
            if wanted.overlaps(ipam.parse_subnet(pool.subnet)):
                raise Conflict(message, hint=f"network {other.name} has {pool.subnet}")
    if made.driver == "bridge" and (holder := holder_of(kernel, wanted)):
        raise Conflict(message, hint=holder)


def holder_of(kernel: Socket, wanted: ipam.Subnet) -> str:
    """What of the host's uses a part of a subnet, told in words; "" if nothing does."""
    names_ = {link.ifindex: link.name for link in rtnetlink.list_links(kernel)}
    family = _socket.AF_INET if wanted.bits == 32 else _socket.AF_INET6
    for address in rtnetlink.list_addresses(kernel, family):
        if wanted.overlaps(subnets.subnet_of(address)):
            name = names_.get(address.link, "of the host")
            return f"link {name} has {address.address}/{address.prefix_length}"
    for route in rtnetlink.list_routes(kernel, family):
        if route.prefix_length >= subnets.MIN_ROUTED_PREFIX:
            subnet = f"{route.destination}/{route.prefix_length}"
            if wanted.overlaps(ipam.parse_subnet(subnet)):
                return f"a route leads to {subnet} by link {names_.get(route.link, '?')}"
    return ""


def avoided() -> tuple[str, ...]:
    """Addresses that a subnet chosen now must not hold."""
    found = ready_network.host_servers()
    if not namespaces.is_initial("user"):
        from cuddy.network import user_mode, user_mode_options

        found += (user_mode.plan(user_mode_options.Choice()).gateway,)
    return found


def link_of(made: Network) -> str:
    """The name of a network's link on the host."""
    if made.driver == "bridge":
        return made.options.get(bridge_options.NAME) or records.bridge_name(made.id)
    return parent_link.name_of(made)


def mtu_of(kernel: Socket, made: Network) -> int:
    """The MTU that a network gets: of the link that packets will leave by."""
    parent = made.driver != "bridge" and rtnetlink.find_link(kernel, made.bridge)
    return parent.mtu if parent else subnets.uplink_mtu(kernel)


def check_link(kernel: Socket, made: Network, others: Iterable[Network]) -> None:
    """Nobody else has a bridge of that name. Raises Conflict."""
    for other in others:
        if other.bridge == made.bridge:
            message = (
                f"cannot create network {made.id} ({made.bridge}): conflicts with network "
                f"{other.id} ({other.bridge}): networks have same bridge name"
            )
            raise Conflict(message, hint=f"it is the link of network {other.name}")
    if found := rtnetlink.find_link(kernel, made.bridge):
        if found.kind != "bridge":
            raise Conflict(f"existing interface {made.bridge} is not a bridge")
        hint = "choose another name, or delete the link"
        raise Conflict(f"the bridge {made.bridge} is there already and is not cuddy's", hint=hint)


def remove(home: Home, ref: str, *, force: bool = False) -> str:
    """Remove a network that no container is on; its name, or "" if with `force` there was none.

    Raises NoSuchNetwork (not with `force`), NotPermitted, InUse, SystemFailure.
    """
    try:
        network = find(home, ref)
        if network.name in records.PREDEFINED:
            raise NotPermitted(f"{network.name} is a pre-defined network and cannot be removed")
        run_dir = home.networks_run_dir
        files.make_directory(run_dir)
        at_links(home, lambda: stray_links.free(home, network))
        with records.lock(run_dir):
            records.sweep_leases(run_dir, home.networks_dir)
            if records.read(home.networks_dir, network.id) is None:
                raise NoSuchNetwork(ref)
            _remove(home, network)
    except NoSuchNetwork:
        if force:
            return ""
        raise
    events.emit_network(home, "destroy", network)
    return network.name


def _remove(home: Home, network: Network) -> None:
    """The caller holds the lock of the networks."""
    if network.config_only:
        others = records.read_all(home.networks_dir)
        if any(each.config_from == network.name for each in others):
            raise InUse(
                "error while removing network: configuration network "
                f"{files.quote(network.name)} is in use"
            )
        records.delete(home.networks_dir, network.id)
        return
    path = records.leases_path(home.networks_run_dir, network.id)
    with files.Lock(f"{path}.lock"):
        check_unused(home, network, path)
        remove_link(home, network)
        records.delete(home.networks_dir, network.id)
        records.forget_leases(home.networks_run_dir, network.id)


def remove_link(home: Home, network: Network) -> None:
    """Delete a network's link, unless another network rides on the same one. SystemFailure."""
    others = [each for each in records.read_all(home.networks_dir) if each.id != network.id]
    if not any(each.bridge == network.bridge for each in others):
        at_links(home, lambda: drivers.of(network).remove(network))


def at_links(home: Home, action: Callable[[], None]) -> None:
    """Do something where the links of networks are, if they are anywhere."""
    if namespaces.is_initial("user"):
        action()
    else:
        from cuddy.engine import user_netns

        user_netns.within(home, action)


def check_unused(home: Home, network: Network, path: str) -> None:
    """No living container has a lease; those of the dead do not count. Raises InUse."""
    endpoints = []
    for container_id, lease in ipam.read_leases(path).items():
        # Not `containers.read`: that would bury the dead, who give back the lease we have locked.
        if liveness.monitor_lives(home.run_dir(container_id)):
            name = lease.names[0] if lease.names else container_id[:12]
            endpoint_id = endpoint_of(home, container_id, network)[:12]
            endpoints.append(f"name:{files.quote(name)} id:{files.quote(endpoint_id)}")
    if endpoints:
        raise InUse(
            f"error while removing network: network {network.name} id {network.id} has active "
            f"endpoints ({', '.join(endpoints)})",
            hint="stop or disconnect its containers first",
        )


def endpoint_of(home: Home, container_id: str, network: Network) -> str:
    """The id of a container's endpoint; "" while it is only just connecting."""
    try:
        places = endpoint.facts(container.read(home, container_id))
    except (NoSuchContainer, CorruptContent):
        return ""
    return str(places.get(network.name, {}).get("EndpointID", ""))
