"""Options of the bridge driver, by the names that Docker gave them. Pure.

What Docker does not know either is kept in the network's record, and means nothing; `create` warns.
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import InvalidArgument
from cuddy.network import ipam, network
from cuddy.network.endpoint import LINK_PREFIX
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "com.docker.network.bridge."
NAME = f"{PREFIX}name"
MTU = "com.docker.network.driver.mtu"
HOST_IPV4, HOST_IPV6 = "com.docker.network.host_ipv4", "com.docker.network.host_ipv6"
GATEWAY_MODES = ("nat", "nat-unprotected", "routed", "isolated")
MIN_MTU, MAX_MTU = 68, 65535
KNOWN = frozenset({
    NAME, MTU, HOST_IPV4, HOST_IPV6, LINK_PREFIX,
    *(f"{PREFIX}{name}" for name in (
        "enable_icc", "enable_ip_masquerade", "host_binding_ipv4", "host_binding_ipv6",
        "gateway_mode_ipv4", "gateway_mode_ipv6", "inhibit_ipv4",
    )),
})  # fmt: skip
TRUE = ("1", "t", "T", "TRUE", "true", "True")
FALSE = ("0", "f", "F", "FALSE", "false", "False")


class BridgeOptions(NamedTuple):
    """What the options of a network say."""

    icc: bool = True  # its containers reach each other
    masquerade: bool = True  # they leave under the host's address
    host_binding: tuple[str, str] = ("", "")  # where ports are published; IPv4, IPv6
    gateway_mode: tuple[str, str] = ("nat", "nat")
    host_address: tuple[str, str] = ("", "")  # under which they leave; "": the link's own
    inhibit_ipv4: bool = False  # the bridge has no IPv4 address
    link_prefix: str = "eth"  # of the names of links in containers
    mtu: int = 0


def parse(options: Mapping[str, str], *, internal: bool = False) -> BridgeOptions:
    """Raises InvalidArgument, in Docker's words."""
    modes = (
        _gateway_mode(options, f"{PREFIX}gateway_mode_ipv4", internal),
        _gateway_mode(options, f"{PREFIX}gateway_mode_ipv6", internal),
    )
    return BridgeOptions(
        icc=_boolean(options, f"{PREFIX}enable_icc", True),
        masquerade=_boolean(options, f"{PREFIX}enable_ip_masquerade", True),
        host_binding=(
            _address(options, f"{PREFIX}host_binding_ipv4", 32),
            _address(options, f"{PREFIX}host_binding_ipv6", 128),
        ),
        gateway_mode=modes,
        host_address=(_address(options, HOST_IPV4, 32), _address(options, HOST_IPV6, 128)),
        inhibit_ipv4=_boolean(options, f"{PREFIX}inhibit_ipv4", False),
        link_prefix=network.check_link_name(f"{options.get(LINK_PREFIX) or 'eth'}0")[:-1],
        mtu=parse_mtu(options),
    )


def parse_mtu(options: Mapping[str, str]) -> int:
    """The MTU asked for; 0 if none was. Raises InvalidArgument."""
    text = options.get(MTU, "")
    if not text:
        return 0
    if not (text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= 9):
        raise _unreadable(MTU, text, f"strconv.Atoi: parsing {files.quote(text)}: invalid syntax")
    if int(text) and not MIN_MTU <= int(text) <= MAX_MTU:
        hint = f"a number from {MIN_MTU} to {MAX_MTU}"
        raise InvalidArgument(f"invalid MTU number: {text}", hint=hint)
    return int(text)


def _unreadable(key: str, text: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"failed to parse {key} value: {text} ({why})")


def _boolean(options: Mapping[str, str], key: str, default: bool) -> bool:
    text = options.get(key, "")
    if not text:
        return default
    if text not in (*TRUE, *FALSE):
        why = f"strconv.ParseBool: parsing {files.quote(text)}: invalid syntax"
        raise _unreadable(key, text, why)
    return text in TRUE


def _address(options: Mapping[str, str], key: str, bits: int) -> str:
    text = options.get(key, "")
    if not text:
        return ""
    try:
        number, found = ipam.parse_address(text)
    except InvalidArgument:
        raise _unreadable(key, text, "nil ip") from None
    if found != bits:
        family = "IPv4" if bits == 32 else "IPv6"
        raise InvalidArgument(f"{key} must be an {family} address: {text}")
    return ipam.format_address(number, bits)


def _gateway_mode(options: Mapping[str, str], key: str, internal: bool) -> str:
    mode = options.get(key) or "nat"
    if mode not in GATEWAY_MODES:
        raise InvalidArgument(f"unknown gateway mode {mode}", hint=", ".join(GATEWAY_MODES))
    if mode == "isolated" and not internal:
        raise InvalidArgument("gateway mode 'isolated' can only be used for an internal network")
    return mode
