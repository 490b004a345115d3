"""Namespaces that the config names by path: opened, and their kinds checked, before anything is
made (config-linux.md, "Namespaces").
"""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument
from cuddy.kernel import namespaces
from cuddy.undo import close_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.spec import Namespace

ONCE = ("user", "mount")
"""Kinds of which our own is none to join: the kernel refuses the one, and init would replace the
root of everything on the host in the other.
"""


def open_paths(bundle: Bundle, opened: dict[str, int]) -> Bundle:
    """Put a descriptor for each kind in `opened`. Returns the bundle without what is ours already.

    Raises InvalidArgument.
    """
    linux = bundle.config["linux"]
    kept: list[Namespace] = []
    try:
        for entry in linux["namespaces"]:
            kind = entry["type"]
            if path := entry.get("path"):
                fd = open_namespace(kind, path)
                if kind in ONCE and is_own(fd, kind):
                    os.close(fd)
                    continue
                opened[kind] = fd
            kept.append(entry)
    except BaseException:
        close_all(opened)
        raise
    config = bundle.config.copy()
    config["linux"] = linux.copy()
    config["linux"]["namespaces"] = kept
    return bundle._replace(config=config)


def open_namespace(kind: str, path: str) -> int:
    """One namespace as a descriptor. Raises InvalidArgument if it is none of that kind."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise InvalidArgument(f"cannot join the {kind} namespace: open {path}: {reason}") from None
    if namespaces.kind_of(fd) == namespaces.FLAGS[kind]:
        return fd
    os.close(fd)
    raise InvalidArgument(f"cannot join the {kind} namespace: {path} is no {kind} namespace")


def is_own(fd: int, kind: str) -> bool:
    """Whether we are in that namespace."""
    own = os.stat(f"/proc/self/ns/{namespaces.LINKS[kind]}")
    return os.path.samestat(os.fstat(fd), own)
