"""Directories that outlive the RUN they are mounted for: `RUN --mount=type=cache`.

    <root>/build/mounts/<name>/mount.json     what it was made for; its time is that of the last use
    <root>/build/mounts/<name>/lock           held by who has it mounted
    <root>/build/mounts/<name>/data/          what is mounted

The name is a digest of all that makes it another directory: the id, whose it is at first, and what
is in it at first. sharing=shared holds the lock together with others, =locked alone, and =private
takes the first directory that nobody has, of as many as were ever wanted at once. The kernel gives
the lock back when its holder dies. A directory comes whole by one rename, and goes by one.
"""

from __future__ import annotations

import errno
import os

from cuddy import files
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.image import cached_steps
from cuddy.image import digest as digests
from cuddy.kernel import idmap
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from cuddy.engine.home import Home

    Fill = Callable[[str], None]

SHARED, PRIVATE, LOCKED = "shared", "private", "locked"
MODES = (SHARED, PRIVATE, LOCKED)
MAX_PRIVATE = 1000


class Wish(NamedTuple):
    """What an instruction says of a cache mount. `origin`: a digest of what is in it at first."""

    id: str
    sharing: str = SHARED
    uid: int = 0
    gid: int = 0
    mode: int = 0o755
    origin: str = ""


class CacheMount(NamedTuple):
    """One that is there. `id`: "" if its record is lost. `is_busy`: somebody has it mounted."""

    name: str
    id: str
    created: str
    path: str  # all of it, not only what is mounted
    last_used_ns: int
    uses: int
    is_busy: bool


class Taken(Closing):
    """A cache mount in use: `path` is the directory to mount."""

    def __init__(self, path: str, lock: files.Lock) -> None:
        self.path = path
        self._lock = lock

    def close(self) -> None:
        self._lock.close()


def take_all(home: Home, wishes: Sequence[tuple[Wish, Fill | None]]) -> list[Taken]:
    """What one instruction wants, in its order; waits for those that others have locked.

    They are taken by name, whatever the order, so that no two instructions wait for each other; and
    a directory that is wanted twice is taken once. Raises InvalidArgument, SystemFailure.
    """
    taken: dict[int, Taken] = {}
    mine: dict[str, tuple[str, Taken]] = {}
    order = sorted(
        range(len(wishes)), key=lambda n: (name_of(wishes[n][0]), wishes[n][0].sharing != LOCKED)
    )
    try:
        for number in order:
            wish, fill = wishes[number]
            name = name_of(wish)
            if wish.sharing == PRIVATE or name not in mine:
                taken[number] = take(home, wish, fill)
                mine.setdefault(name, (wish.sharing, taken[number]))
            else:
                taken[number] = mine[name][1]
    except BaseException:
        for each in taken.values():
            each.close()
        raise
    return [taken[number] for number in range(len(wishes))]


def take(home: Home, wish: Wish, fill: Fill | None = None) -> Taken:
    """Take a cache mount, made if it is new; `fill(path)` puts into it what is in it at first.

    Raises InvalidArgument, SystemFailure, and what `fill` raises.
    """
    if wish.sharing not in MODES:
        hint = f"one of {', '.join(MODES)}"
        raise InvalidArgument(f"invalid cache mount sharing mode {wish.sharing!r}", hint=hint)
    name = name_of(wish)
    try:
        if wish.sharing != PRIVATE:
            return _take(home, name, wish, fill)
        for number in range(MAX_PRIVATE):
            taken = _attempt(home, f"{name}-{number}" if number else name, wish, fill)
            if taken:
                return taken
    except OSError as error:
        raise SystemFailure.from_os(f"cannot use the cache mount {wish.id!r}", error) from error
    raise SystemFailure(f"{MAX_PRIVATE} builds have the cache mount {wish.id!r}")


def name_of(wish: Wish) -> str:
    """The name of a wish's directory."""
    parts = (wish.id, wish.uid, wish.gid, wish.mode, wish.origin)
    return digests.of(files.format_json(parts).encode()).partition(":")[2][:32]


