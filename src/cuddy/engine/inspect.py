"""Inspect: everything known of a container, in Docker's words.

The record is laid out as docker 28 has it (api/types/container): its fields in its order, a default
for what the record lacks. What we know beyond that follows at the end of its section.
"""

from __future__ import annotations

import os

from cuddy.engine import containers, endpoint, execs, host_config, process
from cuddy.errors import CorruptContent, NoSuchImage
from cuddy.image import host, snapshots, store
from cuddy.usage import Meter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.engine.home import Home

HIDDEN = ("ChainIds", "Creator", "Networks")
FIELDS: dict[str, Any] = {
    "Id": "", "Created": "", "Path": "", "Args": [], "State": {}, "Image": "",
    "ResolvConfPath": "", "HostnamePath": "", "HostsPath": "", "LogPath": "", "Name": "",
    "RestartCount": 0, "Driver": "", "Platform": "linux", "MountLabel": "", "ProcessLabel": "",
    "AppArmorProfile": "", "ExecIDs": None, "HostConfig": {}, "GraphDriver": {}, "Mounts": [],
    "Config": {}, "NetworkSettings": {},
}  # fmt: skip
STATE: dict[str, Any] = {
    "Status": "created", "Running": False, "Paused": False, "Restarting": False,
    "OOMKilled": False, "Dead": False, "Pid": 0, "ExitCode": 0, "Error": "",
    "StartedAt": "", "FinishedAt": "", "Health": None,
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": True,
    "AttachStderr": True, "ExposedPorts": None, "Tty": False, "OpenStdin": False,
    "StdinOnce": False, "Env": [], "Cmd": None, "Healthcheck": None, "ArgsEscaped": None,
    "Image": "", "Volumes": None, "WorkingDir": "", "Entrypoint": None, "NetworkDisabled": None,
    "MacAddress": None, "OnBuild": None, "Labels": {}, "StopSignal": None, "StopTimeout": None,
    "Shell": None,
}  # fmt: skip
ABSENT = frozenset((
    "Health", "ExposedPorts", "Healthcheck", "ArgsEscaped", "NetworkDisabled", "MacAddress",
    "StopSignal", "StopTimeout", "Shell",
))  # fmt: skip
"""Fields of State and Config that Docker leaves out when there is nothing to say."""
NETWORK_SETTINGS: dict[str, Any] = {
    "Bridge": "", "SandboxID": "", "SandboxKey": "", "Ports": {}, "HairpinMode": False,
    "LinkLocalIPv6Address": "", "LinkLocalIPv6PrefixLen": 0, "SecondaryIPAddresses": None,
    "SecondaryIPv6Addresses": None, "EndpointID": "", "Gateway": "", "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0, "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": "",
    "MacAddress": "", "Networks": {},
}  # fmt: skip
ENDPOINT: dict[str, Any] = {
    "IPAMConfig": None, "Links": None, "Aliases": None, "MacAddress": "", "DriverOpts": None,
    "GwPriority": 0, "NetworkID": "", "EndpointID": "", "Gateway": "", "IPAddress": "",
    "IPPrefixLen": 0, "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0,
    "DNSNames": None,
}  # fmt: skip
OF_A_LIFE = frozenset((
    "SandboxID", "SandboxKey", "EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "IPv6Gateway",
    "GlobalIPv6Address", "GlobalIPv6PrefixLen", "MacAddress", "Ports", "Driver", "Link", "HostLink",
))  # fmt: skip
"""What a network gives a container for as long as it runs."""


def inspect_container(home: Home, name: str, *, size: bool = False) -> dict[str, Any]:
    """A container as `docker inspect` shows it; `size` adds what it has written."""
    record: dict[str, Any] = dict(containers.find(home, name))
    if os.path.exists(f"{home.run_dir(record['Id'])}/{host_config.UNSETTLED}"):
        from cuddy.engine import update

        update.settle(home, record["Id"])
    record["ExecIDs"] = exec_ids(home, record) or None
    sizes = measure(home, record) if size else {}
    return document(record, graph_driver(home, record), sizes)


def exec_ids(home: Home, record: Mapping[str, Any]) -> list[str]:
    """The execs that run, and those that are made and wait to be started."""
    container_id, state = record["Id"], record["State"]
    if not state["Running"]:
        return []
    waiting = execs.created(home.execs_dir(container_id), state["StartedAt"])
    return waiting + execs.running(home.run_dir(container_id))


