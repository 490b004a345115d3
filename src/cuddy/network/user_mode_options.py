"""What a user asks of the program that leads out of a container, in podman's words. Pure.

    --network pasta:--mtu,1500,--ipv4-only                  options of pasta's own
    --network slirp4netns:mtu=1500,allow_host_loopback=true

Only options that concern the container's view of the network: what the program writes, listens on
or turns into is ours to say.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.network import ipam
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

PASTA, SLIRP4NETNS = PROGRAMS = ("pasta", "slirp4netns")
"""The better one first."""
CIDR = "10.0.2.0/24"
MTU = 65520
MOST_MTU = {PASTA: 65535, SLIRP4NETNS: 65521}
SHORT = {
    "-m": "--mtu", "-4": "--ipv4-only", "-6": "--ipv6-only", "-i": "--interface",
    "-o": "--outbound", "-T": "--tcp-ns", "-U": "--udp-ns",
}  # fmt: skip
SWITCHES = ("--ipv4-only", "--ipv6-only", "--no-tcp", "--no-udp", "--no-icmp", "--map-gw")
VALUES = ("--mtu", "--interface", "--outbound", "--outbound-if4", "--outbound-if6", "--tcp-ns",
          "--udp-ns")  # fmt: skip
PORTS = ("-t", "--tcp-ports", "-u", "--udp-ports")
TRUTH = {"true": True, "1": True, "false": False, "0": False}


class Choice(NamedTuple):
    """Which program, and what is asked of it."""

    program: str = ""  # "": the best that is there
    cidr: str = CIDR
    mtu: int = MTU
    sees_loopback: bool = False  # the gateway's address is the host's loopback
    words: tuple[str, ...] = ()  # for the program as they are


def parse(mode: str) -> Choice:
    """The value of --network. Raises InvalidArgument."""
    program, _, text = mode.partition(":")
    parts = [part for part in text.split(",") if part]
    if program == PASTA:
        return _pasta(parts)
    if program == SLIRP4NETNS:
        return _slirp4netns(parts)
    return Choice()


def _pasta(parts: list[str]) -> Choice:
    found, words = Choice(PASTA), []
    for name, value in _pasta_options(parts):
        if name == "--map-gw":
            found = found._replace(sees_loopback=True)
        elif name == "--mtu":
            found = found._replace(mtu=_mtu(PASTA, value))
        elif value:
            words += [name, value]
        else:
            words.append(name)
    return found._replace(words=tuple(words))


def _pasta_options(parts: list[str]) -> Iterator[tuple[str, str]]:
    """Names and values, which may stand in one word or in two."""
    rest = iter(parts)
    for part in rest:
        name, equals, value = part.partition("=")
        name = SHORT.get(name, name)
        if name in SWITCHES and not equals:
            yield name, ""
        elif name in VALUES:
            value = value if equals else next(rest, "")
            if not value or value.startswith("-") or not value.isprintable():
                raise InvalidArgument(f"pasta: option {name} needs a value", hint=f"{name},VALUE")
            yield name, value
        elif name in PORTS:
            raise InvalidArgument(f"pasta: ports are not published by {name}", hint="-p 8080:80")
        else:
            known = " ".join((*SWITCHES, *VALUES))
            raise InvalidArgument(f"pasta: option {name} is not taken", hint=f"these are: {known}")


def _slirp4netns(parts: list[str]) -> Choice:
    found, words = Choice(SLIRP4NETNS), []
    for part in parts:
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise InvalidArgument(f"slirp4netns: {part} is not NAME=VALUE", hint="mtu=1500")
        if name == "allow_host_loopback":
            found = found._replace(sees_loopback=_truth(name, value))
        elif name == "mtu":
            found = found._replace(mtu=_mtu(SLIRP4NETNS, value))
        elif name == "cidr":
            found = found._replace(cidr=_cidr(value))
        elif name == "enable_ipv6":
            words += ["--enable-ipv6"] if _truth(name, value) else []
        elif name in ("outbound_addr", "outbound_addr6"):
            if value.startswith("-") or not value.isprintable():
                raise InvalidArgument(f"slirp4netns: {name} is an address, not {value}")
            words.append(f"--{name.replace('_', '-')}={value}")
        else:
            _refuse_slirp4netns(name, value)
    return found._replace(words=tuple(words))


def _refuse_slirp4netns(name: str, value: str) -> None:
    """Raises InvalidArgument, but for the port handler that we have."""
    if (name, value) == ("port_handler", SLIRP4NETNS):
        return
    if name == "port_handler":
        hint = f"port_handler={SLIRP4NETNS} is what there is"
        raise InvalidArgument(f"slirp4netns: there is no port handler {value}", hint=hint)
    known = (
        "allow_host_loopback, cidr, enable_ipv6, mtu, outbound_addr, outbound_addr6, port_handler"
    )
    raise InvalidArgument(f"slirp4netns: option {name} is not known", hint=f"known: {known}")


def _mtu(program: str, text: str) -> int:
    most = MOST_MTU[program]
    is_number = text.isascii() and text.isdecimal() and len(text) <= 5
    if not is_number or not 68 <= int(text) <= most:
        hint = f"a number from 68 to {most}"
        raise InvalidArgument(f"{program}: invalid MTU {text}", hint=hint)
    return int(text)


def _truth(name: str, text: str) -> bool:
    if text not in TRUTH:
        raise InvalidArgument(f"slirp4netns: invalid value of {name}: {text}", hint="true or false")
    return TRUTH[text]


def _cidr(text: str) -> str:
    """A subnet with room for the addresses that slirp4netns gives: .2, .3 and .100."""
    try:
        subnet = ipam.parse_subnet(text)
    except InvalidArgument:
        raise InvalidArgument(f"slirp4netns: invalid cidr {text}", hint=CIDR) from None
    if subnet.bits != 32 or subnet.prefix_length > 25:
        raise InvalidArgument(f"slirp4netns: no room in cidr {text}", hint=f"such as {CIDR}")
    return str(subnet)
