"""A container as systemd knows it: the scope's name, and limits as properties of a unit. Pure.

systemd.resource-control(5), org.freedesktop.systemd1(5). What systemd has no property for is
written into the group's files; what it has one for is told to it as well, or it would undo it when
it is reloaded.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.runtime import resources as limits
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from cuddy.kernel.cgroup_limits import CgroupWrite

    Property = tuple[str, tuple[str, Any]]

INFINITY = (1 << 64) - 1
SECOND_US = 1_000_000
PERCENT_US = 10_000
"""systemd counts CPU time in hundredths."""
NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@")
NAME_BYTES = 255
ANNOTATION = "org.systemd.property."
UNIFIED = {
    "cpu.weight": "CPUWeight", "memory.high": "MemoryHigh", "memory.low": "MemoryLow",
    "memory.min": "MemoryMin", "memory.max": "MemoryMax", "memory.swap.max": "MemorySwapMax",
    "pids.max": "TasksMax",
}  # fmt: skip
NUMBER_TYPES = {"byte": "y", "int16": "n", "uint16": "q", "int32": "i", "uint32": "u",
                "int64": "x", "uint64": "t", "boolean": "b"}  # fmt: skip


class Place(NamedTuple):
    """Where the container's scope is to be."""

    slice: str
    unit: str


def place_of(path: str, container_id: str, *, rootless: bool) -> Place:
    """The scope that a cgroupsPath `slice:prefix:name` means. Raises InvalidArgument."""
    home = "user.slice" if rootless else "system.slice"
    parts = path.split(":") if path else [home, "cuddy", container_id]
    if len(parts) != 3:
        raise InvalidArgument(
            'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups,'
            f' got "{path}" instead'
        )
    parent, prefix, name = parts
    unit = f"{prefix}-{name}.scope" if prefix else f"{name}.scope"
    parent = parent or home
    if name.endswith(".slice") or not is_name(unit):
        raise InvalidArgument(f"not a name for a scope of systemd: {unit!r}")
    check_slice(parent)
    return Place(parent, unit)


def is_name(text: str) -> bool:
    """Whether systemd takes it as a unit's name: systemd.unit(5)."""
    return 0 < len(text) <= NAME_BYTES and NAME_CHARACTERS.issuperset(text)


def check_slice(name: str) -> None:
    """Raise InvalidArgument if it is no slice: systemd.slice(5)."""
    stem = name.removesuffix(".slice")
    pieces = stem.split("-")
    if not name.endswith(".slice") or not is_name(name) or (stem != "-" and "" in pieces):
        raise InvalidArgument(f"invalid slice name: {name}")


def properties(
    place: Place, container_id: str, pid: int, wanted: Mapping[str, Any], *, v1: bool
) -> list[Property]:
    """Everything that systemd is told of a new scope with one process. Raises InvalidArgument."""
    io = "BlockIOAccounting" if v1 else "IOAccounting"
    accounting = ("CPUAccounting", "MemoryAccounting", io, "TasksAccounting")
    return [
        ("Description", ("s", f"container {container_id}")),
        ("Slice", ("s", place.slice)),
        ("Delegate", ("b", True)),
        ("DefaultDependencies", ("b", False)),
        ("PIDs", ("au", [pid])),
        *((name, ("b", True)) for name in accounting),
        *limits_of(wanted, v1=v1),
    ]


def limits_of(wanted: Mapping[str, Any], *, v1: bool) -> list[Property]:
    """linux.resources, as far as systemd has words for them. Raises InvalidArgument."""
    return [
        *memory_of(wanted.get("memory") or {}, v1=v1),
        *cpu_of(wanted.get("cpu") or {}, v1=v1),
        *pids_of(wanted.get("pids") or {}),
        *unified_of(wanted.get("unified") or {}),
    ]


def amount(value: int) -> tuple[str, int]:
    """A limit: negative is none."""
    return "t", value if value >= 0 else INFINITY


def memory_of(memory: Mapping[str, Any], *, v1: bool) -> Iterator[Property]:
    """Memory, what is spared, and swap."""
    limit, swap = limits.number(memory, "limit") or 0, limits.number(memory, "swap") or 0
    if limit:
        yield "MemoryLimit" if v1 else "MemoryMax", amount(limit)
    if v1:
        return
    if reservation := limits.number(memory, "reservation"):
        yield "MemoryLow", amount(reservation)
    if swap or limit < 0:
        yield "MemorySwapMax", amount(swap - limit if swap > 0 else -1)


def cpu_of(cpu: Mapping[str, Any], *, v1: bool) -> Iterator[Property]:
    """Shares, quota, and which CPUs and memory nodes."""
    if shares := limits.number(cpu, "shares"):
        yield ("CPUShares", ("t", shares)) if v1 else ("CPUWeight", ("t", limits.weight_of(shares)))
    quota = limits.number(cpu, "quota") or 0
    period = limits.number(cpu, "period") or 0
    if period:
        yield "CPUQuotaPeriodUSec", ("t", period)
    if quota:
        yield "CPUQuotaPerSecUSec", amount(quota_of(quota, period or limits.DEFAULT_PERIOD_US))
    for key, name in (("cpus", "AllowedCPUs"), ("mems", "AllowedMemoryNodes")):
        if not v1 and (text := cpu.get(key)):
            yield name, ("ay", list(mask_of(text)))


