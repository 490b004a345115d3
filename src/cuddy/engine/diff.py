"""Diff: what a container has changed of its image's files, as `docker diff` tells it.

Read from the directories of the overlay themselves, lower ones and upper: nothing is mounted, and
nobody is kept waiting. A directory counts as changed for its owner or mode, and for what has come
or gone in it; its time does not count. A file that was opened for writing and left alone is none.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.engine import containers
from cuddy.engine.commit import NOT_CHANGES
from cuddy.errors import Conflict, CorruptContent, NotFound
from cuddy.image import diff as image_diff
from cuddy.image import host, merged, snapshots
from cuddy.image.stack import ROOT, Stack, join
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.image.merged import Entry, Place

    Step = tuple["Change | None", bytes, Place | None]

MOUNT_POINTS = frozenset((b"dev", b"etc", b"proc", b"sys"))
"""Directories that are made where an image has none, for what is mounted there."""
BILLION = 1_000_000_000
CAPABILITIES = "security.capability"


class Change(NamedTuple):
    """What became of a path: A(dded), C(hanged), D(eleted)."""

    letter: str
    path: bytes


def diff(home: Home, name: str) -> list[Change]:
    """Every change, a directory before what is in it, deletions last.

    Raises NoSuchContainer, Conflict, CorruptContent.
    """
    record = containers.read(home, containers.find_id(home, name))
    sandbox = record.get("Sandbox")
    own = sandbox["ImageLayers"] if sandbox else len(record["ChainIds"])
    return since(home, record, record["ChainIds"][:own])


def since(home: Home, record: Container, chain: list[str]) -> list[Change]:
    """The changes of a container since it stood on these layers and nothing else. Raises as `diff`
    does.
    """
    upper = f"{home.container_dir(record['Id'])}/upper"
    try:
        found = list(with_directories(_changes(home, record, upper, chain)))
    except NotFound:
        raise Conflict(f"container {record['Id'][:12]} was removed meanwhile") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise CorruptContent("the container has made too long a path") from None
        raise
    return found


def _changes(
    home: Home, record: Container, upper: str, chain: list[str]
) -> Iterator[Change]:  # fmt: skip
    own = record["ChainIds"]
    if record["Image"] == host.IMAGE.id:
        before = snapshots.paths(home.storage, chain)[::-1]
        after = [*snapshots.paths(home.storage, own)[::-1], upper]
        yield from _host_changes(home, before, after)
    elif own[: len(chain)] == chain:
        with Stack(home.storage, own, [upper]) as stack:
            yield from changes(stack, len(chain))
    else:
        with Stack(home.storage, chain) as one, Stack(home.storage, own, [upper]) as other:
            yield from _differences(one, other)


def _host_changes(home: Home, before: list[str], after: list[str]) -> Iterator[Change]:
    """Those of the image `host`: its skeleton, and an overlay for each directory that it shows.

    `before`, `after`: what containers have written, lowest first.
    """
    fresh = f"{home.tmp_dir}/{files.name_temporary()}"
    os.mkdir(fresh, 0o700)
    try:
        host.make_upper(f"{fresh}/upper", f"{fresh}/work")
        with (
            Stack(home.storage, (), roots(before) or [f"{fresh}/upper/root"]) as one,
            Stack(home.storage, (), roots(after)) as other,
        ):
            yield from _differences(one, other)
    finally:
        files.remove_tree(fresh)
    for path in host.overlaid():
        name = host.flat(path)
        own = [each for top in after if os.path.isdir(each := f"{top}/{name}")]
        earlier = [each for top in before if os.path.isdir(each := f"{top}/{name}")]
        if own and own[: len(earlier)] == earlier:
            with Stack(home.storage, (), [f"/{path}", *own]) as stack:
                for change in changes(stack, 1 + len(earlier)):
                    inside = join(os.fsencode(path), change.path)
                    if inside not in NOT_CHANGES:
                        yield change._replace(path=inside)


def roots(written: list[str]) -> list[str]:
    """The skeletons in what containers of the image `host` have written."""
    return [f"{top}/root" for top in written]


def _differences(before: Stack, after: Stack) -> Iterator[Change]:
    """How two trees differ; of what is gone only the topmost."""
    gone = b"/"
    for found in image_diff.Comparison(before, after).run():
        if not found.path.startswith(gone + b"/"):
            gone = found.path if found.letter == "D" else gone
            yield Change(found.letter, found.path)


def changes(stack: Stack, top: int) -> Iterator[Change]:
    """What the layers from `top` on do to those below them; no directory for its content."""
    pending = [iter(_directory(stack, top, ROOT, stack.root))]
    while pending:
        step = next(pending[-1], None)
        if step is None:
            pending.pop()
            continue
        change, path, inner = step
        if change:
            yield change
        if inner:
            pending.append(iter(_directory(stack, top, path, inner)))


def _directory(stack: Stack, top: int, path: bytes, place: Place) -> list[Step]:
    """A directory's changes, and where each name in it goes on; deletions last."""
    parts = stack.parts(path, place)
    hiders = merged.hiding(place, parts)
    steps: list[Step] = []
    deletions: list[Step] = []
    for name, entries in sorted(merged.by_name(parts).items()):
        own = entries[-1] if entries[-1].layer >= top else None
        if own is None and not any(layer >= top for layer in hiders):
            continue
        lower = [entry for entry in entries if entry.layer < top]
        lower_hiders = frozenset(layer for layer in hiders if layer < top)
        before = merged.shown(lower, lower_hiders) if lower else None
        after = merged.shown(entries, hiders)
        inside = join(path, name)
        letter = _letter(stack, path, name, before, after)
        change = Change(letter, inside) if letter else None
        if letter == "D":
            deletions.append((change, inside, None))
        elif own and own.is_directory:
            is_only_mount_point = not before and inside in MOUNT_POINTS
            inner = merged.below(entries, hiders)
            steps.append((None if is_only_mount_point else change, inside, inner))
        elif change and not (letter == "A" and after and is_mount_point(inside, after)):
            steps.append((change, inside, None))
    return steps + deletions


