"""Devices by name, `vendor.com/class=device`: what their vendors say a container needs for them.

A specification is a JSON file in /etc/cdi or /var/run/cdi, whose edits are made to config.json:
https://github.com/cncf-tags/container-device-interface, SPEC.md ("Container Device Interface").
"""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.engine import devices, gpus
from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from cuddy.runtime.spec import Config, Device, MountEntry

DIRECTORIES = ("/etc/cdi", "/var/run/cdi")
"""In the order of their weight: a device in the second hides one of that name in the first."""
MAX_SPEC_BYTES = 4 << 20
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
WORD = LETTERS | frozenset("0123456789_-")
HOOKS = frozenset((
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
))  # fmt: skip


class Edits(NamedTuple):
    """What is added to a container's config.json."""

    env: tuple[str, ...] = ()
    nodes: tuple[Device, ...] = ()
    rules: tuple[dict[str, Any], ...] = ()
    mounts: tuple[MountEntry, ...] = ()
    hooks: tuple[tuple[str, dict[str, Any]], ...] = ()
    groups: tuple[int, ...] = ()


def is_name(text: str) -> bool:
    """Whether a device is named as VENDOR/CLASS=DEVICE, and not by a path."""
    kind, equals, device = text.partition("=")
    vendor, slash, class_ = kind.partition("/")
    return (
        bool(equals and slash)
        and is_word(vendor, WORD | {"."})
        and is_word(class_, WORD)
        and WORD.issuperset(device.replace(".", "").replace(":", ""))
        and device[:1].isalnum()
    )


def is_word(text: str, allowed: frozenset[str]) -> bool:
    """A vendor or class: begins with a letter, ends with a letter or digit."""
    return text[:1] in LETTERS and text[-1:].isalnum() and allowed.issuperset(text)


def find(requests: Sequence[Mapping[str, Any]], directories: Sequence[str] = DIRECTORIES) -> Edits:
    """The edits that the requested devices need. Raises InvalidArgument for one nobody knows."""
    if not requests:
        return Edits()
    known = load(directories)
    edits: list[Mapping[str, Any]] = []
    specs: list[str] = []
    for request in requests:
        wanted = gpus.names(request)
        missing = [name for name in wanted if name not in known]
        nobody = missing or not (wanted or known)
        if nobody and request["Driver"] != "cdi":
            raise gpus.unknown(request, hint=hint(directories))
        if missing:
            message = f"CDI device injection failed: unresolvable CDI devices {', '.join(missing)}"
            raise InvalidArgument(message, hint=hint(directories))
        for name in wanted:
            path, spec, device = known[name]
            if path not in specs:
                specs.append(path)
                edits.append(spec.get("containerEdits") or {})
            edits.append(device.get("containerEdits") or {})
    return combine(edits)


def hint(directories: Sequence[str]) -> str:
    """Where a specification should be, and what may be wrong with one that is there."""
    for directory in directories:
        for name in files.list_directory(directory):
            if name.endswith((".yaml", ".yml")):
                return (
                    f"{directory}/{name} is YAML, and only JSON is read:"
                    " 'nvidia-ctk cdi generate --format=json' writes it"
                )
    return f"its vendor's tool writes a JSON file to {' or '.join(directories)}"