def quota_of(quota: int, period: int) -> int:
    """Microseconds of each second, rounded up to what systemd can say; negative is no limit."""
    if quota < 0:
        return -1
    per_second = quota * SECOND_US // period
    return per_second + -per_second % PERCENT_US


def mask_of(text: object) -> bytes:
    """A list such as 0-2,5 as bits, from the lowest byte on. Raises InvalidArgument."""
    bits = 0
    try:
        for part in str(text).split(","):
            first, _, last = part.partition("-")
            low, high = int(first), int(last or first)
            if not 0 <= low <= high < 1 << 16:
                raise ValueError
            bits |= (1 << high + 1) - (1 << low)
    except ValueError:
        raise InvalidArgument(f"not a list of CPUs or memory nodes: {text!r}") from None
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def pids_of(pids: Mapping[str, Any]) -> Iterator[Property]:
    """Processes and threads."""
    if limit := limits.number(pids, "limit"):
        yield "TasksMax", amount(limit)


def unified_of(values: Mapping[str, Any]) -> Iterator[Property]:
    """Files of version 2 for which there are properties."""
    for file, value in values.items():
        text = str(value).strip()
        if file in UNIFIED and (text == "max" or text.isdecimal()):
            yield UNIFIED[file], amount(-1 if text == "max" else int(text))
        elif file in ("cpuset.cpus", "cpuset.mems"):
            name = "AllowedCPUs" if file == "cpuset.cpus" else "AllowedMemoryNodes"
            yield name, ("ay", list(mask_of(text)))


def devices_of(writes: list[CgroupWrite], names: Mapping[tuple[str, int], str]) -> list[Property]:
    """The device rules as a list of what is allowed; `names`: of the kernel's drivers.

    Only the group's own rules are exact: systemd's list, which holds as well, may allow more.
    """
    allowed: list[tuple[str, str]] = []
    for write in writes:
        is_allowed = write.file == "devices.allow"
        if write.value == "a":
            if is_allowed and write is writes[-1]:
                return [("DevicePolicy", ("s", "auto"))]
            allowed = []
        elif is_allowed and (entry := device_of(write.value, names)):
            allowed.append(entry)
    return [("DevicePolicy", ("s", "strict")), ("DeviceAllow", ("a(ss)", allowed))]


def device_of(rule: str, names: Mapping[tuple[str, int], str]) -> tuple[str, str] | None:
    """One rule such as `c 136:* rwm`; None if systemd has no name for it."""
    kind, numbers, access = rule.split()
    word = "char" if kind == "c" else "block"
    major, _, minor = numbers.partition(":")
    if major == "*":
        return (f"{word}-*", access) if minor == "*" else None
    if minor != "*":
        return f"/dev/{word}/{numbers}", access
    name = names.get((word, int(major)), "")
    return (f"{word}-{name}", access) if name else None


def drivers(text: str) -> dict[tuple[str, int], str]:
    """The drivers in /proc/devices by kind and major number (proc(5))."""
    found = {}
    kind = ""
    for line in text.splitlines():
        number, _, name = line.strip().partition(" ")
        if line.endswith("devices:"):
            kind = "char" if line.startswith("Character") else "block"
        elif number.isdecimal():
            found[kind, int(number)] = name
    return found


def annotated(annotations: Mapping[str, str]) -> list[Property]:
    """Properties that the caller names: org.systemd.property.NAME. Raises InvalidArgument."""
    found = []
    for key, text in sorted(annotations.items()):
        if key.startswith(ANNOTATION):
            name = key.removeprefix(ANNOTATION)
            if not (name.isalpha() and name.isascii() and len(name) >= 3):
                raise InvalidArgument(f"annotation {key}: not a property of systemd")
            found.append(in_microseconds(name, value_of(key, text)))
    return found


def in_microseconds(name: str, value: tuple[str, Any]) -> Property:
    """systemctl's FooSec is FooUSec on the bus."""
    if not name.endswith("Sec") or name.endswith("USec") or value[0] not in "qiuxt":
        return name, value
    return f"{name.removesuffix('Sec')}USec", ("t", value[1] * SECOND_US)


def value_of(key: str, text: str) -> tuple[str, Any]:
    """A value in GVariant's text format: 'text', true, 7, uint64 7. Raises InvalidArgument."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"" and "\\" not in text:
        return "s", text[1:-1]
    word, _, rest = text.rpartition(" ")
    kind = NUMBER_TYPES.get(word or "int32", "")
    if text in ("true", "false"):
        return "b", text == "true"
    if kind and kind != "b" and rest.removeprefix("-").isdecimal():
        return kind, int(rest)
    raise InvalidArgument(f"annotation {key}: cannot read the value {text!r}")
