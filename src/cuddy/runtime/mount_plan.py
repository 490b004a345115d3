"""The config's mounts as a plan: from words to arguments of system calls. All pure.

Nothing may be mounted over what the runtime writes to below /proc (CVE-2019-16884).

Words of mount(8) are flags of mount(2); for a bind, whose file system is mounted already, they are
attributes of the new mount alone, set by mount_setattr(2). What a word does not name stays as the
source has it: a bind of a `nosuid` mount is `nosuid` unless it says `suid`. With an `r` before it a
word counts for all mounts below as well (config.md, "Linux mount options").
"""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument
from cuddy.kernel import mount
from cuddy.kernel.mount import MS_BIND, Change, Mount
from cuddy.runtime.bundle import IDMAP
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.runtime.spec import Config, MountEntry

# Files that lxcfs and friends cover with their own; everything else below /proc stays the kernel's.
PROC_ALLOWED = frozenset(
    f"/proc/{name}"
    for name in (
        "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo",
        "net/dev", "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled",
    )
)  # fmt: skip
LABELLED = ("tmpfs", "ramfs", "devpts")
"""File systems made for the container alone."""
ATTRIBUTES = {
    mount.MS_RDONLY: mount.MOUNT_ATTR_RDONLY,
    mount.MS_NOSUID: mount.MOUNT_ATTR_NOSUID,
    mount.MS_NODEV: mount.MOUNT_ATTR_NODEV,
    mount.MS_NOEXEC: mount.MOUNT_ATTR_NOEXEC,
    mount.MS_NOSYMFOLLOW: mount.MOUNT_ATTR_NOSYMFOLLOW,
    mount.MS_NODIRATIME: mount.MOUNT_ATTR_NODIRATIME,
}
ACCESS_TIMES = {
    mount.MS_NOATIME: mount.MOUNT_ATTR_NOATIME,
    mount.MS_STRICTATIME: mount.MOUNT_ATTR_STRICTATIME,
    mount.MS_RELATIME: 0,
}
"""Of these a mount has one. To clear one means nothing to mount(8), so it does not here."""
RECURSIVE = {
    "rro": (mount.MOUNT_ATTR_RDONLY, 0), "rrw": (0, mount.MOUNT_ATTR_RDONLY),
    "rnosuid": (mount.MOUNT_ATTR_NOSUID, 0), "rsuid": (0, mount.MOUNT_ATTR_NOSUID),
    "rnodev": (mount.MOUNT_ATTR_NODEV, 0), "rdev": (0, mount.MOUNT_ATTR_NODEV),
    "rnoexec": (mount.MOUNT_ATTR_NOEXEC, 0), "rexec": (0, mount.MOUNT_ATTR_NOEXEC),
    "rnosymfollow": (mount.MOUNT_ATTR_NOSYMFOLLOW, 0),
    "rsymfollow": (0, mount.MOUNT_ATTR_NOSYMFOLLOW),
    "rnodiratime": (mount.MOUNT_ATTR_NODIRATIME, 0),
    "rdiratime": (0, mount.MOUNT_ATTR_NODIRATIME),
    "rnoatime": (mount.MOUNT_ATTR_NOATIME, mount.MOUNT_ATTR__ATIME),
    "rstrictatime": (mount.MOUNT_ATTR_STRICTATIME, mount.MOUNT_ATTR__ATIME),
    "rrelatime": (0, mount.MOUNT_ATTR__ATIME), "ratime": (0, mount.MOUNT_ATTR__ATIME),
    "rnorelatime": (0, mount.MOUNT_ATTR__ATIME), "rnostrictatime": (0, mount.MOUNT_ATTR__ATIME),
}  # fmt: skip
"""Word -> attributes to set and to clear, in every mount of the tree."""
COPY_UP = "tmpcopyup"
"""A tmpfs begins with what it covers."""
COPY_LINK, SOURCE_LINK, TARGET_LINK = "copy-symlink", "src-nofollow", "dest-nofollow"
"""crun's words about binds of symbolic links: make one like it, bind the link itself, cover it."""
NOT_FOLLOWING = frozenset((COPY_LINK, SOURCE_LINK))
EXTRAS = IDMAP | {COPY_UP, COPY_LINK, SOURCE_LINK, TARGET_LINK}


class Options(NamedTuple):
    """What the words of one mount mean."""

    flags: int = 0
    cleared: int = 0
    propagation: tuple[int, ...] = ()
    recursive_sets: int = 0
    recursive_clears: int = 0
    extras: frozenset[str] = frozenset()
    data: tuple[str, ...] = ()
    """What is left for the file system itself."""


def plan_mounts(config: Config, rootfs: str = "") -> list[Mount]:
    """The config's mounts in their order; targets are paths inside the container.

    `rootfs`: where the root is on the host, for targets that begin with that.
    """
    plans = [plan_mount(entry, rootfs) for entry in config.get("mounts", [])]
    label = config.get("linux", {}).get("mountLabel", "")
    return [with_label(plan, label) for plan in plans] if label else plans


