"""Namespaces that a container shares: with the host, or with another container.

    --network container:X   --pid container:X|host   --ipc container:X|host|none   --uts host
    --userns container:X    (what else it can be is in `userns.py`)

The record names the other container by its whole id. What happens when the container starts is in
`peers.py`.
"""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.options import ContainerOptions

PREFIX = "container:"
JOINED = "joined"
"""The file in a run directory that says: somebody else is in this container's network."""
MEMORY = "shm"
"""Where in the bundle another container's /dev/shm is mounted: see `peers.share_memory`."""
IPC_MODES = ("", "none", "host", "private", "shareable")
FIELDS = {"network": "NetworkMode", "pid": "PidMode", "ipc": "IpcMode", "user": "UsernsMode"}
"""Kinds of namespaces that can be another container's, and where HostConfig says so."""


def peer_of(mode: str) -> str:
    """Whose namespace a mode means: X of container:X; "" for other modes."""
    return mode.removeprefix(PREFIX) if mode.startswith(PREFIX) else ""


def check(options: ContainerOptions) -> None:
    """The modes make sense alone and together. Raises InvalidArgument, in Docker's words."""
    if options.pid_mode not in ("", "host", "private") and not peer_of(options.pid_mode):
        raise InvalidArgument("--pid: invalid PID mode", hint="host or container:NAME")
    if options.ipc_mode not in IPC_MODES and not peer_of(options.ipc_mode):
        hint = "none, private, shareable, host or container:NAME"
        raise InvalidArgument(f"invalid IPC mode: {options.ipc_mode}", hint=hint)
    if options.uts_mode not in ("", "host"):
        raise InvalidArgument("--uts: invalid UTS mode", hint="leave it out, or 'host'")
    if is_stranger(options):
        # Imported here, as below: most containers have the host's users.
        from cuddy.engine import userns

        userns.check(options)
    if options.cgroupns_mode not in ("", "host", "private"):
        raise InvalidArgument("--cgroupns: invalid CGROUP mode", hint="host or private")
    if options.network == PREFIX:
        message = "Invalid network mode: invalid container format container:<name|id>"
        raise InvalidArgument(message)
    check_conflicts(options)


def is_stranger(options: ContainerOptions) -> bool:
    """Whether its users shall not be the host's."""
    return bool(options.userns_mode not in ("", "host") or options.uid_maps or options.gid_maps)


def check_conflicts(options: ContainerOptions) -> None:
    """What a container does not have of its own cannot be set for it. Raises InvalidArgument."""
    if options.uts_mode == "host":
        for name in ("hostname", "domainname"):
            if getattr(options, name):
                raise InvalidArgument(f"conflicting options: {name} and the UTS mode")
    if not peer_of(options.network):
        return
    for given, what in (
        (options.hostname, "hostname and the network mode"),
        (options.dns, "dns and the network mode"),
        (options.add_hosts, "custom host-to-IP mapping and the network mode"),
        (options.mac_address, "mac-address and the network mode"),
        (
            options.publish or options.publish_all,
            "port publishing and the container type network mode",
        ),
        (
            options.links,
            "container type network can't be used with links."
            " This would result in undefined behavior",
        ),
        (options.expose, "port exposing and the container type network mode"),
    ):
        if given:
            raise InvalidArgument(
                f"conflicting options: {what}", hint="they are those of the other container"
            )


def named(options: ContainerOptions) -> dict[str, str]:
    """By kind of namespace, the containers that are to be shared with, as the user named them."""
    modes = {
        "network": options.network, "pid": options.pid_mode, "ipc": options.ipc_mode,
        "user": options.userns_mode,
    }  # fmt: skip
    return {kind: peer_of(mode) for kind, mode in modes.items() if peer_of(mode)}


def host_config(options: ContainerOptions, others: Mapping[str, Container]) -> dict[str, Any]:
    """The modes as HostConfig has them. `others`: the containers `named`. InvalidArgument."""
    if "ipc" in others:
        refuse_private_ipc(others["ipc"])
    return {
        "NetworkMode": options.network,
        "PidMode": options.pid_mode.removeprefix("private"),
        "IpcMode": options.ipc_mode or "private",
        "UTSMode": options.uts_mode,
        "CgroupnsMode": options.cgroupns_mode or "private",
        **{FIELDS[kind]: PREFIX + other["Id"] for kind, other in others.items()},
        **users_of(options, others),
    }


def users_of(options: ContainerOptions, others: Mapping[str, Container]) -> dict[str, Any]:
    """Whose users it has, as far as that is known before it is there."""
    if not is_stranger(options):
        return {"UsernsMode": options.userns_mode}
    from cuddy.engine import userns

    return userns.host_config(options, others)


def settle_users(
    options: ContainerOptions, others: Mapping[str, Container]
) -> tuple[ContainerOptions, Mapping[str, Container]]:
    """Both with the user namespace that is meant, where something is configured."""
    if not options.userns_default or is_stranger(options) or options.userns_mode:
        return options, others
    from cuddy.engine import userns

    return userns.settle(options, others)


def refuse_private_ipc(record: Container) -> None:
    """Whether others may share a container's memory is its own choice. Raises InvalidArgument."""
    if record["HostConfig"]["IpcMode"] in ("private", "none"):
        raise InvalidArgument(
            f"container {record['Id']}: non-shareable IPC"
            " (hint: use IpcMode:shareable for the donor container)"
        )


def with_names(
    options: ContainerOptions, others: Mapping[str, Container], container_id: str
) -> ContainerOptions:
    """The options with the host name and domain name that the container will have."""
    if "network" in others:
        config = others["network"]["Config"]
        return options._replace(hostname=config["Hostname"], domainname=config["Domainname"])
    if options.hostname:
        return options
    shared = "host" in (options.network, options.uts_mode)
    return options._replace(hostname=os.uname().nodename if shared else container_id[:12])


def files_about_network(where: str, others: Mapping[str, Container]) -> Container:
    """Where resolv.conf, hostname and hosts are, as a part of the record: with whoever has the
    network, else in `where`.
    """
    if owner := others.get("network"):
        return {
            "ResolvConfPath": owner["ResolvConfPath"],
            "HostnamePath": owner["HostnamePath"],
            "HostsPath": owner["HostsPath"],
        }
    return {
        "ResolvConfPath": f"{where}/resolv.conf",
        "HostnamePath": f"{where}/hostname",
        "HostsPath": f"{where}/hosts",
    }


def peers_of(record: Container) -> dict[str, str]:
    """By kind of namespace, the ids of the containers that it shares with."""
    modes = {kind: peer_of(record["HostConfig"][field]) for kind, field in FIELDS.items()}
    return {kind: other for kind, other in modes.items() if other}
