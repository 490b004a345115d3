"""What templates see of what is not there: empty lists, maps and texts, or nil, as in Go.

In JSON they are null, or their field is left out. Docker's templates work on Go's own values, of
which a list without a value has the length 0 and is shown as `[]`, a map as `map[]`. Documents stay
as they are; only who asks for such a field by its name gets something empty.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class NilList(list["Any"]):
    """Empty; null in JSON."""


class NilMap(dict[str, "Any"]):
    """Empty; null in JSON."""


LISTS = frozenset((
    "Aliases", "Args", "Binds", "BlkioDeviceReadBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteBps",
    "BlkioDeviceWriteIOps", "BlkioWeightDevice", "CapAdd", "CapDrop", "Cmd", "DNSNames",
    "DeviceCgroupRules", "DeviceRequests", "Devices", "Dns", "DnsOptions", "DnsSearch",
    "Entrypoint", "Env", "ExecIDs", "ExtraHosts", "GroupAdd", "Links", "MaskedPaths", "Mounts",
    "OnBuild", "ReadonlyPaths", "RepoDigests", "RepoTags", "SecondaryIPAddresses",
    "SecondaryIPv6Addresses", "SecurityOpt", "Shell", "Ulimits", "VolumesFrom",
))  # fmt: skip
MAPS = frozenset((
    "Annotations", "DriverOpts", "ExposedPorts", "Labels", "Options", "PortBindings", "Ports",
    "StorageOpt", "Sysctls", "Tmpfs", "Volumes",
))  # fmt: skip
TEXTS = frozenset(("Driver", "Name", "StopSignal"))
"""Of a mount and a config: where they are not there they are empty."""
OMITTED = {
    "HostConfig": frozenset(("Annotations", "Init", "Mounts", "StorageOpt", "Sysctls", "Tmpfs")),
    "Config": frozenset(
        (
            "ExposedPorts",
            "Healthcheck",
            "Shell",
            "StopSignal",
            "StopTimeout",
            "Volumes",
        )
    ),
    "State": frozenset(("Health",)),
    "Mounts": frozenset(("Driver", "Name")),
}
"""Fields that JSON leaves out when there is nothing in them, by the object they belong to."""


class Fields(dict[str, "Any"]):
    """A part of a document that gives something empty for what is not there."""

    def __init__(self, part: dict[str, Any], omitted: frozenset[str] = frozenset()) -> None:
        super().__init__(part)
        self._omitted = omitted

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._omitted

    def __getitem__(self, name: str) -> Any:
        found = self.get(name)
        if found is not None:
            return found
        if name in self._omitted & TEXTS:
            return ""
        return NilList() if name in LISTS else NilMap() if name in MAPS else None


def shown(document: Any) -> Any:
    """A document of `inspect`, for a template."""
    if not isinstance(document, dict):
        return document
    parts = ("State", "HostConfig", "Config", "NetworkSettings")
    inner: dict[str, Any] = {
        name: Fields(document[name], OMITTED.get(name, frozenset()))
        for name in parts
        if isinstance(document.get(name), dict)
    }
    networks = inner.get("NetworkSettings", {}).get("Networks")
    if isinstance(networks, dict):
        inner["NetworkSettings"]["Networks"] = {
            name: Fields(each) if isinstance(each, dict) else each
            for name, each in networks.items()
        }
    if isinstance(document.get("Mounts"), list):
        mounts = document["Mounts"]
        inner["Mounts"] = [Fields(m, OMITTED["Mounts"]) for m in mounts if isinstance(m, dict)]
    sizes = frozenset(("SizeRw", "SizeRootFs")) if "HostConfig" in document else frozenset()
    return Fields(document | inner, sizes)