def document(
    record: Mapping[str, Any], driver: dict[str, Any], sizes: Mapping[str, int]
) -> dict[str, Any]:
    """The record laid out. Pure."""
    sections = {
        "State": laid_out(record["State"], STATE),
        "Mounts": build_mounts(record),
        "HostConfig": build_host_config(record),
        "GraphDriver": driver,
        "AppArmorProfile": process.apparmor_profile(record["HostConfig"]),
        "Config": build_config(record["Config"]),
        "NetworkSettings": build_network_settings(record),
    }
    found = laid_out({key: record[key] for key in record if key not in HIDDEN} | sections, FIELDS)
    ours = [key for key in found if key not in FIELDS]
    last = {key: found.pop(key) for key in ("Mounts", "Config", "NetworkSettings", *ours)}
    return {**found, **sizes, **last}


def build_host_config(record: Mapping[str, Any]) -> dict[str, Any]:
    """`HostConfig`, with links by both of their names."""
    found = host_config.shown(record["HostConfig"])
    if found.get("Links"):
        # Imported here: few containers have any.
        from cuddy.engine import links

        found["Links"] = links.shown(record)
    return found


def laid_out(section: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A section in the order of its fields, complete; then what it has beyond them."""
    found = {**fields, **section}
    return {key: value for key, value in found.items() if value is not None or key not in ABSENT}


def build_mounts(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`Mounts` as Docker has them."""
    if not record.get("Mounts"):
        return []
    # Imported here: a plain container has none.
    from cuddy.engine import mounts

    return mounts.shown(record["Mounts"])


def build_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """`Config`, without the signal that every container gets and Docker does not speak of."""
    own = dict(config)
    if own.get("StopSignal") == "SIGTERM":
        own["StopSignal"] = None
    return laid_out(own, CONFIG)


def build_network_settings(record: Mapping[str, Any]) -> dict[str, Any]:
    """`NetworkSettings`; one that does not run is still meant for its networks."""
    settings, state = record["NetworkSettings"], record["State"]
    wishes = endpoint.asked(record)
    known = settings.get("Networks") or {}
    networks = known
    if not known or not state["Running"]:
        networks = {key: {**known.get(key, {}), **endpoint.shown(wishes[key])} for key in wishes}
    if state["Running"]:
        pid = state["Pid"]
        own = {"SandboxID": record["Id"], "SandboxKey": f"/proc/{pid}/ns/net" if pid else ""}
        settings = own | settings
    else:
        settings = _without_life(settings)
        networks = {name: _without_life(networks[name]) for name in networks}
        for name, wish in wishes.items():
            networks[name]["MacAddress"] = wish.get("MacAddress") or ""
    endpoints = {name: laid_out(networks[name], ENDPOINT) for name in sorted(networks)}
    return laid_out({**settings, "Networks": endpoints}, NETWORK_SETTINGS)


def _without_life(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in OF_A_LIFE}


def graph_driver(home: Home, record: Mapping[str, Any]) -> dict[str, Any]:
    """Where the root's parts are: only the monitor has them mounted, so nothing is to be merged."""
    where = home.container_dir(record["Id"])
    layers = [snapshots.path(home.storage, each) for each in reversed(record.get("ChainIds") or ())]
    parts = {"MergedDir": "rootfs", "UpperDir": "upper", "WorkDir": "work"}
    data = {"LowerDir": ":".join(layers)} if layers else {}
    data |= {key: f"{where}/{name}" for key, name in parts.items()}
    return {"Data": data, "Name": record["Driver"]}


def measure(home: Home, record: Mapping[str, Any]) -> dict[str, int]:
    """What a container has of its own, and that with its image."""
    own = written_bytes(f"{home.container_dir(record['Id'])}/upper")
    return {"SizeRw": own, "SizeRootFs": own + image_bytes(home, record["Image"])}


def image_bytes(home: Home, image_id: str) -> int:
    """The size of a container's image; 0 when it is not there any more."""
    if image_id == host.IMAGE.id:
        return host.IMAGE.size_bytes
    try:
        return store.resolve(home.storage, image_id).size_bytes
    except (NoSuchImage, CorruptContent):
        return 0


def written_bytes(directory: str) -> int:
    """How many bytes of files a container has of its own, each of them once."""
    return Meter(by_length=True).tree(directory)
