"""What of the host a container sees: `-v SOURCE:TARGET[:OPTIONS]` and `--tmpfs
TARGET[:OPTIONS]`.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import mount
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.runtime.spec import MountEntry

PROPAGATIONS = frozenset(mount.PROPAGATION)
IGNORED = frozenset(("z", "Z", "nocopy", "cached", "consistent", "delegated", "default"))
"""Options with no meaning here: SELinux labels where there is no SELinux, and Docker Desktop's."""

TMPFS_FLAGS = frozenset(mount.OPTIONS) - {"bind", "rbind", "remount"}
TMPFS_VALUES = frozenset(("size", "mode", "uid", "gid", "nr_inodes"))


class Bind(NamedTuple):
    """A directory or file of the host, shown inside."""

    source: str
    target: str
    read_only: bool = False
    propagation: str = "rprivate"


def parse_bind(text: str) -> Bind:
    """`-v SOURCE:TARGET[:OPTIONS]`. Raises InvalidArgument."""
    source, *rest = text.split(":")
    if not rest or len(rest) > 2 or "\0" in text:
        hint = "SOURCE:TARGET[:ro], both absolute"
        raise InvalidArgument(f"invalid volume specification {text!r}", hint=hint)
    if not source.startswith("/"):
        hint = "named volumes are not there yet; give an absolute path of the host"
        raise InvalidArgument(f"volume source {source!r} is not an absolute path", hint=hint)
    target = check_target(rest[0])
    bind = Bind("/" + os.path.normpath(source).lstrip("/"), target)
    for option in rest[1].split(",") if len(rest) == 2 else ():
        if option in ("ro", "rw"):
            bind = bind._replace(read_only=option == "ro")
        elif option in PROPAGATIONS:
            bind = bind._replace(propagation=option)
        elif option not in IGNORED:
            raise InvalidArgument(f"volume {text!r}: unknown option {option!r}")
    return bind


def check_target(target: str) -> str:
    """A path inside the container, cleaned. Raises InvalidArgument."""
    if not target.startswith("/"):
        raise InvalidArgument(f"mount path {target!r} inside the container must be absolute")
    clean = os.path.normpath("/" + target.lstrip("/"))
    if clean == "/":
        raise InvalidArgument("nothing can be mounted over the container's root '/'")
    return clean


def parse_tmpfs(text: str) -> tuple[str, str]:
    """`--tmpfs TARGET[:OPTIONS]` -> target and options. Raises InvalidArgument."""
    target, _, options = text.partition(":")
    for option in options.split(",") if options else ():
        name, _, value = option.partition("=")
        if option not in TMPFS_FLAGS and not (name in TMPFS_VALUES and value):
            raise InvalidArgument(f"tmpfs {text!r}: unknown option {option!r}")
    return check_target(target), options


def check_duplicates(targets: list[str]) -> None:
    """Two things at one place is a mistake. Raises InvalidArgument."""
    for target in targets:
        if targets.count(target) > 1:
            raise InvalidArgument(f"duplicate mount point: {target}")


def make_source(bind: Bind) -> None:
    """A source that does not exist becomes a directory, as Docker does for -v."""
    try:
        if not os.path.lexists(bind.source):
            files.make_directory(bind.source, 0o755)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot make the volume {bind.source}", error) from error


def bind_entry(bind: Bind) -> MountEntry:
    """A bind as config.json has it."""
    # Recursive: what is mounted below the source would stay writable otherwise.
    mode = "rro" if bind.read_only else "rw"
    return {
        "destination": bind.target,
        "type": "bind",
        "source": bind.source,
        "options": ["rbind", bind.propagation, mode],
    }


def tmpfs_entry(target: str, options: str) -> MountEntry:
    """A tmpfs as config.json has it: nosuid, nodev and noexec unless asked otherwise."""
    chosen = ["nosuid", "nodev", "noexec", *(options.split(",") if options else ())]
    return {"destination": target, "type": "tmpfs", "source": "tmpfs", "options": chosen}


def mount_point(bind: Bind) -> dict[str, Any]:
    """A bind in the `Mounts` section of docker inspect."""
    return {
        "Type": "bind",
        "Source": bind.source,
        "Destination": bind.target,
        "Mode": "ro" if bind.read_only else "",
        "RW": not bind.read_only,
        "Propagation": bind.propagation,
    }
