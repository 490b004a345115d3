"""`--mount`: one line of CSV with KEY=VALUE fields becomes a mount as Docker's API has it.

Its grammar and the words of its errors are docker/cli's (opts/mount.go).
"""

from __future__ import annotations

import os

from cuddy import comma_separated
from cuddy.cli import values
from cuddy.engine.mount_grammar import OF_SOURCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.engine.mount_grammar import MountSpec

RECURSIVE = ("enabled", "disabled", "writable", "readonly")
PREFIXES = {"volume": "VolumeOptions", "bind": "BindOptions", "image": "ImageOptions",
            "tmpfs": "TmpfsOptions"}  # fmt: skip


def mount(text: str) -> MountSpec:
    """A mount from the command line. Raises ValueError in Docker's words."""
    spec: dict[str, Any] = {"Type": "volume"}
    for field in comma_separated.read_record(text):
        key, equals, value = field.partition("=")
        key = key.lower()
        if not equals and key not in FLAGS:
            raise ValueError(f"invalid field '{field}' must be a key=value pair")
        if key not in KEYS:
            raise ValueError(f"unexpected key '{key}' in '{field}'")
        KEYS[key](spec, key, value if equals else "true")
    if not spec["Type"]:
        raise ValueError("type is required")
    if not spec.get("Target"):
        raise ValueError("target is required")
    for kind, options in PREFIXES.items():
        if options in spec and spec["Type"] != kind:
            raise ValueError(f"cannot mix '{kind}-*' options with mount type '{spec['Type']}'")
    _check_recursion(spec)
    return {key: value for key, value in spec.items() if value not in ("", False)}  # type: ignore[return-value]


def _check_recursion(spec: dict[str, Any]) -> None:
    """What `bind-recursive` wants of the other fields."""
    options = spec.get("BindOptions") or {}
    for field, word in (
        ("ReadOnlyNonRecursive", "writable"),
        ("ReadOnlyForceRecursive", "readonly"),
    ):
        if options.get(field) and not spec.get("ReadOnly"):
            raise ValueError(
                f"option 'bind-recursive={word}' requires 'readonly' to be specified in conjunction"
            )
    if options.get("ReadOnlyForceRecursive") and options.get("Propagation") != "rprivate":
        raise ValueError(
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified "
            "in conjunction"
        )


def _text(field: str, *, lower: bool = False) -> Callable[[dict[str, Any], str, str], None]:
    def read(spec: dict[str, Any], key: str, value: str) -> None:
        spec[field] = value.lower() if lower else value

    return read


def _source(spec: dict[str, Any], key: str, value: str) -> None:
    """A path of the host that begins with a dot is relative to where we are."""
    is_relative = value in (".", "..") or value.startswith(("./", "../"))
    spec["Source"] = os.path.abspath(value) if is_relative else value


def _boolean(section: str, field: str) -> Callable[[dict[str, Any], str, str], None]:
    def read(spec: dict[str, Any], key: str, value: str) -> None:
        try:
            chosen = values.boolean(value)
        except ValueError:
            raise ValueError(f"invalid value for {key}: {value}") from None
        where = spec.setdefault(section, {}) if section else spec
        where[field] = chosen
        if not chosen:
            del where[field]

    return read


def _option(
    section: str, field: str, *, lower: bool = False
) -> Callable[[dict[str, Any], str, str], None]:
    def read(spec: dict[str, Any], key: str, value: str) -> None:
        options = spec.setdefault(section, {})
        if value:
            options[field] = value.lower() if lower else value

    return read


def _recursive(spec: dict[str, Any], key: str, value: str) -> None:
    if value not in RECURSIVE:
        words = '(must be "enabled", "disabled", "writable", or "readonly")'
        raise ValueError(f"invalid value for {key}: {value} {words}")
    fields = {"disabled": "NonRecursive", "writable": "ReadOnlyNonRecursive",
              "readonly": "ReadOnlyForceRecursive"}  # fmt: skip
    if value in fields:
        spec.setdefault("BindOptions", {})[fields[value]] = True


def _label(spec: dict[str, Any], key: str, value: str) -> None:
    name, _, text = value.partition("=")
    labels = spec.setdefault("VolumeOptions", {}).setdefault("Labels", {})
    if name:
        labels[name] = text


def _driver(spec: dict[str, Any], key: str, value: str) -> None:
    spec.setdefault("VolumeOptions", {}).setdefault("DriverConfig", {})["Name"] = value


def _driver_option(spec: dict[str, Any], key: str, value: str) -> None:
    name, _, text = value.partition("=")
    config = spec.setdefault("VolumeOptions", {}).setdefault("DriverConfig", {})
    if name:
        config.setdefault("Options", {})[name] = text


def _size(spec: dict[str, Any], key: str, value: str) -> None:
    try:
        size = values.size(value)
    except ValueError:
        raise ValueError(f"invalid value for {key}: {value}") from None
    spec.setdefault("TmpfsOptions", {})["SizeBytes"] = size


def _mode(spec: dict[str, Any], key: str, value: str) -> None:
    if not value or not set(value) <= set("01234567") or int(value, 8) >= 1 << 32:
        raise ValueError(f"invalid value for {key}: {value}")
    spec.setdefault("TmpfsOptions", {})["Mode"] = int(value, 8)


def _map(spec: dict[str, Any], key: str, value: str) -> None:
    spec["Map"] = OF_SOURCE if value == "true" else value


FLAGS = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src", "map")
"""Keys that stand for "true" without a value."""
KEYS: dict[str, Callable[[dict[str, Any], str, str], None]] = {
    "type": _text("Type", lower=True),
    "source": _source, "src": _source,
    "target": _text("Target"), "dst": _text("Target"), "destination": _text("Target"),
    "readonly": _boolean("", "ReadOnly"), "ro": _boolean("", "ReadOnly"),
    "map": _map,
    "consistency": _text("Consistency", lower=True),
    "bind-propagation": _option("BindOptions", "Propagation", lower=True),
    "bind-nonrecursive": _boolean("BindOptions", "NonRecursive"),
    "bind-recursive": _recursive,
    "bind-create-src": _boolean("BindOptions", "CreateMountpoint"),
    "volume-subpath": _option("VolumeOptions", "Subpath"),
    "volume-nocopy": _boolean("VolumeOptions", "NoCopy"),
    "volume-label": _label,
    "volume-driver": _driver,
    "volume-opt": _driver_option,
    "image-subpath": _option("ImageOptions", "Subpath"),
    "tmpfs-size": _size,
    "tmpfs-mode": _mode,
}  # fmt: skip
