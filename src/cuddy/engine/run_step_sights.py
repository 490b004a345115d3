"""What can be seen of a process from outside: the things that the stages of `run --step` change.

All of it is read from the kernel, below /proc/PID; nothing is asked of the process or its programs.
"""

from __future__ import annotations

import os
import re

from cuddy.engine import explain_facts
from cuddy.kernel import capabilities, cgroup_hierarchies, mount, namespaces, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.kernel.mount import MountPoint

Sight = dict[str, str]
MOST_NAMES = 12
MOST_LINKS = 4
ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY


def look(pid: int, container_id: str) -> Sight:
    """How things are for a process, by what somebody in there would type to see them."""
    status = explain_facts.read_status(pid)
    weak = weakest(pid) or status
    points = mount.list_mounts(pid)
    return {
        "number": numbers(status),
        "ps": count(processes(pid), "process", "processes"),
        "hostname": explain_facts.hostname_of(pid),
        "id": f"uid {weak['Uid'].split()[1]}, gid {weak['Gid'].split()[1]}",
        "mount": count(len(points), "mount"),
        "root": short(root_of(points)),
        "layers": layers(points),
        "ls /": listing(pid),
        "group": group_of(pid, container_id),
        "network": links(pid),
        "powers": powers(weak),
        "filter": "none" if weak.get("Seccomp", "0") == "0" else "a program looks at every call",
        "namespaces": own_namespaces(pid),
    }


def short(text: str) -> str:
    """A text with ids of containers and layers as everybody abbreviates them."""
    return ID.sub(r"\1", text)


def numbers(status: dict[str, str]) -> str:
    """The pid on both sides."""
    outer, *inner = status.get("NSpid", status["Pid"]).split()
    return f"{inner[-1]} in there, {outer} out here" if inner else outer


def weakest(pid: int) -> dict[str, str]:
    """The status of a child that has given up power; nothing if there is none."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return explain_facts.read_status(int(file.read().split()[0]))
    except (OSError, IndexError):
        return {}


def count(number: int, word: str, words: str = "") -> str:
    """So many of something."""
    return f"{number} {word if number == 1 else words or f'{word}s'}"


def inside(pid: int, path: str) -> list[str]:
    """The names in a directory as the process sees it; none if it is not there."""
    root_fd = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = resolve.open_in_root(root_fd, path, DIRECTORY)
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)
    except OSError:
        return []
    finally:
        os.close(root_fd)


def processes(pid: int) -> int:
    """How many its ps would show."""
    return sum(map(str.isdecimal, inside(pid, "/proc")))


def listing(pid: int) -> str:
    """What its ls would show of the root."""
    names = sorted(inside(pid, "/"))
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return " ".join(names[:MOST_NAMES]) + more


def root_of(points: list[MountPoint]) -> str:
    """What is mounted as its root: of several the last is on top."""
    found = [point for point in points if point.target == "/"][-1]
    way = "read-only" if "ro" in found.options.split(",") else "writable"
    of = f" of {found.root}" if found.root != "/" else ""
    return f"{found.fstype}{of}, {way}"


def layers(points: list[MountPoint]) -> str:
    """Where there are unions of several directories."""
    found = [point.target for point in points if "overlay" in point.fstype]
    return f"stacked at {' '.join(found)}" if found else "none"


def group_of(pid: int, container_id: str) -> str:
    """The control group that counts what it uses, and the one that it sees itself in."""
    own = {h.own for h in cgroup_hierarchies.find(pid).all}
    mine = sorted(path for path in own if container_id in path) or sorted(own)
    shown = short(mine[0]) if mine else "none"
    is_own = namespaces.identify(pid, "cgroup") != namespaces.identify("self", "cgroup")
    return f"{shown}, called / in there" if is_own else shown


def links(pid: int) -> str:
    """Its links, with their addresses of IPv4."""
    found = explain_facts.list_links(pid)
    shown = [" ".join((link.name, *(a for a in link.addresses if ":" not in a))) for link in found]
    more = f" and {len(shown) - MOST_LINKS} more" if len(shown) > MOST_LINKS else ""
    return ", ".join(shown[:MOST_LINKS]) + more


def powers(status: dict[str, str]) -> str:
    """How many of the capabilities of this kernel it can ever use."""
    kept = int(status["CapBnd"], 16)
    every = capabilities.bounding() | kept
    return f"{kept.bit_count()} of {every.bit_count()} capabilities"


def own_namespaces(pid: int) -> str:
    """The kinds that are not the host's, with their numbers."""
    ours, theirs = explain_facts.own_namespaces(), explain_facts.namespaces_of(pid)
    found = [f"{kind} {n}" for kind, n in theirs.items() if n != ours.get(kind)]
    return f"own: {', '.join(found)}" if found else "the host's"
