"""The grammar of mounts: `-v`, `--tmpfs`, `--volumes-from`, and Docker's JSON of `--mount`.

All pure. `-v` becomes the same JSON that `--mount` is given as, with its options (the mode) beside
it. The words of errors are moby's (volume/mounts/linux_parser.go), which scripts look for.
"""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument
from cuddy.files import quote
from cuddy.kernel import mount
from cuddy.shapes import NamedTuple, TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROPAGATIONS = frozenset(("private", "rprivate", "slave", "rslave", "shared", "rshared"))
MODES = (
    frozenset(("ro", "rw")),
    frozenset(("z", "Z")),  # SELinux labels, where there is SELinux
    PROPAGATIONS,
    frozenset(("nocopy",)),
    frozenset(("consistent", "cached", "delegated")),  # Docker Desktop's
)
"""Options of `-v`: at most one of each kind."""
MAP = "map"
"""Ours, of `-v` and `--mount`: see `owner_map`."""
OF_SOURCE = "source"
"""`Map` of a specification that names nobody."""
MAX_ID = (1 << 32) - 2
TMPFS_FLAGS = frozenset(mount.OPTIONS) - {"bind", "rbind", "remount"}
TMPFS_VALUES = frozenset(("size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"))
TYPES = ("bind", "volume", "tmpfs", "image")
OPTIONS_OF = {"bind": "BindOptions", "volume": "VolumeOptions"}


class MountSpec(TypedDict, total=False):
    """A mount as Docker's API has it in `HostConfig.Mounts`."""

    Type: str  # one of TYPES
    Source: str  # path of the host, name of a volume, reference of an image; "" anonymous
    Target: str
    ReadOnly: bool
    Map: str  # ours: UID[:GID] or OF_SOURCE: whose the files are on the host
    Consistency: str
    BindOptions: dict[str, Any]
    VolumeOptions: dict[str, Any]
    TmpfsOptions: dict[str, Any]
    ImageOptions: dict[str, Any]


class Volume(NamedTuple):
    """What `-v` asked for. `mode`: its options as they were written."""

    spec: MountSpec
    mode: str = ""


def parse_volume(text: str) -> Volume:
    """`-v [SOURCE:]TARGET[:OPTIONS]`. Raises InvalidArgument."""
    parts = text.split(":", 2)
    is_odd = not parts[0] or "\0" in text or (":" in parts[-1] and not is_mode(parts[-1]))
    # `-v /data:ro`: an anonymous volume takes no options.
    if is_odd or (len(parts) == 2 and is_mode(parts[1])):
        hint = "[SOURCE:]TARGET[:OPTIONS]"
        raise InvalidArgument(f"invalid volume specification: '{text}'", hint=hint)
    mode = parts[2] if len(parts) == 3 else ""
    if not is_mode(mode):
        raise InvalidArgument(f"invalid mode: {mode}")
    source, target = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    options = mode.split(",")
    is_bind = source.startswith("/")
    spec: MountSpec = {"Type": "bind" if is_bind else "volume", "Source": source, "Target": target}
    if "ro" in options:
        spec["ReadOnly"] = True
    if "nocopy" in options:
        spec["VolumeOptions"] = {"NoCopy": True}
    if is_bind:
        spec["BindOptions"] = {"CreateMountpoint": True}
    for owner in filter(None, map(map_owner, options)):
        spec["Map"] = owner
    for option in PROPAGATIONS.intersection(options):
        spec["BindOptions"] = {**spec.get("BindOptions", {}), "Propagation": option}
    try:
        check_spec(spec)
    except InvalidArgument as error:
        message = f"invalid volume specification: '{text}': {error.message}"
        raise InvalidArgument(message, hint=error.hint) from None
    return Volume(spec, mode)


def is_mode(text: str) -> bool:
    """Whether a text is a list of options of `-v`; the empty one is."""
    if not text:
        return True
    options = text.split(",")
    known = [sum(option in kind for option in options) for kind in MODES]
    known.append(sum(bool(map_owner(option)) for option in options))
    return sum(known) == len(options) and max(known) <= 1


def map_owner(option: str) -> str:
    """What `Map` is to say by an option of `-v`; "" if the option is another one."""
    name, equals, owner = option.partition("=")
    if name != MAP:
        return ""
    return (owner if is_owner(owner) else "") if equals else OF_SOURCE


def is_owner(text: str) -> bool:
    """Whether a text is UID[:GID]."""
    parts = text.split(":")
    return len(parts) <= 2 and all(
        part.isascii() and part.isdigit() and int(part) <= MAX_ID for part in parts
    )


def parse_volumes_from(text: str) -> tuple[str, bool]:
    """`--volumes-from CONTAINER[:OPTIONS]` -> container, whether it is read-only.

    Raises InvalidArgument.
    """
    name, _, mode = text.partition(":")
    if not name:
        raise InvalidArgument("volumes-from specification cannot be an empty string")
    options = mode.split(",")
    is_odd = "nocopy" in options or PROPAGATIONS.intersection(options)
    if not is_mode(mode) or is_odd or any(map(map_owner, options)):
        raise InvalidArgument(f"invalid mode: {mode}")
    return name, "ro" in options


