"""What a create body mounts: `Binds`, `Mounts`, `Tmpfs`, `VolumesFrom`, and `Volumes` beside it."""

from __future__ import annotations

from cuddy.api import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from cuddy.engine.mount_grammar import MountSpec

    Read = Callable[[Mapping[str, Any], str], Any]


def options(document: Mapping[str, Any], host: Mapping[str, Any]) -> dict[str, Any]:
    """Their part of the options. Raises InvalidArgument."""
    tmpfs = fields.labels(host, "Tmpfs")
    return {
        # Anonymous volumes stand at the top of the body, and in `Binds` without a source.
        "volumes": (*fields.texts(host, "Binds"), *fields.mapping(document, "Volumes")),
        "volumes_from": tuple(fields.texts(host, "VolumesFrom")),
        "volume_driver": fields.text(host, "VolumeDriver"),
        "tmpfs": tuple(f"{path}:{mode}" if mode else path for path, mode in tmpfs.items()),
        "mounts": tuple(map(mount, fields.mappings(host, "Mounts"))),
    }


def mount(document: Mapping[str, Any]) -> MountSpec:
    """An entry of `Mounts`: only what says something. Raises InvalidArgument."""
    found: Any = said(document, MOUNT)
    for section, known in SECTIONS.items():
        if fields.has(document, section):
            found[section] = said(fields.mapping(document, section), known)
    spec: MountSpec = found
    return spec


def said(document: Mapping[str, Any], known: Mapping[str, Read]) -> dict[str, Any]:
    """The known fields that are set. Raises InvalidArgument."""
    found = {name: read(document, name) for name, read in known.items()}
    return {name: value for name, value in found.items() if value}


def driver(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """`DriverConfig`: who keeps a volume. Raises InvalidArgument."""
    return said(fields.mapping(document, name), {"Name": fields.text, "Options": fields.labels})


MOUNT: dict[str, Read] = {
    "Type": fields.text, "Source": fields.text, "Target": fields.text, "ReadOnly": fields.flag,
    "Consistency": fields.text, "Map": fields.text,
}  # fmt: skip
SECTIONS: dict[str, dict[str, Read]] = {
    "BindOptions": {
        "Propagation": fields.text, "CreateMountpoint": fields.flag, "NonRecursive": fields.flag,
        "ReadOnlyNonRecursive": fields.flag, "ReadOnlyForceRecursive": fields.flag,
    },
    "VolumeOptions": {
        "NoCopy": fields.flag, "Labels": fields.labels, "Subpath": fields.text,
        "DriverConfig": driver,
    },
    "TmpfsOptions": {"SizeBytes": fields.number, "Mode": fields.number, "Options": fields.lists},
    "ImageOptions": {"Subpath": fields.text},
}  # fmt: skip
