"""What is known before it is judged whether one reaches another. Plain values, no questions.

A `Question` is what the user typed, a `Party` is one end of it, `Facts` are all that was found.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.network import ipam, ports
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel.way import Way
    from cuddy.network.reach import Attempt, Listener
    from cuddy.network.reach_names import Naming
    from cuddy.network.reach_trace import Drop

HOST, OUTSIDE = "host", "outside"
"""Words that name no container: this machine, and whoever is beyond it."""


class Question(NamedTuple):
    """Does `source` reach `target`, at a port or (0) at all?"""

    source: str
    target: str
    port: int = 0
    protocol: str = "tcp"

    @property
    def place(self) -> str:
        """The target as it was asked for."""
        name = f"[{self.target}]" if ":" in self.target and self.port else self.target
        udp = f"/{self.protocol}" if self.protocol != "tcp" else ""
        return f"{name}:{self.port}{udp}" if self.port else name


class Place(NamedTuple):
    """A container's endpoint on a network."""

    network: str
    address: str = ""
    address6: str = ""
    driver: str = "bridge"
    bridge: str = ""  # the host's link of the network
    host_address: str = ""  # this machine's own on that network
    is_internal: bool = False
    is_isolated: bool = False  # the network keeps its own containers apart: icc=false
    is_ready: bool = True  # nothing of it is missing on this machine: link, address, rules
    has_names: bool = True  # a network of the user's, whose containers find each other by name

    def has(self, address: str) -> bool:
        """Whether it is this address."""
        return address in (self.address, self.address6)


class Party(NamedTuple):
    """One end: a container, this machine, or somebody beyond it."""

    kind: str  # "container", "host", "outside"
    title: str  # as sentences name it
    id: str = ""
    status: str = "running"
    pid: int = 0
    health: str = ""
    mode: str = ""  # HostConfig.NetworkMode
    places: tuple[Place, ...] = ()
    egress: str = ""  # HostConfig.Egress: what it may reach; "" everything
    netns: int = 0  # which network namespace, by inode

    @property
    def is_up(self) -> bool:
        """Whether it can speak and answer."""
        return self.status == "running"

    @property
    def networks(self) -> str:
        """Its networks, for a sentence."""
        return ", ".join(place.network for place in self.places) or "none"

    def place_at(self, address: str) -> Place | None:
        """The network on which it has an address."""
        return next((place for place in self.places if place.has(address)), None)


class Publication(NamedTuple):
    """A port of the host that leads to a container's."""

    protocol: str
    host_ip: str
    host_port: int
    address: str  # of the container
    port: int
    container: str  # its name
    is_in_kernel: bool = True  # whether the firewall knows of it

    @property
    def outer(self) -> str:
        """The host's side."""
        ip = f"[{self.host_ip}]" if ":" in self.host_ip else self.host_ip
        return f"{ip}:{self.host_port}"


class Facts(NamedTuple):
    """All that was found out. What could not be, or did not need to be, is None."""

    question: Question
    source: Party
    target: Party
    address: str = ""  # where packets go, as the source sends them; "": nobody knows
    naming: Naming | None = None  # None: no name had to be looked up
    is_id: bool = False  # the target was named by its id, not by a name to be asked for
    way: Way | None = None  # from the source
    way_back: Way | None = None  # from the target to the source
    way_out: Way | None = None  # from this machine, for what comes from a container
    host_link: str = ""  # the target network's link, when the host itself is asking
    published: Publication | None = None  # what the address and port lead on to
    openings: tuple[Publication, ...] = ()  # all that lead to the target
    is_forwarding: bool = True
    obstacles: tuple[str, ...] = ()  # chains of others that drop what nobody accepts
    listeners: tuple[Listener, ...] | None = None
    attempt: Attempt | None = None
    drops: tuple[Drop, ...] = ()  # the rules that ended packets of the attempt

    @property
    def shared(self) -> tuple[Place, Place] | None:
        """The places of both on one network, by which the address is reached."""
        for theirs in self.target.places:
            for ours in self.source.places:
                if ours.network == theirs.network and theirs.has(self.address):
                    return ours, theirs
        return None

    @property
    def neighbourhood(self) -> Place | None:
        """The source's network on which a stranger's address would be: no router is on the way."""
        way = self.way
        if self.target.kind != OUTSIDE or way is None or way.refusal or way.gateway or way.is_local:
            return None
        return self.source.place_at(way.source)

    @property
    def is_same_netns(self) -> bool:
        """Whether both are in one network namespace: what one has is the other's."""
        return bool(self.source.netns) and self.source.netns == self.target.netns

    @property
    def bridges(self) -> set[str]:
        """The links of the networks that both ends are on."""
        return {place.bridge for end in (self.source, self.target) for place in end.places} - {""}

    @property
    def inner_port(self) -> int:
        """The port at which the target itself would have to listen."""
        return self.published.port if self.published else self.question.port

    @property
    def is_loopback(self) -> bool:
        """Whether the address is a loopback's."""
        return bool(self.address) and is_loopback(self.address)


def is_loopback(address: str) -> bool:
    """Whether an address is only good within one network namespace."""
    number, bits = ipam.parse_address(address)
    return number >> 24 == 127 if bits == 32 else number == 1


def parse_target(source: str, text: str) -> Question:
    """The question about `B[:PORT[/PROTOCOL]]`. Raises InvalidArgument."""
    words, slash, protocol = text.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    hint = "write it as NAME:PORT, NAME:PORT/udp or [ADDRESS]:PORT"
    if words.startswith("["):
        name, bracket, port = words[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise InvalidArgument(f"not a place: {text!r}", hint=hint)
        port = port[1:]
    elif words.count(":") > 1:
        name, port = words, ""  # an IPv6 address alone
    else:
        name, _, port = words.partition(":")
    if not name or not source or (slash and not port) or words.endswith(":"):
        raise InvalidArgument(f"not a place: {text!r}", hint=hint)
    if not port:
        return Question(source, name)
    if protocol not in ("tcp", "udp"):
        raise InvalidArgument(f"cannot look at the protocol {protocol!r}", hint="tcp or udp")
    number = ports.parse_range(port, "port")
    if len(number) != 1:
        raise InvalidArgument(f"not one port: {port!r}", hint=hint)
    return Question(source, name, number.first, protocol)