def check_spec(spec: MountSpec) -> None:
    """Whether a mount makes sense by itself. Raises InvalidArgument."""
    kind = spec.get("Type", "")
    try:
        check_target(spec.get("Target", ""))
        if kind not in TYPES:
            raise InvalidArgument("mount type unknown", hint=f"one of {', '.join(TYPES)}")
        for other, options in OPTIONS_OF.items():
            if other != kind and spec.get(options):
                raise InvalidArgument(f"field {options} must not be specified")
        _check_map(spec)
        _CHECKS[kind](spec)
    except InvalidArgument as error:
        message = f"invalid mount config for type {quote(kind)}: {error.message}"
        raise InvalidArgument(message, hint=error.hint) from None


def _check_map(spec: MountSpec) -> None:
    owner = spec.get("Map")
    if owner and spec["Type"] not in OPTIONS_OF:
        raise InvalidArgument("field Map must not be specified")
    if owner and owner != OF_SOURCE and not is_owner(owner):
        raise InvalidArgument(f"invalid owner to map to: {owner}", hint="UID[:GID], as numbers")


def _check_bind(spec: MountSpec) -> None:
    source = spec.get("Source", "")
    if not source:
        raise InvalidArgument("field Source must not be empty")
    propagation = (spec.get("BindOptions") or {}).get("Propagation")
    if propagation and propagation not in PROPAGATIONS:
        raise InvalidArgument(f"invalid propagation mode: {propagation}")
    _check_absolute(source)


def _check_volume(spec: MountSpec) -> None:
    is_anonymous = not spec.get("Source")
    subpath = (spec.get("VolumeOptions") or {}).get("Subpath")
    if subpath and is_anonymous:
        raise InvalidArgument("must not set Subpath when using anonymous volumes")
    _check_subpath(subpath or "")
    if spec.get("ReadOnly") and is_anonymous:
        raise InvalidArgument("must not set ReadOnly mode when using anonymous volumes")


def _check_tmpfs(spec: MountSpec) -> None:
    if spec.get("Source"):
        raise InvalidArgument("field Source must not be specified")
    tmpfs_options(spec)


def _check_image(spec: MountSpec) -> None:
    if not spec.get("Source"):
        raise InvalidArgument("field Source must not be empty")
    _check_subpath((spec.get("ImageOptions") or {}).get("Subpath") or "")


_CHECKS = {
    "bind": _check_bind, "volume": _check_volume, "tmpfs": _check_tmpfs, "image": _check_image,
}  # fmt: skip


def _check_subpath(path: str) -> None:
    """A path that stays below where it starts; links in it are for whoever opens it."""
    clean = os.path.normpath(path)
    if path and (clean == ".." or clean.startswith(("/", "../"))):
        raise InvalidArgument("subpath must be a relative path within the volume")


def _check_absolute(path: str) -> None:
    if not path.startswith("/"):
        raise InvalidArgument(f"invalid mount path: '{path}' mount path must be absolute")
    if "\0" in path:
        raise InvalidArgument("invalid mount path: it has a NUL character")


def check_target(target: str) -> str:
    """A path inside the container, cleaned. Raises InvalidArgument."""
    if not target:
        raise InvalidArgument("field Target must not be empty")
    if clean(target) == "/" and target.startswith("/"):
        raise InvalidArgument("invalid specification: destination can't be '/'")
    _check_absolute(target)
    return clean(target)


def clean(path: str) -> str:
    """An absolute path in its one spelling."""
    return "/" + os.path.normpath("/" + path).lstrip("/")


def parse_tmpfs(text: str) -> tuple[str, str]:
    """`--tmpfs TARGET[:OPTIONS]` -> target and options. Raises InvalidArgument."""
    target, _, options = text.partition(":")
    for option in options.split(",") if options else ():
        name, _, value = option.partition("=")
        if option not in TMPFS_FLAGS and not (name in TMPFS_VALUES and value):
            raise InvalidArgument(f"invalid tmpfs option [{quote(option)}]")
    return check_target(target), options


def tmpfs_options(spec: MountSpec) -> str:
    """The options of a tmpfs that `--mount` asked for, as mount(8) has them.

    Raises InvalidArgument.
    """
    wanted = spec.get("TmpfsOptions") or {}
    found = ["ro"] if spec.get("ReadOnly") else []
    if wanted.get("Mode"):
        found.append(f"mode={wanted['Mode']:o}")
    if size := wanted.get("SizeBytes"):
        found.append(f"size={size}")
    for option in wanted.get("Options") or ():
        if not 1 <= len(option) <= 2:
            raise InvalidArgument("invalid option array length")
        if option[0] not in ("exec", "noexec"):
            raise InvalidArgument(f"invalid option: {option[0]}")
        found.append("=".join(option))
    return ",".join(found)
