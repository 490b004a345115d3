"""What `doctor` has to know of this machine: looked up, and where nothing tells, tried out.

Tried are user namespaces and overlays in them, by a child that ends with all it has made.
"""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.engine import rootless
from cuddy.engine.doctor import INSTALL, Facts
from cuddy.kernel import (
    cgroup_delegation,
    cgroup_hierarchies,
    control_file,
    mount,
    namespaces,
    overlay,
    program,
    subids,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.home import Home
    from cuddy.kernel.idmap import IdRange

PROGRAMS = (
    "newuidmap", "newgidmap", "pasta", "slirp4netns", "fuse-overlayfs", "nft", "iptables",
)  # fmt: skip
KERNEL = "/proc/sys/kernel"
DEVICES = ("/dev/net/tun", "/dev/fuse")


def gather(home: Home) -> Facts:
    """Everything, for the calling user, who need not have a home yet."""
    uid = os.geteuid()
    facts = about_groups(Facts(), uid)
    programs = {name: program.find(name) for name in PROGRAMS}
    release = os.uname().release.split(".")
    minor = "".join(c if c.isdigit() else " " for c in release[1]).split()
    facts = facts._replace(
        user=rootless.name_of(uid),
        uid=uid,
        kernel=(int(release[0]), int(minor[0]) if minor else 0),
        programs=programs,
        unprivileged=tuple(
            n for n in subids.PROGRAMS if programs[n] and not has_power(programs[n])
        ),
        devices={path: state_of(path) for path in DEVICES},
        has_systemd=os.path.isdir("/run/systemd/system"),
        run_root=home.run_root,
        packager=next((name for name in INSTALL if program.find(name)), ""),
    )
    return about_user(facts, home) if uid else facts


def about_user(facts: Facts, home: Home) -> Facts:
    """What only an ordinary user needs."""
    uid = facts.uid
    granted = subids.granted(rootless.names_of(uid))
    where = nearest(home.root)
    refusal = attempt(lambda: subids.unshare(namespaces.CLONE_NEWNS, *alone(uid)))
    powerless = "" if refusal else attempt(lambda: become_and_mount(uid))
    return facts._replace(
        refusal=refusal,
        powerless=powerless,
        max_namespaces=control_file.read_number("/proc/sys/user/max_user_namespaces") or 0,
        clone_sysctl=control_file.read(f"{KERNEL}/unprivileged_userns_clone") or "",
        apparmor_restricts=control_file.read(f"{KERNEL}/apparmor_restrict_unprivileged_userns")
        == "1",
        no_new_privileges="NoNewPrivs:\t1" in (control_file.read("/proc/self/status") or ""),
        uids=sum(count for _, count in granted.uids),
        gids=sum(count for _, count in granted.gids),
        free_id=subids.first_free(),
        overlay="" if refusal or powerless else try_overlay(where, uid),
        where=where,
    )


def alone(uid: int) -> tuple[list[IdRange], list[IdRange]]:
    """Maps of the own ids only."""
    return subids.lay_out(uid, ()), subids.lay_out(os.getegid(), ())


def attempt(act: Callable[[], object]) -> str:
    """Do it in a child that ends; what the kernel had against it, or ""."""
    heard, say = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if not pid:
        try:
            try:
                act()
            except OSError as error:
                os.write(say, os.strerror(error.errno or 0).lower().encode())
        finally:
            os._exit(0)
    os.close(say)
    try:
        return os.read(heard, 4096).decode()
    finally:
        os.close(heard)
        os.waitpid(pid, 0)


def become_and_mount(uid: int) -> None:
    """Be root in a namespace, and mount what any such root may."""
    subids.unshare(namespaces.CLONE_NEWNS, *alone(uid))
    mount.set_propagation("/", mount.MS_PRIVATE | mount.MS_REC)
    mount.mount("tmpfs", "/", "tmpfs", mount.MS_NOSUID | mount.MS_NODEV)


def try_overlay(where: str, uid: int) -> str:
    """Mount an overlay whose upper directory is in a directory; why that cannot be, or ""."""
    room = f"{where}/{files.name_temporary()}"
    layers = [f"{room}/{name}" for name in ("lower", "upper", "work", "merged")]
    try:
        for path in layers:
            files.make_directory(path)
        return attempt(lambda: mount_overlay(uid, *layers))
    except OSError as error:
        return os.strerror(error.errno or 0).lower()
    finally:
        attempt(lambda: remove(uid, room))


def mount_overlay(uid: int, lower: str, upper: str, work: str, merged: str) -> None:
    """Make a directory opaque in an overlay of the kernel's: without that layers are of no use."""
    subids.unshare(namespaces.CLONE_NEWNS, *alone(uid))
    mount.set_propagation("/", mount.MS_PRIVATE | mount.MS_REC)
    files.make_directory(f"{lower}/replaced")
    overlay.perform_in_kernel(overlay.plan([lower], upper, work, merged))
    os.rmdir(f"{merged}/replaced")
    os.mkdir(f"{merged}/replaced")
    if not overlay.is_opaque(f"{upper}/replaced"):
        raise OSError(95, "no attributes", upper)


def remove(uid: int, room: str) -> None:
    """Remove what was tried: overlayfs leaves a directory that only some root can enter."""
    subids.unshare(0, *alone(uid))
    files.remove_tree(room)


def nearest(path: str) -> str:
    """A directory, or what is there of the way to it."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def has_power(path: str) -> bool:
    """Whether a program gets root's power, or the part of it that it needs."""
    status = os.stat(path)
    if status.st_mode & stat.S_ISUID and status.st_uid == 0:
        return True
    try:
        return bool(os.getxattr(path, "security.capability"))
    except OSError:
        return False


def state_of(path: str) -> str:
    """ "" for a device that can be opened; absent, or closed."""
    if not os.path.exists(path):
        return "absent"
    return "" if os.access(path, os.R_OK | os.W_OK) else "closed"


def about_groups(facts: Facts, uid: int) -> Facts:
    """Control groups: which there are, and which of them we may divide."""
    found = cgroup_hierarchies.find()
    ours = found.all if uid == 0 else tuple(cgroup_delegation.delegated(found.all))
    names = {name for each in ours for name in each.controllers}
    others = [each for each in found.all if not cgroup_delegation.uppermost(each)] if uid else []
    # Of several hierarchies the one that would do for all, else the one whose limits are missed.
    wanted = [each for each in others if each.version == 2 or "memory" in each.controllers]
    group = f"{wanted[0].target}{wanted[0].own}".rstrip("/") if wanted else ""
    return facts._replace(cgroups=found.mode, controllers=tuple(sorted(names)), group=group)
