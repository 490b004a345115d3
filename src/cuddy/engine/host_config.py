"""The `HostConfig` section of a container's record: every field of docker 28 and its default.

In the record a list is a list, if only an empty one, so that nobody has to ask whether it is there.
Docker shows some of them as null or not at all; so do we (`shown`).
"""

from __future__ import annotations

from cuddy.engine import defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

RUNTIME = "cuddy"
UNSETTLED = "updating"
"""The file in a run directory that says: not all limits may be in force (update.py)."""

DEFAULTS: dict[str, Any] = {
    "Binds": [],
    "ContainerIDFile": "",
    "LogConfig": {"Type": "json-file", "Config": {}},
    "NetworkMode": "bridge",
    "PortBindings": {},
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "AutoRemove": False,
    "VolumeDriver": "",
    "VolumesFrom": [],
    "ConsoleSize": [0, 0],
    "Annotations": {},
    "CapAdd": [],
    "CapDrop": [],
    "CgroupnsMode": "private",
    "Dns": [],
    "DnsOptions": [],
    "DnsSearch": [],
    "ExtraHosts": [],
    "GroupAdd": [],
    "IpcMode": "private",
    "Cgroup": "",
    "Links": [],
    "OomScoreAdj": 0,
    "PidMode": "",
    "Privileged": False,
    "PublishAllPorts": False,
    "ReadonlyRootfs": False,
    "SecurityOpt": [],
    "StorageOpt": {},
    "Tmpfs": {},
    "UTSMode": "",
    "UsernsMode": "",
    "ShmSize": 64 << 20,
    "Sysctls": {},
    "Runtime": RUNTIME,
    "Isolation": "",
    "CpuShares": 0,
    "Memory": 0,
    "NanoCpus": 0,
    "CgroupParent": "",
    "BlkioWeight": 0,
    "BlkioWeightDevice": [],
    "BlkioDeviceReadBps": [],
    "BlkioDeviceWriteBps": [],
    "BlkioDeviceReadIOps": [],
    "BlkioDeviceWriteIOps": [],
    "CpuPeriod": 0,
    "CpuQuota": 0,
    "CpuRealtimePeriod": 0,
    "CpuRealtimeRuntime": 0,
    "CpusetCpus": "",
    "CpusetMems": "",
    "Devices": [],
    "DeviceCgroupRules": [],
    "DeviceRequests": [],
    "MemoryReservation": 0,
    "MemorySwap": 0,
    "MemorySwappiness": None,
    "OomKillDisable": False,
    "PidsLimit": None,
    "Ulimits": [],
    "CpuCount": 0,
    "CpuPercent": 0,
    "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0,
    "Mounts": [],
    "MaskedPaths": defaults.MASKED_PATHS,
    "ReadonlyPaths": defaults.READONLY_PATHS,
    "Init": None,
    "IDMappings": {},  # podman's: userns.py
    "Egress": "",  # ours: network/egress.py
}

NULL_IF_EMPTY = frozenset((
    "Binds", "VolumesFrom", "CapAdd", "CapDrop", "ExtraHosts", "GroupAdd", "Links", "SecurityOpt",
    "DeviceCgroupRules", "DeviceRequests",
))  # fmt: skip
ABSENT_IF_EMPTY = frozenset((
    "Annotations", "StorageOpt", "Tmpfs", "Sysctls", "Mounts", "Init", "Egress", "IDMappings",
))  # fmt: skip


def shown(host_config: Mapping[str, Any]) -> dict[str, Any]:
    """The section as `docker inspect` has it."""
    found = {}
    for key, value in host_config.items():
        empty = value is None or (not value and value is not False)
        if not (empty and key in ABSENT_IF_EMPTY):
            found[key] = None if empty and key in NULL_IF_EMPTY else value
    return found
