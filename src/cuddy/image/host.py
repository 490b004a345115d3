"""`host`, the image that is always there: a copy-on-write view of this machine's own system.

The root is a fresh skeleton. /usr, /etc and /opt are overlays over the host's directories, as are
/bin, /sbin and /lib* where they are not links; of /var only the package manager's database shows.
Nobody's home, no running state, and of /etc nothing that the host itself does not show to
everybody: a container's root is root, so file modes alone would not keep shadow files and keys
from it.
"""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.image import platform
from cuddy.image.digest import Digest
from cuddy.image.store import Image
from cuddy.kernel import overlay
from cuddy.kernel.mount import MS_BIND, Mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "host"
IMAGE = Image(
    id=NAME,
    manifest={"mediaType": "", "digest": Digest(""), "size": 0},
    config={
        "architecture": platform.host().architecture,
        "os": "linux",
        "config": {"Cmd": ["/bin/sh"]},
        "rootfs": {"type": "layers", "diff_ids": []},
    },
    chain_ids=(),
    names=(NAME,),
    repo_digests=(),
    size_bytes=0,
)

OVERLAID = ("usr", "etc", "opt")
OVERLAID_OR_LINKED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
PACKAGE_DATABASES = ("var/lib/dpkg", "var/lib/apt", "var/lib/rpm", "var/lib/pacman")
SKELETON = {
    "dev": 0o755, "home": 0o755, "mnt": 0o755, "media": 0o755, "proc": 0o555, "root": 0o700,
    "run": 0o755, "run/lock": 0o1777, "srv": 0o755, "sys": 0o555, "tmp": 0o1777, "var": 0o755,
    "var/cache": 0o755, "var/cache/apt": 0o755, "var/cache/apt/archives": 0o755,
    "var/cache/apt/archives/partial": 0o755, "var/lib": 0o755, "var/local": 0o755,
    "var/log": 0o755, "var/mail": 0o2775, "var/opt": 0o755, "var/spool": 0o755,
    "var/tmp": 0o1777,
}  # fmt: skip
LINKS = {"var/run": "/run", "var/lock": "/run/lock"}

# Replaced by files of ours: managed for every container, or never to be seen.
REPLACED = ("resolv.conf", "hostname", "hosts")
SECRET_DATABASES = ("shadow", "gshadow", "shadow-", "gshadow-")
SECRET_NAMES = ("ssh_host_", "krb5.keytab")
SECRET_DIRECTORIES = frozenset(
    ("private", "wireguard", "system-connections", "letsencrypt", "sudoers.d")
)
MAX_DEPTH = 16


def make_upper(upper_dir: str, work_dir: str, layers: Sequence[str] = ()) -> None:
    """Make what a new container of this image writes to: the skeleton, and one upper per
    overlay. `layers`: what such containers have written, in which it begins; then it has an
    overlay for the skeleton as well.
    """
    for directory in (upper_dir, work_dir):
        os.mkdir(directory, 0o700)
    root = f"{upper_dir}/root"
    os.mkdir(root, 0o755)
    if layers:
        os.mkdir(f"{work_dir}/root", 0o755)
        for name in [flat(path) for path in overlaid()]:
            for directory in (upper_dir, work_dir):
                os.mkdir(f"{directory}/{name}", 0o755)
        return
    for path, mode in SKELETON.items():
        os.mkdir(f"{root}/{path}")
        os.chmod(f"{root}/{path}", mode)
    for path, target in LINKS.items():
        os.symlink(target, f"{root}/{path}")
    for name in OVERLAID_OR_LINKED:
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
    for path in overlaid():
        os.makedirs(f"{root}/{path}", 0o755, exist_ok=True)
        for directory in (upper_dir, work_dir):
            os.mkdir(f"{directory}/{flat(path)}", 0o755)


def overlaid() -> list[str]:
    """The directories of this host that the image shows."""
    linked = [name for name in OVERLAID_OR_LINKED if not os.path.islink(f"/{name}")]
    candidates = (*OVERLAID, *linked, *PACKAGE_DATABASES)
    return [path for path in candidates if os.path.isdir(f"/{path}")]