def directory(home: Home) -> str:
    """Where they all are."""
    return f"{home.build_dir}/mounts"


def _take(home: Home, name: str, wish: Wish, fill: Fill | None) -> Taken:
    """Take one of this name, as soon as it can be had."""
    while True:
        lock = files.Lock(_lock_path(home, name), shared=wish.sharing == SHARED)
        try:
            lock.__enter__()
        except FileNotFoundError:
            _make(home, name, wish, fill)
            continue
        taken = _settle(home, name, lock)
        if taken:
            return taken


def _attempt(home: Home, name: str, wish: Wish, fill: Fill | None) -> Taken | None:
    """Take one of this name if nobody has it."""
    while True:
        lock = files.Lock(_lock_path(home, name))
        try:
            if not lock.attempt():
                return None
        except FileNotFoundError:
            _make(home, name, wish, fill)
            continue
        taken = _settle(home, name, lock)
        if taken:
            return taken


def _settle(home: Home, name: str, lock: files.Lock) -> Taken | None:
    """What was locked, unless it was pruned meanwhile and the name means nothing or another."""
    path = f"{directory(home)}/{name}"
    if not _is_here(_lock_path(home, name), lock):
        lock.close()
        return None
    cached_steps.note_use(f"{path}/mount.json")
    return Taken(f"{path}/data", lock)


def _is_here(path: str, lock: files.Lock) -> bool:
    """Whether what was locked is still what is there."""
    try:
        return os.path.samestat(os.fstat(lock.fd), os.lstat(path))
    except FileNotFoundError:
        return False


def _lock_path(home: Home, name: str) -> str:
    return f"{directory(home)}/{name}/lock"


def _make(home: Home, name: str, wish: Wish, fill: Fill | None) -> None:
    """Make one that is not there; of two who do, the first counts. Raises OSError."""
    files.make_directory(directory(home))
    aside = f"{home.tmp_dir}/{files.name_temporary()}"
    data = f"{aside}/data"
    files.make_directory(data)
    try:
        if fill:
            fill(data)
        idmap.chown(data, wish.uid, wish.gid)
        os.chmod(data, wish.mode)
        record = {"id": wish.id, "created": files.now(), "uid": wish.uid, "gid": wish.gid,
                  "mode": wish.mode, "origin": wish.origin}  # fmt: skip
        files.write_json(f"{aside}/mount.json", record, durable=False)
        os.utime(f"{aside}/mount.json", ns=(0, 0))
        os.close(os.open(f"{aside}/lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        os.rename(aside, f"{directory(home)}/{name}")
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
    finally:
        files.remove_tree(aside)


def list_mounts(home: Home) -> Iterator[CacheMount]:
    """Every cache mount, in no order."""
    for name in files.list_directory(directory(home)):
        path = f"{directory(home)}/{name}"
        record: Any = {}
        used_ns = 0
        try:
            used_ns = os.lstat(f"{path}/mount.json").st_mtime_ns
            record = files.read_json(f"{path}/mount.json")
        except (OSError, ValueError):
            pass
        found = record if isinstance(record, dict) else {}
        used_s, uses = divmod(used_ns, cached_steps.SECOND)
        with Claim(path) as claim:
            is_busy = not claim.is_free
        yield CacheMount(
            name, str(found.get("id", "")), str(found.get("created", "")), path,
            used_s * cached_steps.SECOND, uses, is_busy,
        )  # fmt: skip


class Claim(Closing):
    """The right to take a directory with a lock away, if nobody has it (`is_free`)."""

    def __init__(self, path: str) -> None:
        self._lock = files.Lock(f"{path}/lock")
        self.is_free = False
        try:
            self.is_free = self._lock.attempt() and _is_here(f"{path}/lock", self._lock)
        except OSError:
            pass  # it is damaged, or not there

    def close(self) -> None:
        self._lock.close()
