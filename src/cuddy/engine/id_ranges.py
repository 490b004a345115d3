"""Ids of the host that one container has for itself: ranges of subordinate ids, subuid(5).

    <root>/ids/<first>-<size>-<12 digits of the container's id> -> its id

A link for each range, made under the lock of names before the container appears, and removed under
it once the container is gone: what a kill leaves is a link that leads nowhere, which is free. No
range is given twice while a link of it leads to a container.

Whose ids are given, in this order: the range of config.toml; what /etc/subuid and /etc/subgid give
`cuddy`, `containers` or root; else those that systemd sets aside for containers, but for what these
files give others.
"""

from __future__ import annotations

import os

from cuddy import checksum, files
from cuddy.engine import id_maps, userns
from cuddy.engine.home import DEFAULT_ROOT
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import idmap
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.options import ContainerOptions
    from cuddy.undo import Undo

OWNERS = ("cuddy", "containers", "root")
CONTAINERS_OF_SYSTEMD = (0x00080000, 0x70000000)
"""systemd's UIDS-GIDS.md, "container UID range": first id, and the one after the last."""
MAX_FILE_BYTES = 1 << 20
FILES = ("/etc/subuid", "/etc/subgid")


class Span(NamedTuple):
    """Ids from `start` up to but not including `end`."""

    start: int
    end: int


def assign(home: Home, record: Container, options: ContainerOptions, undo: Undo) -> None:
    """Give a new container its range, if it is to have one; the caller has the lock of names.

    Raises SystemFailure, InvalidArgument.
    """
    config = record["HostConfig"]
    if config["IDMappings"]:
        if not config["UsernsMode"].startswith(userns.PREFIX):
            note(home, record["Id"], spans_of(record), undo)
        return
    wish = userns.parse(config["UsernsMode"])
    if wish.kind not in userns.OWN_RANGE:
        return
    start = find(home, wish.size, options.userns_range)
    note(home, record["Id"], [Span(start, start + wish.size)], undo)
    kept = userns.kept_ids(wish, options.caller)
    maps = idmap.Maps(
        userns.spread(start, wish.size, kept and kept[0]),
        userns.spread(start, wish.size, kept and kept[1]),
    )
    config["IDMappings"] = userns.shown(maps)
    if kept and not record["Config"]["User"]:
        record["Config"]["User"] = f"{kept[0][0]}:{kept[1][0]}"


def find(home: Home, size: int, configured: str) -> int:
    """The first id of a free range. Raises SystemFailure if there is none."""
    pool = find_pool(configured)
    if len(files.list_directory(home.ids_dir)) > len(files.list_directory(home.containers_dir)):
        sweep(home)
    for _ in range(2):
        taken = sorted(span for span, _ in list_taken(home))
        start = first_fit(pool, taken, size, preferred(home, pool))
        if start >= 0:
            return start
        sweep(home)
    raise SystemFailure(
        f"no range of {size} ids is free for --userns",
        hint="remove containers, or give more: `[userns] range` in config.toml, or /etc/subuid "
        "and /etc/subgid for the user 'containers'",
    )


def preferred(home: Home, pool: Sequence[Span]) -> int:
    """Where to begin: engines beside each other know nothing of each other, so not at one place."""
    if home.root == DEFAULT_ROOT or not pool:
        return 0
    widest = max(pool, key=lambda span: span.end - span.start)
    slots = (widest.end - widest.start) // userns.SIZE
    if slots < 2:
        return 0
    return widest.start + checksum.fnv(home.root.encode()) % slots * userns.SIZE


def first_fit(pool: Sequence[Span], taken: Sequence[Span], size: int, begin: int = 0) -> int:
    """The first id of `size` free ones: from `begin` on, else from the beginning; -1: none.

    `taken` is sorted.
    """
    for least in (begin, 0) if begin else (0,):
        for span in pool:
            start = max(span.start, least)
            for other in taken:
                if other.start >= start + size:
                    break
                start = max(start, other.end)
            if start + size <= span.end:
                return start
    return -1


def find_pool(configured: str) -> list[Span]:
    """The ids that may be given. Raises InvalidArgument for a configured range that is none."""
    if configured:
        return [parse_range(configured)]
    users, groups = (read_file(path) for path in FILES)
    return pool_of(users, groups)