def load(
    directories: Sequence[str],
) -> dict[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """All devices by name: the file they are in, its specification, and their own part of it.

    Raises InvalidArgument for a file that is none.
    """
    found: dict[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {}
    for directory in directories:
        here: dict[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {}
        for file in sorted(files.list_directory(directory)):
            path = f"{directory}/{file}"
            if not file.endswith(".json"):
                continue
            spec = read(path)
            for device in spec["devices"]:
                name = f"{spec['kind']}={device.get('name')}"
                if name in here:
                    message = f"CDI device {name} is in {here[name][0]} and in {path}"
                    raise InvalidArgument(message, hint="remove one of them")
                here[name] = path, spec, device
        found |= here
    return found


def read(path: str) -> dict[str, Any]:
    """One specification. Raises InvalidArgument."""
    try:
        spec: Any = files.parse_json(files.read_bytes(path, limit=MAX_SPEC_BYTES))
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"CDI specification {path}: {error}") from None
    devices_ = spec.get("devices") if isinstance(spec, dict) else None
    if not isinstance(devices_, list) or not isinstance(spec.get("kind"), str):
        raise InvalidArgument(f"CDI specification {path}: no kind or no devices")
    for part in (spec, *devices_):
        edits = part.get("containerEdits", {}) if isinstance(part, dict) else 0
        if not isinstance(edits, dict):
            raise InvalidArgument(f"CDI specification {path}: a part is no object")
    checked: dict[str, Any] = spec
    return checked


def combine(edits: Iterable[Mapping[str, Any]]) -> Edits:
    """All edits as one, with the device nodes as this host has them. Raises InvalidArgument."""
    found = Edits()
    try:
        for part in edits:
            granted = [node(each) for each in part.get("deviceNodes") or ()]
            found = Edits(
                (*found.env, *(str(each) for each in part.get("env") or ())),
                (*found.nodes, *(one for one, _ in granted)),
                (*found.rules, *(rule for _, rule in granted)),
                (*found.mounts, *(mount(each) for each in part.get("mounts") or ())),
                (*found.hooks, *(hook(each) for each in part.get("hooks") or ())),
                (*found.groups, *(int(each) for each in part.get("additionalGids") or ())),
            )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidArgument(f"a CDI specification is malformed: {error!r}") from None
    return found


def node(wanted: Mapping[str, Any]) -> tuple[Device, dict[str, Any]]:
    """A device node and its rule; what the specification leaves out is the host's device's."""
    path = wanted["path"]
    source = wanted.get("hostPath") or path
    if "major" in wanted and wanted.get("type") in ("b", "c", "u"):
        made: Device = {"path": path, "type": wanted["type"], "major": int(wanted["major"]),
                        "minor": int(wanted.get("minor", 0)), "fileMode": 0o666}  # fmt: skip
    else:
        made = devices.find_devices(source, path)[0]
    if "fileMode" in wanted:
        made["fileMode"] = stat.S_IMODE(int(wanted["fileMode"]))
    for owner in ("uid", "gid"):
        if owner in wanted:
            made[owner] = int(wanted[owner])
    return made, devices.rule_of(made, wanted.get("permissions") or "rwm")


def mount(wanted: Mapping[str, Any]) -> MountEntry:
    """A mount as config.json has it."""
    source, target = str(wanted["hostPath"]), str(wanted["containerPath"])
    if not os.path.isabs(target):
        raise ValueError(f"containerPath {target} is not absolute")
    options = [
        str(option) for option in wanted.get("options") or ("ro", "nosuid", "nodev", "rbind")
    ]
    return {
        "destination": target,
        "type": str(wanted.get("type") or "bind"),
        "source": source,
        "options": options,
    }


def hook(wanted: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """At which point of the life cycle, and the hook as config.json has it."""
    name = wanted["hookName"]
    if name not in HOOKS:
        raise ValueError(f"unknown hook {name}")
    fields = ("path", "args", "env", "timeout")
    return name, {field: wanted[field] for field in fields if field in wanted}


def apply(config: Config, edits: Edits) -> None:
    """Make the edits to a config.json."""
    process, linux = config["process"], config["linux"]
    names = {entry.partition("=")[0] for entry in edits.env}
    process["env"] = [e for e in process["env"] if e.partition("=")[0] not in names]
    process["env"] += edits.env
    process["user"]["additionalGids"] = [*process["user"]["additionalGids"], *edits.groups]
    linux["devices"] = [*linux["devices"], *edits.nodes]
    linux["resources"]["devices"] = [*linux["resources"]["devices"], *edits.rules]
    config["mounts"] = [*config["mounts"], *edits.mounts]
    for name, entry in edits.hooks:
        config.setdefault("hooks", {}).setdefault(name, []).append(entry)  # type: ignore[arg-type]
