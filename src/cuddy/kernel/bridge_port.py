"""What a bridge does with one of its ports ("bridge_slave" in ip-link(8), linux/if_link.h)."""

from __future__ import annotations

from cuddy.kernel.netlink import Request, attribute, nest
from cuddy.kernel.rtnetlink import IFLA_LINKINFO, RTM_NEWLINK, link_header

IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 4, 5
IFLA_BRPORT_MODE, IFLA_BRPORT_ISOLATED = 4, 33


def set_hairpin(link: int | str) -> Request:
    """Let a bridge send a frame back by the port on which it came: a container to itself."""
    return _set_port(link, "hairpin", IFLA_BRPORT_MODE)


def set_isolated(link: int | str) -> Request:
    """Have a bridge send nothing from this port to other ports that are isolated."""
    return _set_port(link, "isolated", IFLA_BRPORT_ISOLATED)


def _set_port(link: int | str, name: str, kind: int) -> Request:
    port = attribute(IFLA_INFO_SLAVE_KIND, "bridge")
    port += nest(IFLA_INFO_SLAVE_DATA, attribute(kind, b"\1"))
    body = link_header(link) + nest(IFLA_LINKINFO, port)
    return Request(RTM_NEWLINK, 0, body, f"set link {link} type bridge_slave {name} on")
