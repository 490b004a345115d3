"""Devices of the host inside a container: --device, --device-cgroup-rule, and --privileged's all.

A device is a node in the container's /dev and a rule of its control group; both are needed.
"""

from __future__ import annotations

import os
import stat

from cuddy.engine import defaults
from cuddy.engine.defaults import Granted
from cuddy.errors import InvalidArgument, NoSuchDevice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from cuddy.runtime.spec import Device

OWN_DEVICES = frozenset(
    f"/dev/{name}" for name in ("pts", "shm", "mqueue", "console", "ptmx", "fd", "hugepages")
)
MAX_DEVICES = 10_000


def parse_device(text: str) -> dict[str, str]:
    """`--device HOST[:CONTAINER][:rwm]` as HostConfig.Devices has it. Raises InvalidArgument."""
    parts = text.split(":")
    if len(parts) > 3 or not parts[0] or "\0" in text:
        raise InvalidArgument(f"bad format for path: {text}", hint="HOST[:CONTAINER][:rwm]")
    source, target, access = parts[0], "", "rwm"
    if len(parts) == 3:
        target, access = parts[1], parts[2]
        if not is_access(access):
            raise InvalidArgument(f"bad mode specified: {access}", hint="letters of 'rwm'")
    elif len(parts) == 2 and is_access(parts[1]):
        access = parts[1]
    elif len(parts) == 2:
        target = parts[1]
    target = target or source
    if not target.startswith("/"):
        raise InvalidArgument(f"{target} is not an absolute path")
    source = clean(source) if source.startswith("/") else source
    return {
        "PathOnHost": source,
        "PathInContainer": clean(target),
        "CgroupPermissions": access,
    }


def clean(path: str) -> str:
    """A path in its one spelling."""
    return "/" + os.path.normpath("/" + path).lstrip("/")


def is_access(text: str) -> bool:
    """Some of r, w and m, each once."""
    return bool(text) and len(set(text)) == len(text) and not set(text) - set("rwm")


def check_rule(text: str) -> str:
    """`--device-cgroup-rule`, such as `c 1:3 rwm`. Raises InvalidArgument."""
    parse_rule(text)
    return text


def parse_rule(text: str) -> dict[str, Any]:
    """A rule as linux.resources.devices has it. Raises InvalidArgument."""
    kind, _, rest = text.partition(" ")
    numbers, _, access = rest.partition(" ")
    major, colon, minor = numbers.partition(":")
    if (
        kind not in ("a", "b", "c")
        or not colon
        or not all(
            n == "*" or (n.isascii() and n.isdigit() and len(n) < 10) for n in (major, minor)
        )
        or not 1 <= len(access) <= 3
        or set(access) - set("rwm")
    ):
        hint = "TYPE MAJOR:MINOR ACCESS, such as 'c 189:* rwm'"
        raise InvalidArgument(f"invalid device cgroup format '{text}'", hint=hint)
    return {
        "allow": True,
        "type": kind,
        "major": -1 if major == "*" else int(major),
        "minor": -1 if minor == "*" else int(minor),
        "access": access,
    }


def gather(config: Mapping[str, Any]) -> Granted:
    """The devices that HostConfig asks for, as this host has them now. Raises InvalidArgument."""
    privileged = config["Privileged"]
    nodes = host_devices("/dev") if privileged else []
    own_rules = []
    for mapping in config["Devices"]:
        if privileged and mapping["PathOnHost"] == mapping["PathInContainer"]:
            continue  # it is there already
        for node in find_devices(mapping["PathOnHost"], mapping["PathInContainer"]):
            nodes.append(node)
            own_rules.append(rule_of(node, mapping["CgroupPermissions"]))
    return Granted(tuple(nodes), rules(config, own_rules))


def rules(
    config: Mapping[str, Any], of_devices: Iterable[dict[str, Any]] = ()
) -> tuple[dict[str, Any], ...]:
    """Which devices may be used: all, or the usual ones and those asked for."""
    if config["Privileged"]:
        return tuple(defaults.ALL_DEVICES)
    asked = (parse_rule(text) for text in config["DeviceCgroupRules"])
    return (*defaults.DEVICE_RULES, *of_devices, *asked)


def rule_of(node: Device, access: str) -> dict[str, Any]:
    """The rule that lets a container use a node."""
    return {
        "allow": True,
        "type": node["type"],
        "major": node["major"],
        "minor": node["minor"],
        "access": access,
    }


def find_devices(source: str, target: str) -> list[Device]:
    """A device of the host, or every device in a directory; links are followed, as Docker does.

    Raises NoSuchDevice, or InvalidArgument if it is none.
    """
    doing = f'error gathering device information while adding custom device "{source}"'
    path = os.path.realpath(source)
    try:
        status = os.stat(path)
        if is_device(status):
            return [device(target, status)]
        if not stat.S_ISDIR(status.st_mode):
            raise InvalidArgument(f"{doing}: not a device node")
        found = [device(target + name, child) for name, child in walk(path)]
    except OSError as error:
        kind = NoSuchDevice if isinstance(error, FileNotFoundError) else InvalidArgument
        raise kind(f"{doing}: {os.strerror(error.errno or 0).lower()}") from None
    if not found:
        raise InvalidArgument(f"{doing}: not a device node")
    return found


def walk(top: str) -> Iterator[tuple[str, os.stat_result]]:
    """Device nodes below a directory, by their path from it on; links are not followed."""
    seen = 0
    for directory, _, names in os.walk(top):
        for name in sorted(names):
            seen += 1
            if seen > MAX_DEVICES:
                raise InvalidArgument(f"{top} holds more than {MAX_DEVICES} files")
            path = f"{directory}/{name}"
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if is_device(status):
                yield path.removeprefix(top), status


def host_devices(directory: str) -> list[Device]:
    """Every device node below the host's /dev, but those that a container has of its own."""
    found: list[Device] = []
    with os.scandir(directory) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.path in OWN_DEVICES or entry.is_symlink():
                continue
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                found += host_devices(entry.path)
            elif is_device(status):
                found.append(device(entry.path, status))
    return found


def is_device(status: os.stat_result) -> bool:
    """Whether it is a device node at all."""
    return stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode)


def device(path: str, status: os.stat_result) -> Device:
    """A device node as config.json has it."""
    return {
        "path": path,
        "type": "c" if stat.S_ISCHR(status.st_mode) else "b",
        "major": os.major(status.st_rdev),
        "minor": os.minor(status.st_rdev),
        "fileMode": status.st_mode & 0o777,
        "uid": status.st_uid,
        "gid": status.st_gid,
    }
