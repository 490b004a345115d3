"""Links of the host's that a container gets: linux.netDevices (config-linux.md, "Network Devices").

Each goes into the container's network namespace under the name it is to have there, keeps its
global addresses, and comes up. When a namespace ends the kernel brings hardware back by itself.
"""

from __future__ import annotations

import _socket
import os
import struct

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import namespaces, netlink, rtnetlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.kernel.rtnetlink import Address
    from cuddy.runtime.bundle import Bundle

MAX_NAME = 15
"""IFNAMSIZ less its NUL: netdevice(7)."""


def check(bundle: Bundle) -> None:
    """Refuse what cannot be moved, or not there. Raises InvalidArgument."""
    wanted = bundle.config["linux"]["netDevices"]
    if wanted and not bundle.has_namespace("network"):
        raise InvalidArgument("config.json: netDevices need a network namespace")
    names = [device.get("name") or name for name, device in wanted.items()]
    for name in (*wanted, *names):
        if not is_name(name):
            raise InvalidArgument(f"config.json: netDevices: {name!r} is no name of a link")
        if names.count(name) > 1:
            raise InvalidArgument(f"config.json: netDevices: {name!r} is given twice")


def is_name(name: str) -> bool:
    """Whether the kernel takes it for a link (dev_valid_name), and does not number it."""
    if name in ("", ".", "..") or len(name.encode()) > MAX_NAME:
        return False
    return not any(each in "/:%" or each.isspace() for each in name)


def move(wanted: Mapping[str, Mapping[str, str]], pid: int, joined: Mapping[str, int]) -> None:
    """Give the links to a newborn that waits. Raises SystemFailure.

    `joined`: descriptors of namespaces that it has not made but joins, by kind.
    """
    netns_fd = namespaces.open_namespace(pid, "network")
    try:
        for name, device in wanted.items():
            into = joined.get("network", netns_fd)
            try:
                move_one(name, device.get("name") or name, into)
            except OSError as error:
                doing = f"cannot move network device {name}"
                raise SystemFailure.from_os(doing, error) from error
    finally:
        os.close(netns_fd)


def move_one(name: str, new_name: str, netns_fd: int) -> None:
    """Move one, and make it there what it was here."""
    with netlink.open() as here:
        link = rtnetlink.find_link(here, name)
        if not link:
            raise SystemFailure(f"network device {name}: no such device")
        addresses = global_addresses(here, link.ifindex)
        here.ask(rtnetlink.move_link(link.ifindex, new_name, netns_fd))
    with netlink.open(netns_fd) as there:
        moved = rtnetlink.find_link(there, new_name)
        if not moved:
            raise SystemFailure(f"network device {name}: somebody has taken it away")
        for each in addresses:
            there.ask(rtnetlink.add_address(moved.ifindex, each.address, each.prefix_length))
        there.ask(rtnetlink.set_up(moved.ifindex))


def global_addresses(socket: netlink.Socket, ifindex: int) -> list[Address]:
    """A link's addresses that others can reach; those of its own making it makes again."""
    header = struct.pack("=BBBBI", _socket.AF_UNSPEC, 0, 0, 0, 0)
    answers = socket.dump(netlink.Request(rtnetlink.RTM_GETADDR, 0, header, "list addresses"))
    return [
        rtnetlink.parse_address(answer.body)
        for answer in answers
        if answer.body[0] in (_socket.AF_INET, _socket.AF_INET6)
        and answer.body[3] == rtnetlink.RT_SCOPE_UNIVERSE
        and struct.unpack_from("=I", answer.body, 4)[0] == ifindex
    ]