def _letter(
    stack: Stack, path: bytes, name: bytes, before: Entry | None, after: Entry | None
) -> str:
    """What became of a name; "" if nothing did."""
    if before is None and after is None:
        return ""
    if before and after and not is_changed(before, after):
        if not stat.S_ISREG(before.mode) or before.layer == after.layer:
            return ""
        powers = (_capabilities(stack, entry, path, name) for entry in (before, after))
        return "C" if len(set(powers)) > 1 else ""
    return merged.letter(before, after)


def is_changed(before: Entry, after: Entry) -> bool:
    """Whether what is there counts as another to Docker. Pure.

    Times may have lost their fraction on their way through an archive.
    """
    if before[1:4] != after[1:4] or before.rdev != after.rdev:
        return True
    if before.is_directory:
        return False
    one, other = divmod(before.mtime_ns, BILLION), divmod(after.mtime_ns, BILLION)
    is_same_time = one[0] == other[0] and (one[1] == other[1] or not (one[1] and other[1]))
    return before.size != after.size or not is_same_time


def is_mount_point(path: bytes, entry: Entry) -> bool:
    """Whether a new file is there only to be covered by one of the engine's."""
    return path in NOT_CHANGES and not entry.size and stat.S_ISREG(entry.mode)


def _capabilities(stack: Stack, entry: Entry, path: bytes, name: bytes) -> bytes:
    """A program's powers; read by name in its directory, since to open it may have effects."""
    try:
        fd = stack.open(entry.layer, path, os.O_DIRECTORY)
    except OSError:
        return b""
    try:
        where = f"/proc/self/fd/{fd}/".encode() + name
        return os.getxattr(where, CAPABILITIES, follow_symlinks=False)
    except OSError:
        return b""
    finally:
        os.close(fd)


def with_directories(found: Iterable[Change]) -> Iterator[Change]:
    """The changes, each after the directories that it is in: those have changed by it. Pure."""
    listed = {ROOT}
    for change in found:
        above = []
        parent = change.path.rpartition(b"/")[0]
        while parent not in listed:
            listed.add(parent)
            above.append(Change("C", parent))
            parent = parent.rpartition(b"/")[0]
        yield from reversed(above)
        listed.add(change.path)
        yield change
