"""`--gpus`: a request for devices as Docker's DeviceRequests have it, and its names in CDI."""

from __future__ import annotations

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

KIND = "nvidia.com/gpu"


def parse(text: str) -> dict[str, Any]:
    """`all`, a number, or `count=,device=,driver=,capabilities=,options=` as CSV.

    Raises InvalidArgument.
    """
    found: dict[str, Any] = {}
    for field in split(text):
        key, equals, value = field.partition("=")
        if not equals:
            key, value = "count", field
        if key in found:
            raise InvalidArgument(f"gpu request key '{key}' can be specified only once")
        if key not in ("driver", "count", "device", "capabilities", "options"):
            raise InvalidArgument(f"unexpected key '{key}' in '{field}'")
        found[key] = value
    if not found:
        raise InvalidArgument("--gpus is empty", hint="'all', or how many")
    devices = found["device"].split(",") if "device" in found else None
    count = read_count(found["count"]) if "count" in found else int(devices is None)
    pairs = (pair.partition("=") for pair in split(found.get("options", "")))
    return {
        "Driver": found.get("driver", ""),
        "Count": count,
        "DeviceIDs": devices,
        "Capabilities": [[*filter(None, found.get("capabilities", "").split(",")), "gpu"]],
        "Options": {key: value for key, _, value in pairs},
    }


def split(text: str) -> list[str]:
    """The fields of one line of CSV. Raises InvalidArgument."""
    import csv  # costs, and few containers have GPUs

    try:
        lines = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise InvalidArgument(f"invalid gpu request {text!r}: {error}") from None
    return [field for line in lines for field in line if field]


def read_count(text: str) -> int:
    """How many; -1 is all. Raises InvalidArgument."""
    if text == "all":
        return -1
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise InvalidArgument(
            f'invalid count ({text}): value must be either "all" or an integer: invalid syntax'
        )
    return int(text)


def names(request: Mapping[str, Any]) -> list[str]:
    """What a request means in CDI: names of devices. Raises InvalidArgument for another driver."""
    if request["Driver"] == "cdi":
        return list(request["DeviceIDs"] or ())
    capabilities: list[str] = sum(request["Capabilities"] or (), [])
    if request["Driver"] not in ("", "nvidia") or "gpu" not in capabilities:
        raise unknown(request)
    if request["DeviceIDs"]:
        return [f"{KIND}={device}" for device in request["DeviceIDs"]]
    if request["Count"] == -1:
        return [f"{KIND}=all"]
    return [f"{KIND}={number}" for number in range(request["Count"])]


def unknown(request: Mapping[str, Any], hint: str = "") -> InvalidArgument:
    """Docker's error when nobody provides what is asked for."""
    wanted = " ".join(f"[{' '.join(each)}]" for each in request["Capabilities"] or ())
    return InvalidArgument(
        f'could not select device driver "{request["Driver"]}" with capabilities: [{wanted}]',
        hint=hint,
    )
