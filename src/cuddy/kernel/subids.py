"""Subordinate ids: which ids of the machine an ordinary user may use in user namespaces, subuid(5).

The kernel lets a user map only the own id. A range of others is granted by root in /etc/subuid and
/etc/subgid, and mapped by newuidmap(1) and newgidmap(1), which are set-uid programs.
"""

from __future__ import annotations

import os

from cuddy.kernel import idmap, namespaces, program
from cuddy.kernel.idmap import IdRange
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

UID_FILE, GID_FILE = "/etc/subuid", "/etc/subgid"
MAX_BYTES = 1 << 20
MAX_ID = (1 << 32) - 2
MAX_RANGES = 300
"""The kernel takes 340 lines in a map, one of which is the user's own id: user_namespaces(7)."""
PROGRAMS = ("newuidmap", "newgidmap")


class Grant(NamedTuple):
    """What a user may use: ranges of (first, count) of each kind."""

    uids: tuple[tuple[int, int], ...]
    gids: tuple[tuple[int, int], ...]


def granted(names: Collection[str]) -> Grant:
    """The ranges of a user who has these names: the login name, and the number as text."""
    return Grant(parse(_read(UID_FILE), names), parse(_read(GID_FILE), names))


def parse(text: str, names: Collection[str]) -> tuple[tuple[int, int], ...]:
    """The ranges of `names` in a file of `name:first:count` lines; other lines mean nothing."""
    found: list[tuple[int, int]] = []
    for name, first, count in _lines(text):
        # An id may be mapped once, and root's is never for others.
        taken = any(first < begin + length and begin < first + count for begin, length in found)
        if name in names and first and first + count - 1 <= MAX_ID and not taken:
            found.append((first, count))
    return tuple(found[:MAX_RANGES])


def _lines(text: str) -> Iterator[tuple[str, int, int]]:
    for line in text.split("\n"):
        name, *numbers = line.strip().split(":")
        if len(numbers) != 2 or any(len(number) > 10 for number in numbers):
            continue
        if all(number.isascii() and number.isdigit() for number in numbers) and int(numbers[1]):
            yield name, int(numbers[0]), int(numbers[1])


def first_free(size: int = 65536, start: int = 100_000) -> int:
    """The first id from which as many are granted to nobody, neither as uids nor as gids."""
    taken = [line for path in (UID_FILE, GID_FILE) for line in _lines(_read(path))]
    free = start
    for _, first, count in sorted(taken, key=lambda line: line[1]):
        if first < free + size and free < first + count:
            free = first + count
    return free


def _read(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, MAX_BYTES).decode(errors="replace")
    finally:
        os.close(fd)


def lay_out(own: int, ranges: Collection[tuple[int, int]]) -> list[IdRange]:
    """The map of a namespace whose root is the user: the own id first, then what was granted."""
    maps = [IdRange(0, own, 1)]
    for first, count in ranges:
        maps.append(IdRange(maps[-1].container_id + maps[-1].size, first, count))
    return maps


def missing_programs() -> list[str]:
    """Which of the two programs this machine lacks."""
    return [name for name in PROGRAMS if not program.find(name)]


def map_for(pid: int, uids: list[IdRange], gids: list[IdRange]) -> str:
    """Map a process's new user namespace by the two programs; what they complain of, or "".

    The caller is the same user, outside of that namespace.
    """
    for name, maps in zip(PROGRAMS, (uids, gids), strict=True):
        numbers = [str(number) for each in maps for number in each]
        finished = program.run(program.find(name) or name, str(pid), *numbers)
        if finished.code:
            return f"{name}: {finished.output or f'exit status {finished.code}'}"
    return ""


def unshare(flags: int, uids: list[IdRange], gids: list[IdRange]) -> str:
    """Enter a new user namespace, and others of `flags` that it owns; complaints of the mapping.

    A map of one id needs nobody's help. Others are made by a child that stays outside. For a
    process of one thread. Raises OSError for a kernel that does not allow it.
    """
    if len(uids) == len(gids) == 1:
        namespaces.unshare(namespaces.CLONE_NEWUSER | flags)
        idmap.deny_setgroups()
        idmap.write_maps(os.getpid(), uids, gids)
        return ""
    ready, tell = os.pipe2(os.O_CLOEXEC)
    heard, say = os.pipe2(os.O_CLOEXEC)
    us = os.getpid()
    child = os.fork()
    if not child:
        try:
            os.close(tell)
            if os.read(ready, 1):
                os.write(say, _map_outside(us, uids, gids).encode(errors="replace")[:4096])
        finally:
            os._exit(0)
    os.close(ready)
    os.close(say)
    try:
        namespaces.unshare(namespaces.CLONE_NEWUSER | flags)
        os.write(tell, b".")
        complaint = os.read(heard, 4096).decode(errors="replace")
        return complaint or ("" if _is_mapped() else "the ids were not mapped")
    finally:
        os.close(tell)
        os.close(heard)
        os.waitpid(child, 0)


def _is_mapped() -> bool:
    """The child may have been killed."""
    return bool(_read("/proc/self/uid_map").strip() and _read("/proc/self/gid_map").strip())


def _map_outside(pid: int, uids: list[IdRange], gids: list[IdRange]) -> str:
    try:
        return map_for(pid, uids, gids)
    except OSError as error:
        return str(error)
