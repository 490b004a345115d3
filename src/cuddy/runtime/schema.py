"""The shape of config.json: which field holds what (runtime-spec, schema/*.json).

For bundles of others: after `clean` every field that the specification names is of its type and in
its range, and null is what it means, nothing there. Fields that nobody has named are left alone. A
name with `!` is of a field that must be there.
What values go with each other is for those to say who use them.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Whole(NamedTuple):
    """A whole number in a range."""

    least: int
    most: int


class Each(NamedTuple):
    """An object of the author's own names, whose values are all of one shape."""

    shape: object


U16, U32, U64 = (Whole(0, (1 << bits) - 1) for bits in (16, 32, 64))
I32, I64 = (Whole(-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (32, 64))
# -1 means without limit; some engines write it as the largest unsigned number.
LIMIT = Whole(I64.least, U64.most)
WORDS: dict[object, str] = {str: "text", bool: "true or false"}

IDS = [{"containerID!": U32, "hostID!": U32, "size!": U32}]
HOOK_KINDS = (
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
)  # fmt: skip
HOOKS = [{"path!": str, "args": [str], "env": [str], "timeout": I64}]
CAPABILITIES = {
    kind: [str] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")
}
PROCESS = {
    "terminal": bool,
    "consoleSize": {"height": U32, "width": U32},
    "user": {"uid": U32, "gid": U32, "umask": U32, "additionalGids": [U32], "username": str},
    "args": [str],
    "commandLine": str,
    "env": [str],
    "cwd": str,
    "capabilities": CAPABILITIES,
    "rlimits": [{"type!": str, "soft": LIMIT, "hard": LIMIT}],
    "noNewPrivileges": bool,
    "apparmorProfile": str,
    "selinuxLabel": str,
    "oomScoreAdj": I64,
    "scheduler": {
        "policy!": str, "nice": I32, "priority": I32, "flags": [str],
        "runtime": U64, "deadline": U64, "period": U64,
    },
    "ioPriority": {"class!": str, "priority": I64},
    "execCPUAffinity": {"initial": str, "final": str},
}  # fmt: skip
RATES = [{"major!": I64, "minor!": I64, "rate": U64}]
RESOURCES = {
    "devices": [{"allow": bool, "type": str, "major": I64, "minor": I64, "access": str}],
    "memory": {
        "limit": LIMIT, "reservation": LIMIT, "swap": LIMIT, "kernel": LIMIT, "kernelTCP": LIMIT,
        "swappiness": U64, "disableOOMKiller": bool, "useHierarchy": bool,
        "checkBeforeUpdate": bool,
    },
    "cpu": {
        "shares": U64, "quota": I64, "burst": U64, "period": U64, "realtimeRuntime": I64,
        "realtimePeriod": U64, "cpus": str, "mems": str, "idle": I64,
    },
    "pids": {"limit": I64},
    "blockIO": {
        "weight": U16, "leafWeight": U16,
        "weightDevice": [{"major!": I64, "minor!": I64, "weight": U16, "leafWeight": U16}],
        "throttleReadBpsDevice": RATES, "throttleWriteBpsDevice": RATES,
        "throttleReadIOPSDevice": RATES, "throttleWriteIOPSDevice": RATES,
    },
    "hugepageLimits": [{"pageSize!": str, "limit!": U64}],
    "network": {"classID": U32, "priorities": [{"name!": str, "priority!": U32}]},
    "rdma": Each({"hcaHandles": U32, "hcaObjects": U32}),
    "unified": Each(str),
}  # fmt: skip
SECCOMP = {
    "defaultAction!": str,
    "defaultErrnoRet": U32,
    "architectures": [str],
    "flags": [str],
    "listenerPath": str,
    "listenerMetadata": str,
    "syscalls": [{
        "names!": [str], "action!": str, "errnoRet": U32,
        "args": [{"index!": U32, "value!": U64, "valueTwo": U64, "op!": str}],
    }],
}  # fmt: skip
LINUX = {
    "namespaces": [{"type!": str, "path": str}],
    "uidMappings": IDS,
    "gidMappings": IDS,
    "timeOffsets": Each({"secs": I64, "nanosecs": U32}),
    "devices": [{
        "type!": str, "path!": str, "major": I64, "minor": I64, "fileMode": U32, "uid": U32,
        "gid": U32,
    }],
    "netDevices": Each({"name": str}),
    "cgroupsPath": str,
    "resources": RESOURCES,
    "intelRdt": {
        "closID": str, "schemata": [str], "l3CacheSchema": str, "memBwSchema": str,
        "enableCMT": bool, "enableMBM": bool, "enableMonitoring": bool,
    },
    "memoryPolicy": {"mode": str, "nodes": str, "flags": [str]},
    "rootfsPropagation": str,
    "seccomp": SECCOMP,
    "sysctl": Each(str),
    "maskedPaths": [str],
    "readonlyPaths": [str],
    "mountLabel": str,
    "personality": {"domain!": str, "flags": [str]},
}  # fmt: skip
CONFIG = {
    "ociVersion": str,
    "root": {"path": str, "readonly": bool},
    "mounts": [{
        "destination!": str, "source": str, "type": str, "options": [str],
        "uidMappings": IDS, "gidMappings": IDS,
    }],
    "process": PROCESS,
    "hostname": str,
    "domainname": str,
    "hooks": dict.fromkeys(HOOK_KINDS, HOOKS),
    "annotations": Each(str),
    "linux": LINUX,
}  # fmt: skip


def clean(value: Any, shape: object, name: str = "") -> Any:
    """The value without its nulls. Raises InvalidArgument with the name of the field that is not
    of its shape.
    """
    if isinstance(shape, list):
        if not isinstance(value, list):
            raise wrong(name, "list")
        return [clean(each, shape[0], f"{name}[{place}]") for place, each in enumerate(value)]
    if isinstance(shape, (dict, Each)):
        if not isinstance(value, dict):
            raise wrong(name, "object")
        return clean_object(value, shape, name)
    if isinstance(shape, Whole):
        if type(value) is not int:
            raise wrong(name, "whole number")
        if not shape.least <= value <= shape.most:
            raise InvalidArgument(f"config.json: {name}: {value} is out of range")
    elif type(value) is not shape:
        raise wrong(name, WORDS[shape])
    elif shape is str and "\0" in value:
        raise InvalidArgument(f"config.json: {name} has a NUL character")
    return value


def clean_object(value: dict[str, Any], shape: dict[str, Any] | Each, name: str) -> dict[str, Any]:
    """The same for what has fields."""
    fields = {} if isinstance(shape, Each) else {key.rstrip("!"): shape[key] for key in shape}
    cleaned = {}
    for field, inside in value.items():
        if inside is None:
            continue
        expected = shape.shape if isinstance(shape, Each) else fields.get(field)
        where = f"{name}.{field}" if name else field
        cleaned[field] = clean(inside, expected, where) if expected else inside
    for key in () if isinstance(shape, Each) else shape:
        if key.endswith("!") and key[:-1] not in cleaned:
            where = f"{name}.{key[:-1]}" if name else key[:-1]
            raise InvalidArgument(f"config.json: {where} is missing")
    return cleaned


def wrong(name: str, word: str) -> InvalidArgument:
    """What to say of a value of another kind."""
    return InvalidArgument(f"config.json: {name or 'the whole'} is no {word}")
