"""Mounts that the creator opens for init: detached trees, made with the host's power.

In a user namespace init may neither walk to a source through a 0700 directory nor give a mount
other owners (mount_setattr(2), MOUNT_ATTR_IDMAP). What it cannot open it gets as a descriptor: from
before its clone what needs no user namespace, by message what needs the container's own.
"""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import idmap, mount, namespaces, process
from cuddy.kernel.mount import MS_BIND, MS_REMOUNT, Mount
from cuddy.runtime import mount_plan, rootfs
from cuddy.runtime.bundle import IDMAP
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo, close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.init import Newborn
    from cuddy.runtime.spec import IdMapping, Linux, MountEntry


class Place(rootfs.Place):
    """Where an init makes its mounts that has sources handed to it."""

    def __init__(self, newborn: Newborn, root_fd: int, *, own_cgroups: bool) -> None:
        super().__init__(root_fd, newborn.bundle.path, newborn.cgroup, own_cgroups=own_cgroups)
        self.trees = newborn.trees
        self.channel = newborn.channel
        self.strange = newborn.bundle.has_namespace("user")
        self.mounts = newborn.config.get("mounts", [])

    def take_source(self, position: int, plan: Mount) -> int:
        """One that was opened before, or by asking for it now, or our own way."""
        if position in self.trees:
            return self.trees.pop(position)
        if not self.strange and not is_mapped(self.mounts[position]):
            return super().take_source(position, plan)
        self.channel.send("source", number=position)
        answer = self.channel.receive()
        if answer.kind != "tree":
            os._exit(1)  # the creator is gone, or knows why we cannot go on
        return answer.fd

    def take_made(self, position: int) -> int:
        return self.trees.pop(position, -1)


class Owners(NamedTuple):
    """Whose the files of a mount are; without ranges, by the map of the container's users."""

    uids: list[idmap.IdRange]
    gids: list[idmap.IdRange]
    recursive: bool


class Source(NamedTuple):
    """One mount to open: its index in the config, and what is to be done."""

    position: int
    path: str
    plan: Mount
    owners: Owners | None = None  # None: they stay who they are

    @property
    def needs_namespace(self) -> bool:
        """Whether it takes the container's own user namespace."""
        return self.owners is not None and not self.owners.uids

    def is_inside(self, bundle: Bundle) -> bool:
        """Whether it lies in the rootfs: then it may be what an earlier mount put there."""
        return mount.contains(bundle.rootfs, os.path.normpath(self.path))


def open_before(bundle: Bundle) -> dict[int, int]:
    """Trees that can be opened before the container has a process: index -> descriptor.

    Raises InvalidArgument for any mount that could never be made, SystemFailure.
    """
    trees: dict[int, int] = {}
    user_fds: dict[str, int] = {}
    with Undo() as undo:
        undo.add(close_all, trees)
        try:
            for source in plan(bundle):
                if not source.needs_namespace and not source.is_inside(bundle):
                    user_fd = find_namespace(source, user_fds)
                    trees[source.position] = open_tree(source, user_fd, shared=is_shared(bundle))
            open_dev(bundle, trees)
        finally:
            close_all(user_fds)
    return trees


def open_dev(bundle: Bundle, trees: dict[int, int]) -> None:
    """The container's /dev, if it is a tmpfs and we know who its users are."""
    uids, gids = maps_of(bundle.config["linux"])
    if not uids or not gids or not bundle.makes_namespace("user"):
        return
    from cuddy.runtime import dev_tree

    for position, planned in enumerate(mount_plan.plan_mounts(bundle.config, bundle.rootfs)):
        if planned.target == "/dev" and planned.fstype == "tmpfs":
            fd = dev_tree.open_dev(bundle, planned, dev_tree.Users(uids, gids))
            if fd >= 0:
                trees[position] = fd


def open_for(bundle: Bundle, user_fd: int) -> Iterator[tuple[int, int]]:
    """Trees that need the container's user namespace, each with its index; the caller closes them.

    `user_fd`: that namespace, -1 without one.
    """
    for source in plan(bundle):
        if source.needs_namespace and not source.is_inside(bundle):
            yield source.position, open_tree(source, user_fd, shared=is_shared(bundle))


