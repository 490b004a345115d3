"""From a container's mount points to config.json: all pure. `mounts.py` decides which there are."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.mounts import MountPoint
    from cuddy.runtime.spec import MountEntry

DEFAULT_PROPAGATION = "rprivate"


def build_entries(container: Container) -> list[MountEntry]:
    """The user's mounts as config.json has them, outermost first."""
    found = [build_entry(point) for point in container.get("Mounts") or ()]
    found += [tmpfs_entry(*item) for item in container["HostConfig"]["Tmpfs"].items()]
    return sorted(found, key=lambda entry: entry["destination"].count("/"))


def build_entry(point: MountPoint) -> MountEntry:
    """One mount point as config.json has it: a bind, or a tmpfs."""
    spec = point.get("Spec") or {}
    if point["Type"] == "tmpfs":
        # Imported here: few containers have any.
        from cuddy.engine import mount_grammar

        return tmpfs_entry(point["Destination"], mount_grammar.tmpfs_options(spec))
    options: Mapping[str, Any] = spec.get("BindOptions") or {}
    # Recursive: what is mounted below the source would stay writable otherwise.
    read_only = "ro" if options.get("ReadOnlyNonRecursive") else "rro"
    entry = bind_entry(
        point["Source"],
        point["Destination"],
        point.get("Propagation") or DEFAULT_PROPAGATION,
        "rw" if point["RW"] else read_only,
        bind="bind" if options.get("NonRecursive") else "rbind",
    )
    if shift := point.get("Shift"):
        entry["options"].append(shift)
    return entry


def bind_entry(
    source: str,
    target: str,
    propagation: str = DEFAULT_PROPAGATION,
    mode: str = "rw",
    *,
    bind: str = "rbind",
) -> MountEntry:
    """A bind as config.json has it.

    One that may be written to says nothing of it: "rw" would make writable what the host has
    mounted read-only.
    """
    options = [bind, propagation] if mode == "rw" else [bind, propagation, mode]
    return {"destination": target, "type": "bind", "source": source, "options": options}


def tmpfs_entry(target: str, options: str) -> MountEntry:
    """A tmpfs as config.json has it: nosuid, nodev and noexec unless asked otherwise."""
    chosen = ["nosuid", "nodev", "noexec", *(options.split(",") if options else ())]
    return {"destination": target, "type": "tmpfs", "source": "tmpfs", "options": chosen}


def root_propagation(points: Iterable[MountPoint]) -> str:
    """What config.json's rootfsPropagation must be for these mounts to hear of others; "" usual."""
    wanted = {point.get("Propagation", "") for point in points}
    if wanted & {"shared", "rshared"}:
        return "shared"
    return "rslave" if wanted & {"slave", "rslave"} else ""
