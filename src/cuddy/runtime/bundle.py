"""A bundle: a directory with config.json and a root file system. Loading, and checking, before
anything is touched (runtime-spec, bundle.md and config.md).
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import InvalidArgument
from cuddy.kernel import mount, namespaces
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.runtime.spec import Config, Process

# Fields that are looked into before anything is made: their type, and that of their elements.
TYPES: dict[str, tuple[type, type]] = {
    "root": (dict, object), "root.path": (str, object),
    "process": (dict, object), "process.cwd": (str, object),
    "process.args": (list, str), "process.env": (list, str),
    "mounts": (list, dict), "hooks": (dict, object), "annotations": (dict, object),
    "linux": (dict, object), "linux.namespaces": (list, dict),
}  # fmt: skip
WORDS: dict[type, str] = {dict: "object", list: "list", str: "text"}
INIT_ANNOTATION = "cuddy.init"
"""Says that pid 1 is to be the small init and the program its child: `--init`."""
IDMAP = frozenset({"idmap", "ridmap"})
ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")


class Bundle(NamedTuple):
    """A bundle as it was when the container was created; later edits of the file do not matter."""

    path: str
    config: Config

    @property
    def rootfs(self) -> str:
        """The root file system on the host."""
        return os.path.join(self.path, self.config["root"]["path"])

    def has_namespace(self, kind: str) -> bool:
        """Whether the container gets, or joins, a namespace of that kind."""
        return any(entry["type"] == kind for entry in self.config["linux"].get("namespaces", []))

    def new_namespaces(self) -> int:
        """Flags of those that a clone makes. Of the others, the user namespace and the clocks are
        a guide's to make if there is one, and the cgroup namespace is init's.
        """
        kinds = {e["type"] for e in self.config["linux"]["namespaces"] if not e.get("path")}
        kinds -= {"cgroup", "time"} | ({"user"} if self.needs_guide else set())
        return sum(namespaces.FLAGS[kind] for kind in kinds)

    @property
    def joins(self) -> bool:
        """Whether any namespace is given by its path."""
        return any(entry.get("path") for entry in self.config["linux"].get("namespaces", []))

    @property
    def needs_guide(self) -> bool:
        """Whether a process has to go ahead of init into its namespaces: see guide.py."""
        kinds = {e["type"]: e.get("path") for e in self.config["linux"].get("namespaces", [])}
        if "time" in kinds and not kinds["time"]:
            return True
        return "user" in kinds and any(kinds.values())

    @property
    def needs_trees(self) -> bool:
        """Whether the creator has to open mounts for init: see trees.py."""
        if self.has_namespace("user"):
            return True
        entries = self.config.get("mounts", [])
        return any("uidMappings" in e or IDMAP & set(e.get("options", ())) for e in entries)

    def namespace_path(self, kind: str) -> str:
        """Path of the namespace to join, "" for a new one or none."""
        for entry in self.config["linux"].get("namespaces", []):
            if entry["type"] == kind:
                return entry.get("path", "")
        return ""


def load(path: str, config_file: str = "") -> Bundle:
    """Read and check a bundle's config.json, or another file in its place.

    Raises InvalidArgument.
    """
    file = config_file or os.path.join(path, "config.json")
    try:
        config = files.read_json(file)
    except FileNotFoundError:
        if config_file:
            raise InvalidArgument(f"no such file: {file}") from None
        raise InvalidArgument(f"no config.json in {path}", hint="is it an OCI bundle?") from None
    except (ValueError, OSError) as error:
        raise InvalidArgument(f"{file}: {error}") from None
    return check(path, config)


def load_process(path: str) -> Process:
    """Read and check a file with the process of an `exec`. Raises InvalidArgument."""
    try:
        process = files.read_json(path)
    except FileNotFoundError:
        raise InvalidArgument(f"no such file: {path}") from None
    except ValueError as error:
        raise InvalidArgument(f"{path}: {error}") from None
    config = check_types({"process": {} if process is None else process})
    check_process(config)
    return config["process"]


def check(path: str, config: Config) -> Bundle:
    """A bundle of a parsed config, or InvalidArgument naming the field that is wrong."""
    if not isinstance(config, dict):
        raise InvalidArgument("config.json: not an object")
    config = check_types(config)
    version = str(config.get("ociVersion", ""))
    if version.split(".")[0] != "1":
        raise InvalidArgument(f"config.json: ociVersion {version!r} is not 1.x")
    if not config.get("root", {}).get("path"):
        raise InvalidArgument("config.json: root.path is missing")
    check_process(config)
    kinds = [entry.get("type", "") for entry in config["linux"].get("namespaces", [])]
    for kind in kinds:
        if not isinstance(kind, str) or kind not in namespaces.FLAGS:
            raise InvalidArgument(f"config.json: unknown namespace {kind!r}")
        if kinds.count(kind) > 1:
            raise InvalidArgument(f"config.json: namespace {kind!r} is given twice")
    for field, kind in (("hostname", "uts"), ("domainname", "uts")):
        if config.get(field) and kind not in kinds:
            raise InvalidArgument(f"config.json: {field} needs a {kind} namespace")
    checked = Bundle(os.path.realpath(path), config)
    if "user" in kinds and not checked.namespace_path("user"):
        for field in ("uidMappings", "gidMappings"):
            if not config["linux"].get(field):
                raise InvalidArgument(f"config.json: a user namespace needs a mapping: {field}")
    if config["linux"].get("timeOffsets") and (
        "time" not in kinds or checked.namespace_path("time")
    ):
        raise InvalidArgument("config.json: timeOffsets need a new time namespace")
    check_mounts(checked)
    return checked


def check_mounts(bundle: Bundle) -> None:
    """The part of the check about the root and its mounts."""
    linux = bundle.config["linux"]
    wanted = linux.get("rootfsPropagation", "")
    if wanted and wanted not in mount.PROPAGATION:
        raise InvalidArgument(f"config.json: unknown rootfsPropagation {wanted!r}")
    if not bundle.has_namespace("mount") and (
        linux.get("maskedPaths") or linux.get("readonlyPaths")
    ):
        raise InvalidArgument(
            "config.json: unable to restrict sys entries without a private MNT namespace"
        )


def check_types(config: Config) -> Config:
    """The config with nulls taken for what they are, absent; values of wrong types refused."""
    document: dict[str, Any] = {"linux": {}, **without_nulls(config)}
    for name, (kind, element) in TYPES.items():
        section, _, field = name.rpartition(".")
        owner = document.get(section, {}) if section else document
        value: Any = owner.get(field, kind())
        if not is_a(value, kind):
            raise InvalidArgument(f"config.json: {name} is no {WORDS[kind]}")
        if element is not object and not all(isinstance(each, element) for each in value):
            raise InvalidArgument(f"config.json: {name} is no list of {WORDS[element]}s")
        if kind is dict and field in owner:
            owner[field] = without_nulls(value)
    return document  # type: ignore[return-value]


def is_a(value: object, kind: type) -> bool:
    """isinstance(), from which the type checker concludes nothing."""
    return isinstance(value, kind)


def without_nulls(section: Mapping[str, Any]) -> dict[str, Any]:
    """What is there: some engines write null for what they leave out."""
    return {name: value for name, value in section.items() if value is not None}


def check_process(config: Config) -> None:
    """The part of the check about `process`, which a container without a program may lack."""
    process = config.get("process")
    if process is None:
        return
    if not process.get("args"):
        raise InvalidArgument("config.json: process.args is empty")
    if not process.get("cwd", "").startswith("/"):
        raise InvalidArgument("config.json: process.cwd must be an absolute path")
    for text in (*process["args"], *process.get("env", [])):
        if "\0" in text:
            raise InvalidArgument("config.json: process has a NUL character in args or env")


def check_id(container_id: str) -> None:
    """Refuse a container id that could be anything but one path component."""
    if container_id in ("", ".", "..") or not ID_CHARACTERS.issuperset(container_id):
        raise InvalidArgument(f"invalid container ID format: {container_id!r}")
