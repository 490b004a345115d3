"""Devices of a create body: those to have, those to ask somebody for, and how fast they may be."""

from __future__ import annotations

from cuddy.api import fields
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

THROTTLES = {
    "device_read_bps": "BlkioDeviceReadBps", "device_write_bps": "BlkioDeviceWriteBps",
    "device_read_iops": "BlkioDeviceReadIOps", "device_write_iops": "BlkioDeviceWriteIOps",
}  # fmt: skip


def options(host: Mapping[str, Any]) -> dict[str, Any]:
    """Their part of the options. Raises InvalidArgument."""
    return {
        "devices": tuple(map(device, fields.mappings(host, "Devices"))),
        "device_requests": tuple(map(request, fields.mappings(host, "DeviceRequests"))),
        "blkio_weight_device": rates(host, "BlkioWeightDevice", "Weight"),
        **{name: rates(host, key, "Rate") for name, key in THROTTLES.items()},
    }


def device(document: Mapping[str, Any]) -> str:
    """An entry of `Devices` as --device has it. Raises InvalidArgument."""
    source = fields.text(document, "PathOnHost")
    target = fields.text(document, "PathInContainer") or source
    if ":" in source + target:
        raise InvalidArgument(f"bad format for path: {source}", hint="no colon in it")
    return f"{source}:{target}:{fields.text(document, 'CgroupPermissions') or 'rwm'}"


def rates(host: Mapping[str, Any], key: str, what: str) -> tuple[str, ...]:
    """A list of `{"Path", what}` as PATH:NUMBER. Raises InvalidArgument."""
    found = fields.mappings(host, key)
    return tuple(f"{fields.text(each, 'Path')}:{fields.number(each, what)}" for each in found)


def request(document: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of `DeviceRequests` with all its fields. Raises InvalidArgument."""
    return {
        "Driver": fields.text(document, "Driver"),
        "Count": fields.number(document, "Count"),
        "DeviceIDs": fields.texts(document, "DeviceIDs") or None,
        "Capabilities": fields.lists(document, "Capabilities") or None,
        "Options": fields.labels(document, "Options"),
    }