def with_label(plan: Mount, label: str) -> Mount:
    """The mount with a label of SELinux for all of its files, if they have none of their own."""
    if plan.fstype not in LABELLED:
        return plan
    return plan._replace(data=",".join(filter(None, (plan.data, f'context="{label}"'))))


def plan_mount(entry: MountEntry, rootfs: str = "") -> Mount:
    """One entry of `mounts` as the arguments of mount(2). Raises InvalidArgument."""
    fstype, source = entry.get("type", ""), entry.get("source", "")
    check_text(f"{fstype}{source}{entry['destination']}")
    target = clean(entry["destination"])
    if rootfs and mount.contains(rootfs, target):
        target = clean(target.removeprefix(rootfs))
    if target.startswith("/proc/") and target not in PROC_ALLOWED:
        raise InvalidArgument(f"nothing may be mounted at {target}: it is inside /proc")
    options = parse(entry.get("options", ()))
    if fstype == "bind" or options.flags & MS_BIND:
        options = options._replace(flags=options.flags | MS_BIND)
        changes = changes_of_bind(options)
        return Mount(source, target, "", options.flags, "", 0, changes, options.extras)
    if target == "/":
        raise InvalidArgument(f"mount destination {entry['destination']!r} is the root itself")
    if target == "/proc" and fstype != "proc":
        raise InvalidArgument(f"only proc may be mounted at /proc, not {fstype!r}")
    changes, data = changes_of_new(options), ",".join(options.data)
    return Mount(source or fstype, target, fstype, options.flags, data, 0, changes, options.extras)


def check_text(text: str) -> None:
    """Refuse what can be no name for the kernel: NUL, and halves of characters."""
    if "\0" in text:
        raise InvalidArgument("config.json: a path has a NUL character in it")
    if not text.isascii():
        try:
            os.fsencode(text)
        except UnicodeEncodeError:
            raise InvalidArgument("config.json: a path has half a character in it") from None


def clean(path: str) -> str:
    """A path inside the container, absolute and in its one spelling."""
    # normpath() keeps a second slash at the beginning, which POSIX lets mean something else.
    return "/" + os.path.normpath("/" + path).lstrip("/")


def parse(words: Iterable[str]) -> Options:
    """The meaning of options; of two that contradict each other the last counts."""
    flags = cleared = sets = clears = 0
    propagation, extras, data = [], [], []
    for word in words:
        if word in mount.OPTIONS:
            flag, clearing = mount.OPTIONS[word]
            flags = flags & ~flag if clearing else flags | flag
            cleared = cleared | flag if clearing else cleared & ~flag
        elif word in mount.PROPAGATION:
            propagation.append(mount.PROPAGATION[word])
        elif word in RECURSIVE:
            setting, clearing_too = RECURSIVE[word]
            sets = sets & ~clearing_too | setting
            clears = clears & ~setting | clearing_too
        elif word in EXTRAS:
            extras.append(word)
        else:
            data.append(word)
    return Options(flags, cleared, tuple(propagation), sets, clears, frozenset(extras), tuple(data))


def changes_of_bind(options: Options) -> tuple[Change, ...]:
    """The calls of mount_setattr(2) that a bind takes: private unless other propagation is asked
    for; attributes of its own; those of the whole tree.
    """
    is_tree = bool(options.flags & mount.MS_REC)
    wanted = options.propagation or (mount.MS_PRIVATE | mount.MS_REC,)
    if options.flags & mount.MS_REMOUNT:
        wanted = options.propagation
    calls = [
        Change(propagation=each & ~mount.MS_REC, recursive=is_tree and bool(each & mount.MS_REC))
        for each in wanted
    ]
    sets, clears = own_attributes(options)
    if sets or clears:
        if not calls or calls[-1].recursive:
            calls.append(Change(sets, clears))
        else:
            calls[-1] = calls[-1]._replace(sets=sets, clears=clears)
    return (*calls, *changes_of_tree(options))


def attributes_of(flags: int) -> int:
    """Flags of mount(2) as attributes of a new mount, without read-only, which comes last."""
    found = 0
    for flag, attribute in {**ATTRIBUTES, **ACCESS_TIMES}.items():
        found |= attribute if flags & flag and flag != mount.MS_RDONLY else 0
    return found


def own_attributes(options: Options) -> tuple[int, int]:
    """Attributes of a bind itself: to set, and to clear because it was said so."""
    sets = clears = 0
    for flag, attribute in ATTRIBUTES.items():
        sets |= attribute if options.flags & flag else 0
        clears |= attribute if options.cleared & flag else 0
    for flag, attribute in ACCESS_TIMES.items():
        if options.flags & flag:
            sets |= attribute
            clears |= mount.MOUNT_ATTR__ATIME
            break
    return sets, clears


def changes_of_tree(options: Options) -> tuple[Change, ...]:
    """What the words with an `r` before them say of a mount and all below."""
    sets, clears = options.recursive_sets, options.recursive_clears
    return (Change(sets, clears, recursive=True),) if sets or clears else ()


def changes_of_new(options: Options) -> tuple[Change, ...]:
    """The same for a new file system, whose flags mount(2) has set."""
    calls = tuple(Change(propagation=each & ~mount.MS_REC) for each in options.propagation)
    return (*calls, *changes_of_tree(options))