def open_inside(bundle: Bundle, pid: int, position: int) -> int:
    """What an init asks for in the midst of its mounts: a source that earlier ones have made.

    It is looked up in init's view, with our power. Raises SystemFailure.
    """
    (source,) = (each for each in plan(bundle) if each.position == position)
    made: dict[str, int] = {}
    view_fd = namespaces.open_namespace(pid, "mount")
    try:
        if source.needs_namespace:
            user_fd = made["own"] = namespaces.open_namespace(pid, "user")
        else:
            user_fd = find_namespace(source, made)
        with process.WorkingDirectory("/"), namespaces.Joined(view_fd, "mount"):
            return open_tree(source, user_fd, shared=is_shared(bundle))
    finally:
        close_all(made)
        os.close(view_fd)


def is_shared(bundle: Bundle) -> bool:
    """Whether what the container mounts may come to the host: only if its root's mounts do."""
    return "shared" in bundle.config["linux"].get("rootfsPropagation", "")


def plan(bundle: Bundle) -> list[Source]:
    """What is to be opened. Raises InvalidArgument."""
    found = []
    strange = bundle.has_namespace("user")
    for index, entry in enumerate(bundle.config.get("mounts", [])):
        mapped = is_mapped(entry)
        planned = mount_plan.plan_mount(entry, bundle.rootfs)
        if planned.flags & MS_REMOUNT:
            continue
        if planned.flags & MS_BIND and (strange or mapped):
            path = os.path.join(bundle.path, planned.source)
            owners = plan_owners(entry, bundle.config["linux"], strange) if mapped else None
            found.append(Source(index, path, planned, owners))
        elif mapped:
            where = entry["destination"]
            raise InvalidArgument(f"id-mapped mounts are only supported for bind-mounts: {where}")
    return found


def is_mapped(entry: MountEntry) -> bool:
    """Whether the files of a mount are to have other owners."""
    if entry.get("uidMappings") or entry.get("gidMappings"):
        return True
    return not IDMAP.isdisjoint(entry.get("options", ()))


def plan_owners(entry: MountEntry, linux: Linux, strange: bool) -> Owners:
    """The map that a mount names, or else the container's. Raises InvalidArgument."""
    uids, gids = entry.get("uidMappings", []), entry.get("gidMappings", [])
    if bool(uids) != bool(gids) or not (uids or strange):
        raise InvalidArgument(
            f"id-mapped mount at {entry['destination']} needs both uidMappings and gidMappings",
            hint="of its own, or of the container's user namespace",
        )
    if strange and uids == linux.get("uidMappings") and gids == linux.get("gidMappings"):
        uids = gids = []
    return Owners(ranges(uids), ranges(gids), "ridmap" in entry.get("options", ()))


def maps_of(linux: Linux) -> tuple[list[idmap.IdRange], list[idmap.IdRange]]:
    """The ids of a new user namespace: its users', its groups'."""
    return ranges(linux.get("uidMappings", [])), ranges(linux.get("gidMappings", []))


def ranges(entries: list[IdMapping]) -> list[idmap.IdRange]:
    """Mappings of a config as values."""
    return [idmap.IdRange(e["containerID"], e["hostID"], e["size"]) for e in entries]


def find_namespace(source: Source, made: dict[str, int]) -> int:
    """A user namespace with the map that a source asks for, one for all that ask for the same; -1:
    it asks for none. Raises SystemFailure.
    """
    if source.owners is None:
        return -1
    key = f"{source.owners.uids} {source.owners.gids}"
    if key not in made:
        try:
            made[key] = idmap.make_namespace(source.owners.uids, source.owners.gids)
        except OSError as error:
            raise SystemFailure.from_os(f"cannot map the owners of {source.path}", error) from error
    return made[key]


def open_tree(source: Source, user_fd: int, *, shared: bool) -> int:
    """A detached copy of a mount, its owners those of a user namespace. Raises SystemFailure.

    `shared`: whether it stays a peer, so that what is mounted there appears in the original.
    """
    try:
        tree_fd = rootfs.open_source(source.path, source.plan)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot mount {source.path}", error) from error
    try:
        if not shared:
            mount.mount_setattr(tree_fd, 0, propagation=mount.MS_SLAVE, recursive=True)
        if source.owners is not None:
            mount.mount_setattr(
                tree_fd, mount.MOUNT_ATTR_IDMAP, userns_fd=user_fd,
                recursive=source.owners.recursive,
            )  # fmt: skip
    except OSError as error:
        os.close(tree_fd)
        raise SystemFailure.from_os(
            f"cannot map the owners of {source.path}", error,
            hint="its file system, or this kernel, may not allow it",
        ) from error  # fmt: skip
    return tree_fd
