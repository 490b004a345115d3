"""The monitor's private view: the container's root file system mounted at `rootfs` of its bundle.

Nothing is mounted in the host's view, so nothing can be left there.
"""

from __future__ import annotations

from cuddy.errors import SystemFailure
from cuddy.image import host, snapshots
from cuddy.kernel import mount, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.kernel.mount import Mount


def mount_root(home: Home, record: Container) -> None:
    """Enter a mount namespace of our own and mount the root there. Raises SystemFailure."""
    try:
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.set_propagation("/", mount.MS_SLAVE | mount.MS_REC)
        if record["Image"] == host.IMAGE.id:
            host.make_masks(masks_dir(home, record))
        for plan in plan_root(home, record):
            mount.perform(plan)
    except OSError as error:
        raise SystemFailure.from_os("cannot mount the container's root", error) from error


def umount_root(home: Home, record: Container) -> None:
    """Take the root down, so that its directories can be removed while we live on."""
    mount.umount(f"{home.container_dir(record['Id'])}/rootfs", mount.MNT_DETACH)


def plan_root(home: Home, record: Container) -> list[Mount]:
    """The mounts that make the root."""
    where = home.container_dir(record["Id"])
    upper, work, target = f"{where}/upper", f"{where}/work", f"{where}/rootfs"
    if record["Image"] == host.IMAGE.id:
        return host.plan_view(upper, work, masks_dir(home, record), target)
    return [snapshots.prepare(home.storage, record["ChainIds"], upper, work, target)]


def masks_dir(home: Home, record: Container) -> str:
    """What covers the host's secrets in a container of the image `host`."""
    return f"{home.container_dir(record['Id'])}/masks"
