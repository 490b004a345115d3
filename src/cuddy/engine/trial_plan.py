"""Of which parts the view of this machine is made that a trial gets. Pure but for what is asked.

    overlay   the host's directory below, what is written above
    split     a directory that no overlay can show, made anew: directories in it are parts of their
              own, small files are copied, all else is the host's
    bind      the host's own: what the kernel shows, sockets
    frozen    the host's own, read-only: what is no file system of files, cuddy's own directories
    devices   a new /dev with what every program expects, and the host's terminals

The kernel lets root put an overlay over any directory, with others over what is mounted in it. In a
user namespace it refuses one over a directory that has mounts of the host's in it: those are split.
There it makes no copies of directories that belong to nobody of the namespace either, so that what
the user owns below them needs an overlay of its own.
"""

from __future__ import annotations

import os

from cuddy.kernel.mount import contains
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from cuddy.kernel.mount import MountPoint

OVERLAY, SPLIT, BIND, FROZEN, DEVICES = "overlay", "split", "bind", "frozen", "devices"
KERNELS_OWN = frozenset((
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts",
    "devtmpfs", "efivarfs", "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore",
    "securityfs", "sysfs", "tracefs",
))  # fmt: skip
"""File systems of no files: what is written there acts on the machine."""
SETTINGS = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")
"""Below /proc, and of effect on all."""


class Part(NamedTuple):
    """One part of the view. `number`: of its upper directory."""

    path: str
    kind: str
    number: str = ""


class Kinds(NamedTuple):
    """What the plan asks of a path: of which kind it is, and what is in it."""

    is_directory: Callable[[str], bool]
    names: Callable[[str], Iterable[str]]
    file_kind: Callable[[str], str]  # bind, frozen, or "" for a file to copy


def plan(
    points: Iterable[MountPoint], ask: Kinds, *, closed: Collection[str], own: Collection[str] = (),
    splits: bool = False,
) -> list[Part]:  # fmt: skip
    """The parts, each after those that it lies in.

    `closed`: directories of cuddy's, which stay as they are. `own`: those to be parts in any case.
    `splits`: in a user namespace.
    """
    mounted = {point.target: point.fstype for point in points}
    planning = Planning(mounted, ask, frozenset(closed), frozenset(own), splits=splits)
    planning.visit("/")
    return planning.parts


class Planning:
    """The parts so far, and what decides on the others."""

    def __init__(
        self, mounted: dict[str, str], ask: Kinds, closed: frozenset[str], own: frozenset[str], *,
        splits: bool,
    ) -> None:  # fmt: skip
        self.mounted, self.ask, self.closed, self.splits = mounted, ask, closed, splits
        self.known = {*mounted, *closed, *own}
        self.parts: list[Part] = []

    def visit(self, path: str) -> None:
        """A place that is a part of its own."""
        fstype = self.mounted.get(path, "")
        if path in self.closed:
            self.parts.append(Part(path, FROZEN))
        elif path == "/dev":
            self.parts.append(Part(path, DEVICES))
        elif fstype in KERNELS_OWN:
            self.parts.append(Part(path, BIND if fstype == "proc" else FROZEN))
            if path == "/proc" and not self.splits:
                self.parts += [Part(each, FROZEN) for each in SETTINGS]
        elif not self.ask.is_directory(path):
            self.parts.append(Part(path, FROZEN))
        else:
            self.show(path)

    def show(self, path: str) -> None:
        """A directory of files, with the parts that lie in it."""
        below = {each for each in self.known if each != path and contains(path, each)}
        is_locked = self.splits and not below.isdisjoint(self.mounted)
        self.parts.append(Part(path, SPLIT if is_locked else OVERLAY, str(len(self.parts))))
        if not is_locked:
            for each in outermost(below):
                self.visit(each)
            return
        # A directory that may not be read has in it what is known of it.
        inside = {each[len(path.rstrip("/")) + 1 :].partition("/")[0] for each in below}
        for name in sorted({*self.ask.names(path), *inside}):
            child = os.path.join(path, name)
            if self.ask.is_directory(child) or child in self.mounted:
                self.visit(child)
            elif kind := self.ask.file_kind(child):
                self.parts.append(Part(child, kind))


def outermost(paths: Iterable[str]) -> list[str]:
    """Of these those that lie in no other."""
    found: list[str] = []
    for each in sorted(paths):
        if not any(contains(other, each) for other in found):
            found.append(each)
    return found