def pool_of(users: Sequence[tuple[str, Span]], groups: Sequence[tuple[str, Span]]) -> list[Span]:
    """The same of what is granted to whom. Pure.

    What somebody else has as well is nobody's: that user could become the container's.
    """
    others = merge(span for owner, span in (*users, *groups) if owner not in OWNERS)
    ours = intersect(
        merge(span for owner, span in users if owner in OWNERS),
        merge(span for owner, span in groups if owner in OWNERS),
    )
    if left := merge(each for span in ours for each in subtract(span, others)):
        return left
    taken = merge(span for _, span in (*users, *groups))
    return subtract(Span(*CONTAINERS_OF_SYSTEMD), taken)


def parse_range(text: str) -> Span:
    """START:SIZE of config.toml. Raises InvalidArgument."""
    start, _, size = text.partition(":")
    first = id_maps.number(start, "config.toml: range of userns", id_maps.MAX_ID)
    count = id_maps.number(size, "config.toml: range of userns", id_maps.MAX_ID)
    if not first or not count or first + count - 1 > id_maps.MAX_ID:
        raise InvalidArgument(f"config.toml: range of userns: {text!r}", hint="START:SIZE, not 0")
    return Span(first, first + count)


def read_file(path: str) -> list[tuple[str, Span]]:
    """/etc/subuid or /etc/subgid: OWNER:START:SIZE a line; what makes no sense is skipped."""
    found = []
    for line in read_text(path).split("\n"):
        fields = line.strip().split(":")
        if len(fields) != 3 or not all(f.isascii() and f.isdigit() for f in fields[1:]):
            continue
        start, size = int(fields[1]), int(fields[2])
        if size and start and start + size - 1 <= id_maps.MAX_ID:
            found.append((fields[0], Span(start, start + size)))
    return found


def read_text(path: str) -> str:
    """A file of the host's; nothing if it is not there."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_FILE_BYTES).decode("ascii", "replace")
    except OSError:
        return ""


def merge(spans: Iterable[Span]) -> list[Span]:
    """The same ids in order, each once."""
    found: list[Span] = []
    for span in sorted(span for span in spans if span.start < span.end):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def intersect(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """The ids that are in both."""
    return merge(Span(max(a.start, b.start), min(a.end, b.end)) for a in one for b in other)


def subtract(whole: Span, parts: Sequence[Span]) -> list[Span]:
    """The ids of `whole` that are in none of `parts`, which are in order."""
    found, start = [], whole.start
    for part in parts:
        if part.end > start and part.start < whole.end:
            found.append(Span(start, part.start))
            start = part.end
    return merge([*found, Span(start, whole.end)])


def spans_of(record: Container) -> list[Span]:
    """The ids of the host that a container's users are."""
    maps = userns.maps_of(record)
    if maps is None:
        return []
    return merge(Span(r.host_id, r.host_id + r.size) for r in (*maps.uids, *maps.gids))


def note(home: Home, container_id: str, spans: Iterable[Span], undo: Undo) -> None:
    """Write down whose ranges these are."""
    where = home.ids_dir
    for span in spans:
        link = f"{where}/{span.start}-{span.end - span.start}-{container_id[:12]}"
        try:
            os.symlink(container_id, link)
        except FileNotFoundError:
            files.make_directory(where)
            os.symlink(container_id, link)
        undo.add(os.unlink, link)


def list_taken(home: Home) -> list[tuple[Span, str]]:
    """What is given, and the name of each link; what is no link of ours is no range."""
    try:
        names = os.listdir(home.ids_dir)
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        fields = name.split("-")
        if len(fields) == 3 and fields[0].isdigit() and fields[1].isdigit():
            start = int(fields[0])
            found.append((Span(start, start + int(fields[1])), name))
    return found


def sweep(home: Home) -> int:
    """Take back what leads to no container; returns how many. The caller has the lock of names."""
    dead = list_dead(home)
    for name in dead:
        os.unlink(f"{home.ids_dir}/{name}")
    return len(dead)


def list_dead(home: Home) -> list[str]:
    """The links that lead to no container. The caller has the lock of names."""
    return [name for _, name in list_taken(home) if not leads_somewhere(home, name)]


def leads_somewhere(home: Home, name: str) -> bool:
    """Whether there is a container that a link names."""
    return os.path.isdir(home.container_dir(os.readlink(f"{home.ids_dir}/{name}")))
