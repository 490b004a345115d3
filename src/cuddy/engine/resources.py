"""From the limits in HostConfig to linux.resources of config.json. Pure, but for `numbers_of`."""

from __future__ import annotations

import os
import stat

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    Numbers = Mapping[str, tuple[int, int]]

CPU_PERIOD_US = 100_000
NANO = 1_000_000_000

THROTTLES = {
    "BlkioDeviceReadBps": "throttleReadBpsDevice",
    "BlkioDeviceWriteBps": "throttleWriteBpsDevice",
    "BlkioDeviceReadIOps": "throttleReadIOPSDevice",
    "BlkioDeviceWriteIOps": "throttleWriteIOPSDevice",
}


def resources(
    config: Mapping[str, Any], numbers: Numbers, *, blocks: bool = True
) -> dict[str, Any]:
    """Memory, CPU, processes and block I/O; what is not limited is not there.

    `numbers`: major and minor number of each block device that the limits name; without `blocks`
    those limits are left out.
    """
    found = {
        "memory": memory(config),
        "cpu": cpu(config),
        "pids": {"limit": config["PidsLimit"]} if config["PidsLimit"] else {},
        "blockIO": block_io(config, numbers) if blocks else weight(config),
    }
    return {section: values for section, values in found.items() if values}


def memory(config: Mapping[str, Any]) -> dict[str, Any]:
    """linux.resources.memory."""
    found: dict[str, Any] = {}
    if config["Memory"]:
        found |= {"limit": config["Memory"], "swap": config["MemorySwap"]}
    if config["MemoryReservation"]:
        found["reservation"] = config["MemoryReservation"]
    if config["MemorySwappiness"] is not None:
        found["swappiness"] = config["MemorySwappiness"]
    if config["OomKillDisable"]:
        found["disableOOMKiller"] = True
    return found


def cpu(config: Mapping[str, Any]) -> dict[str, Any]:
    """linux.resources.cpu."""
    found: dict[str, Any] = {}
    if config["NanoCpus"]:
        found["period"] = CPU_PERIOD_US
        found["quota"] = config["NanoCpus"] * CPU_PERIOD_US // NANO
    for key, name in (
        ("CpuPeriod", "period"),
        ("CpuQuota", "quota"),
        ("CpuRealtimePeriod", "realtimePeriod"),
        ("CpuRealtimeRuntime", "realtimeRuntime"),
        ("CpuShares", "shares"),
        ("CpusetCpus", "cpus"),
        ("CpusetMems", "mems"),
    ):
        if config[key]:
            found[name] = config[key]
    return found


def block_io(config: Mapping[str, Any], numbers: Numbers) -> dict[str, Any]:
    """linux.resources.blockIO."""
    found = weight(config)
    if weights := config["BlkioWeightDevice"]:
        found["weightDevice"] = [
            located(entry, numbers) | {"weight": entry["Weight"]} for entry in weights
        ]
    for key, name in THROTTLES.items():
        if entries := config[key]:
            found[name] = [located(entry, numbers) | {"rate": entry["Rate"]} for entry in entries]
    return found


def weight(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of linux.resources.blockIO that is about no device."""
    return {"weight": config["BlkioWeight"]} if config["BlkioWeight"] else {}


def located(entry: Mapping[str, Any], numbers: Numbers) -> dict[str, Any]:
    """A device by its numbers."""
    major, minor = numbers[entry["Path"]]
    return {"major": major, "minor": minor}


def numbers_of(config: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """The numbers of the block devices that the limits name. Raises InvalidArgument."""
    named: Iterable[str] = {
        entry["Path"] for key in ("BlkioWeightDevice", *THROTTLES) for entry in config[key]
    }
    found = {}
    for path in named:
        try:
            status = os.stat(path)
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise InvalidArgument(f"stat {path}: {reason}", hint="a limit names it") from None
        if not stat.S_ISBLK(status.st_mode):
            raise InvalidArgument(f"{path} is not a block device", hint="a limit names it")
        found[path] = os.major(status.st_rdev), os.minor(status.st_rdev)
    return found