def flat(path: str) -> str:
    """A path as one name."""
    return path.replace("/", "-")


def plan_view(
    upper_dir: str, work_dir: str, masks_dir: str, target: str, lower_dir: str = "",
    layers: Sequence[str] = (),
) -> list[Mount]:  # fmt: skip
    """The mounts of a container's root, outermost first. `masks_dir` comes from `make_masks`.

    `lower_dir`: where the host's directories are to be had, by their flat names, if not at home.
    `layers`: upper directories of earlier, the topmost first.
    """
    plans = [Mount(f"{upper_dir}/root", target, "", MS_BIND)]
    if layers:
        roots = [f"{each}/root" for each in layers]
        plans = [overlay.plan(roots, f"{upper_dir}/root", f"{work_dir}/root", target)]
    for name in sorted(os.listdir(upper_dir)):
        path = next((p for p in overlaid() if flat(p) == name), "")
        if not path:
            continue
        lower = [f"{lower_dir}/{name}" if lower_dir else f"/{path}"]
        if path == "etc":
            lower.insert(0, masks_dir)
        lower = [each for top in layers if os.path.isdir(each := f"{top}/{name}")] + lower
        plans.append(
            overlay.plan(lower, f"{upper_dir}/{name}", f"{work_dir}/{name}", f"{target}/{path}")
        )
    return plans


def make_masks(masks_dir: str) -> None:
    """Fill a layer that goes over the host's /etc and hides what is nobody's business.

    Made anew at each start: the host's files may have changed.
    """
    files.remove_tree(masks_dir)
    os.mkdir(masks_dir, 0o755)
    os.chmod(masks_dir, 0o755)
    for name in REPLACED:
        write(f"{masks_dir}/{name}", "", 0o644)
    write(f"{masks_dir}/shadow", locked_accounts("/etc/passwd", "*:19000:0:99999:7:::"), 0o640)
    write(f"{masks_dir}/gshadow", locked_accounts("/etc/group", "*::"), 0o640)
    hide_secrets("/etc", masks_dir, 0)


def locked_accounts(database: str, rest: str) -> str:
    """A shadow file in which everybody of a database is known and nobody has a password."""
    with open(database, errors="replace") as file:
        names = [line.partition(":")[0] for line in file.read(1 << 20).splitlines()]
    return "".join(f"{name}:{rest}\n" for name in names if name)


def hide_secrets(directory: str, mask: str, depth: int) -> None:
    """Whiteouts for all that others may not read, and for what is called like a key."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if depth == 0 and entry.name in (*REPLACED, "shadow", "gshadow"):
                continue
            status = entry.stat(follow_symlinks=False)
            if is_secret(entry.name, status):
                ensure_mask(mask)
                whiteout(mask, entry.name)
            elif stat.S_ISDIR(status.st_mode) and depth < MAX_DEPTH:
                hide_secrets(entry.path, f"{mask}/{entry.name}", depth + 1)


def is_secret(name: str, status: os.stat_result) -> bool:
    """Whether a file or directory of /etc stays the host's."""
    if stat.S_ISLNK(status.st_mode):
        return False
    if name in SECRET_DATABASES or name.startswith(SECRET_NAMES) and not name.endswith(".pub"):
        return True
    if stat.S_ISDIR(status.st_mode):
        return name in SECRET_DIRECTORIES or status.st_mode & 0o005 != 0o005
    return status.st_mode & 0o004 == 0


def ensure_mask(mask: str) -> None:
    """The directories down to where a whiteout goes, with the modes of the host's own."""
    if os.path.isdir(mask):
        return
    ensure_mask(os.path.dirname(mask))
    os.mkdir(mask, 0o755)


def whiteout(mask: str, name: str) -> None:
    """Hide one name."""
    fd = os.open(mask, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        overlay.make_whiteout(name, dir_fd=fd)
    finally:
        os.close(fd)


def write(path: str, text: str, mode: int) -> None:
    """A small new file with exactly that mode."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        files.write_all(fd, text.encode())
        os.fchmod(fd, mode)
    finally:
        os.close(fd)
