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
    from typing import Any

    from cuddy.runtime.spec import Config, Process

OCI_VERSION = "1.2.0"
"""Of the runtime-spec that we write and wholly read: config.json, state.json, features."""
INIT_ANNOTATION = "cuddy.init"
"""Says that pid 1 is to be the small init and the program its child (`--init`), or if it is ALONE,
that the small init is all there is: a sandbox.
"""
ALONE = "alone"
IDMAP = frozenset({"idmap", "ridmap"})


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
        kinds = {e["type"] for e in self.config["linux"].get("namespaces", []) if not e.get("path")}
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

    def needs_trees(self, creator: int) -> bool:
        """Whether the creator has to open mounts for init: see trees.py.

        `creator`: as whom; who is not root may mount less than init, and goes the same ways.
        """
        if self.has_namespace("user") and creator == 0:
            return True
        entries = self.config.get("mounts", [])
        return any("uidMappings" in e or IDMAP & set(e.get("options", ())) for e in entries)

    def makes_namespace(self, kind: str) -> bool:
        """Whether the container gets a new one of its own."""
        return self.has_namespace(kind) and not self.namespace_path(kind)

    def namespace_path(self, kind: str) -> str:
        """Path of the namespace to join, "" for a new one or none."""
        for entry in self.config["linux"].get("namespaces", []):
            if entry["type"] == kind:
                return entry.get("path", "")
        return ""


def load(path: str, config_file: str = "") -> Bundle:
    """Read and check a bundle of somebody's: its config.json, or another file in its place.

    Raises InvalidArgument.
    """
    return examine(path, read_config(path, config_file))


def reload(path: str) -> Bundle:
    """The same for a bundle of ours. Raises InvalidArgument."""
    return check(path, read_config(path))


def read_config(path: str, config_file: str = "") -> Any:
    """The document. Raises InvalidArgument."""
    file = config_file or os.path.join(path, "config.json")
    try:
        return files.read_json(file)
    except FileNotFoundError:
        if config_file:
            raise InvalidArgument(f"no such file: {file}") from None
        raise InvalidArgument(f"no config.json in {path}", hint="is it an OCI bundle?") from None
    except (ValueError, OSError) as error:
        raise InvalidArgument(f"{file}: {error}") from None


def examine(path: str, document: Any) -> Bundle:
    """A bundle of a document that may be anything. Raises InvalidArgument."""
    from cuddy.runtime import schema  # here: ours need none

    checked = check(path, schema.clean(document, schema.CONFIG))
    check_hooks(checked.config)
    if not os.path.isdir(checked.rootfs):
        raise InvalidArgument(f"invalid rootfs: {checked.rootfs} is no directory")
    return checked


def load_process(path: str) -> Process:
    """Read and check a file with the process of an `exec`. Raises InvalidArgument."""
    # Here: ours need none.
    from cuddy.runtime import resources_file, schema

    try:
        document = files.parse_json(resources_file.read(path))  # a pipe will do: /dev/fd/63
    except FileNotFoundError:
        raise InvalidArgument(f"no such file: {path}") from None
    except (ValueError, OSError) as error:
        raise InvalidArgument(f"{path}: {error}") from None
    process: Process = schema.clean(document, schema.PROCESS, "process")
    check_process({"process": process})
    return process


def check(path: str, config: Config) -> Bundle:
    """A bundle of a parsed config, or InvalidArgument naming the field that is wrong."""
    config = {"linux": {}, **config}
    version = str(config.get("ociVersion", ""))
    if version.split(".")[0] != "1":
        raise InvalidArgument(f"config.json: ociVersion {version!r} is not 1.x")
    if not config.get("root", {}).get("path"):
        raise InvalidArgument("config.json: root.path is missing")
    check_process(config)
    check_linux(config)
    checked = Bundle(os.path.realpath(path), config)
    check_mounts(checked)
    return checked


def check_linux(config: Config) -> None:
    """Namespaces, and what needs one of them."""
    linux = config["linux"]
    entries = linux.get("namespaces", [])
    kinds = [entry.get("type", "") for entry in entries]
    for kind in kinds:
        if kind not in namespaces.FLAGS:
            raise InvalidArgument(f"config.json: unknown namespace {kind!r}")
        if kinds.count(kind) > 1:
            raise InvalidArgument(f"config.json: namespace {kind!r} is given twice")
    new = {entry["type"] for entry in entries if not entry.get("path")}
    for field in ("hostname", "domainname"):
        if config.get(field) and "uts" not in kinds:
            raise InvalidArgument(f"config.json: {field} needs a uts namespace")
    for field in ("uidMappings", "gidMappings"):
        if "user" in new and not linux.get(field):
            raise InvalidArgument(f"config.json: a user namespace needs a mapping: {field}")
        if linux.get(field) and "user" not in kinds:
            raise InvalidArgument(f"config.json: {field} needs a user namespace")
    if linux.get("timeOffsets") and "time" not in new:
        raise InvalidArgument("config.json: timeOffsets need a new time namespace")
    if "intelRdt" in linux:
        raise InvalidArgument("config.json: intelRdt is not supported", hint="resctrl(5)")


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
    check_limits(process)


def check_limits(process: Process) -> None:
    """process.rlimits and oomScoreAdj."""
    seen = set()
    for limit in process.get("rlimits", []):
        name = limit.get("type", "")
        if name in seen:
            raise InvalidArgument(f"config.json: process.rlimits: {name} is given twice")
        seen.add(name)
        if not {"soft", "hard"} <= set(limit):
            raise InvalidArgument(f"config.json: process.rlimits: {name} needs soft and hard")
        if limit["soft"] % (1 << 64) > limit["hard"] % (1 << 64):  # -1: without limit
            raise InvalidArgument(f"config.json: process.rlimits: soft is above hard: {name}")
    score = process.get("oomScoreAdj", 0)
    if not -1000 <= score <= 1000:
        raise InvalidArgument(f"config.json: process.oomScoreAdj: {score} is not -1000 to 1000")


def check_hooks(config: Config) -> None:
    """What is run with the host's power is named without a doubt."""
    from cuddy.runtime.schema import HOOK_KINDS  # here: ours have no hooks

    for kind in HOOK_KINDS:
        for hook in config.get("hooks", {}).get(kind, []):
            if not hook.get("path", "").startswith("/"):
                raise InvalidArgument(f"config.json: hooks.{kind}: path must be absolute")
            if hook.get("timeout", 1) <= 0:
                raise InvalidArgument(f"config.json: hooks.{kind}: timeout must be above 0")
