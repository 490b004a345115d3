"""The leak detector: what exists before a test must be what exists after it.

    mounts       /proc/self/mountinfo
    processes    of the session's own pid namespace, so all of them are ours (or, beside systemd, of
                 a machine on which nothing else happens)
    cgroups      with "cuddy" in their path, in every hierarchy
    links        of the session's own network namespace
    rules        nftables' tables, chains, rules, sets, and what is in these, of the same
    files        in the run root and in tmp/, containers/, names/ and volumes/ of the session's Home
    descriptors  of the test process itself

The kernel takes some things down after the call that asked for it has returned, and a container's
monitor ends just after its container, so what is new gets a while to go away.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import isolation
from console import TIME_FACTOR

GRACE_S = 10.0 * TIME_FACTOR
Things = dict[str, set[str]]

libc = ctypes.CDLL(None, use_errno=True)


class Detector:
    """Takes snapshots of the session's world. `homes`: directories of Homes to watch."""

    def __init__(self) -> None:
        self.homes: list[tuple[Path, Path]] = []
        self.ids: set[str] = set()
        self._inotify = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)

    def watch(self, root: Path, run_root: Path) -> None:
        """Count a Home's files, and know its containers' ids from now on."""
        containers = root / "containers"
        containers.mkdir(parents=True, exist_ok=True, mode=0o700)
        in_create_and_moved_to = 0x100 | 0x80
        libc.inotify_add_watch(self._inotify, bytes(containers), in_create_and_moved_to)
        self.homes.append((root, run_root))

    def close(self) -> None:
        os.close(self._inotify)

    def forget(self, root: Path) -> None:
        self.homes = [pair for pair in self.homes if pair[0] != root]

    def take(self) -> Things:
        """What exists now, by kind."""
        return {
            "mount": set(mounts()),
            "process": set(processes()),
            "cgroup": set(cgroups()),
            "link": {name for _, name in socket.if_nameindex()},
            "nftables": set(nftables()),
            "file": {path for pair in self.homes for path in files(*pair)},
            "descriptor": set(descriptors(self._inotify)),
        }

    def leaks(self, before: Things) -> list[str]:
        """What is there now and was not before, or the reverse, as readable lines."""
        deadline = time.monotonic() + GRACE_S
        while True:
            found = list(self._compare(before, self.take()))
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.02)

    def _compare(self, before: Things, after: Things) -> Iterator[str]:
        self._learn_ids()
        for kind, things in after.items():
            for thing in sorted(things - before[kind]):
                if kind != "cgroup" or self._is_ours(thing):
                    yield f"{kind} left behind: {thing}"
            if kind in ("mount", "link", "nftables"):
                for thing in sorted(before[kind] - things):
                    yield f"{kind} gone that was there before: {thing}"

    def _is_ours(self, cgroup: str) -> bool:
        """Not another session's: cgroups have no namespace of their own here."""
        parts = cgroup.split("/")
        if parts[-1] == "cuddy":
            return False  # the parent of all stays: to remove it would race with another start
        if any(part.startswith("cuddy-test") for part in parts):
            return isolation.name() in parts
        ids = [part for part in parts if is_id(part)]
        return not ids or not self.ids.isdisjoint(ids)

    def _learn_ids(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while events := os.read(self._inotify, 1 << 16):
                while events:
                    length = struct.unpack_from("=iIII", events)[3]
                    name = events[16 : 16 + length].rstrip(b"\0").decode()
                    events = events[16 + length :]
                    if is_id(name):
                        self.ids.add(name)


def is_id(name: str) -> bool:
    return len(name) == 64 and not name.strip("0123456789abcdef")


def mounts() -> Iterator[str]:
    """Every mount: where, what kind, from where. Ids differ when a mount was made anew."""
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        mount_id, _, _, _, target, *_ = left.split(" ")
        yield f"{target} ({right}, id {mount_id})"


def processes() -> Iterator[str]:
    """Every process by pid, start time and command line. Zombies of others go by themselves."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", errors="surrogateescape") as file:
                name, _, rest = file.read().rpartition(")")
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                command = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue
        if name.endswith(("(cuddy api free", "(cuddy spare")):
            continue  # a server has so many of them as it likes; they end with it
        state, parent, *fields = rest.split()
        if isolation.asks_systemd() and parent == "2":
            continue  # a thread of the kernel's
        if state == "Z":
            if int(parent) != os.getpid():
                continue
            command = "a zombie nobody waited for"
        yield f"{name}) parent {parent}, started {fields[17]}: {command}"


def cgroups() -> Iterator[str]:
    """Directories of cgroup hierarchies with "cuddy" in their path."""
    for top in cgroup_mounts():
        yield from walk_cgroups(top, top)


def walk_cgroups(path: str, top: str) -> Iterator[str]:
    try:
        # A cgroup's link count is two and one for each child: a leaf need not be read.
        if os.stat(path).st_nlink == 2:
            return
        children = [entry.path for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    for child in children:
        if "cuddy" in child[len(top) :]:
            yield child
        yield from walk_cgroups(child, top)


def cgroup_mounts() -> list[str]:
    """Where the hierarchies are mounted, of whichever version."""
    with open("/proc/self/mountinfo", errors="surrogateescape") as file:
        lines = [line.partition(" - ") for line in file]
    return [left.split(" ")[4] for left, _, right in lines if right.startswith("cgroup")]


def files(root: Path, run_root: Path) -> Iterator[str]:
    """Names in a Home that come and go with containers."""
    for parent in (root / "tmp", root / "containers", root / "names", root / "volumes"):
        with contextlib.suppress(FileNotFoundError):
            yield from (f"{parent}/{name}" for name in os.listdir(parent))
    for directory, _, names in os.walk(run_root):
        # A cache: compiled seccomp profiles.
        if directory != f"{run_root}/filters":
            yield directory
            # This lock stays: to remove it would race with another start.
            yield from (f"{directory}/{name}" for name in names if name != "resolver.lock")


def descriptors(ours: int) -> Iterator[str]:
    """What this process has open; pytest's own capture files do not count."""
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/self/fd/{fd}")
            if int(fd) not in (0, 1, 2, ours) and not target.startswith("/proc/"):
                yield f"{fd} -> {target}"


# linux/netfilter/nfnetlink.h, nf_tables.h: enough of the protocol to count tables and rules
NETLINK_NETFILTER = 12
NFNL_SUBSYS_NFTABLES = 10
NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE = 1, 4, 7
NFT_MSG_GETSET, NFT_MSG_GETSETELEM = 10, 13
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3


def nftables() -> Iterator[str]:
    """Tables, chains and sets by name, rules by handle, elements by key; without running nft."""
    for family, attributes in dump(NFT_MSG_GETTABLE):
        yield f"table {family} {text(attributes[1])}"
    for family, attributes in dump(NFT_MSG_GETRULE):
        handle = int.from_bytes(attributes[3], "big")
        yield f"rule {family} {text(attributes[1])} {text(attributes[2])} handle {handle}"
    for family, attributes in dump(NFT_MSG_GETCHAIN):
        yield f"chain {family} {text(attributes[1])} {text(attributes[3])}"
    for family, attributes in dump(NFT_MSG_GETSET):
        where = f"{family} {text(attributes[1])} {text(attributes[2])}"
        yield f"set {where}"
        yield from (f"element {where} {key.hex()}" for key in elements(family, attributes))


def elements(family: int, of: dict[int, bytes]) -> Iterator[bytes]:
    """The keys in a set or map."""
    names = b"".join(pack_attribute(kind, of[kind]) for kind in (1, 2))
    for _, attributes in dump(NFT_MSG_GETSETELEM, family, names):
        for _, element in parse_attributes(attributes.get(3, b"")):
            yield dict(parse_attributes(element)).get(1, b"")[4:]


def text(attribute: bytes) -> str:
    return attribute.rstrip(b"\0").decode()


def pack_attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def dump(kind: int, family: int = 0, body: bytes = b"") -> Iterator[tuple[int, dict[int, bytes]]]:
    """Ask nf_tables for all objects of a kind: (address family, attributes) of each."""
    try:
        connection = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
    except OSError:  # a kernel without netfilter
        return
    with connection:
        message_type = NFNL_SUBSYS_NFTABLES << 8 | kind
        length = 20 + len(body)
        header = struct.pack("=IHHII", length, message_type, NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
        connection.sendto(header + struct.pack("=BBH", family, 0, 0) + body, (0, 0))
        while True:
            data = connection.recv(1 << 18)
            while data:
                length, answer, *_ = struct.unpack_from("=IHHII", data)
                if answer in (NLMSG_ERROR, NLMSG_DONE):
                    return
                yield data[16], dict(parse_attributes(data[20:length]))
                data = data[length + 3 & ~3 :]


def parse_attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind & 0x3FFF, data[4:length]
        data = data[length + 3 & ~3 :]
