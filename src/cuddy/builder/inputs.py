"""What COPY and ADD read, as a digest: equal if and only if they would copy the same.

Files count with name, kind, mode, owner (as they are copied), content, links and extended
attributes; times do not, and neither does where the tree lies. What `--chown` or an octal `--chmod`
replaces does not count either, nor do the attributes of a directory whose content is copied.

Of a build context it is remembered what each file was, with what stat(2) said of it (`inputs_index`
has the files): while that is the same for all, nothing is read. A file that has changed less than
`FRESH_NS` before it was looked at could change again without stat's showing it, as the clocks of
file systems are coarse: such a file is always read again, as git does.
"""

from __future__ import annotations

import os
import stat
import struct
import time

from cuddy import files
from cuddy.builder import inputs_index, sources
from cuddy.builder.tree import join
from cuddy.errors import InvalidArgument
from cuddy.image import digest as digests
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.inputs_index import Index, Row
    from cuddy.builder.instructions import Copy
    from cuddy.builder.remote_sources import RemoteSources
    from cuddy.builder.tree import Entry, Found, Tree
    from cuddy.engine.home import Home

FRESH_NS = 2_000_000_000
"""The coarsest clock of a file system is FAT's."""
MAX_FRESH = 64
"""Fresh files that are worth a look into each, instead of one into the table of all."""
MAX_ROWS = 200_000
"""More files are not remembered one by one: their table could not be read."""
AT_ONCE = 3000
PACK = struct.Struct("=QIIIqqq").pack


class Reading(NamedTuple):
    """The digest of all, and what each file is: here, or written down at `rows_path`, or both.

    `stamp`: what stat said of all; "" of what cannot change. What `copy` has copied has the same if
    nothing has changed in between.
    """

    digest: str
    known: tuple[tuple[str, str], ...] = ()
    rows_path: str = ""
    stamp: str = ""

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Each file's path in the tree, and what it is."""
        rows = inputs_index.read_rows(self.rows_path) if self.rows_path else []
        return (*((path, record) for path, _, record in rows), *self.known)


class Stamp:
    """What stat says of all files of a selection, as one hash."""

    def __init__(self) -> None:
        self._so_far = b""
        self._parts: list[bytes] = []

    def add(self, path: bytes, status: os.stat_result) -> None:
        """One more of them."""
        self._parts += (path, packed(status), b"")
        if len(self._parts) > AT_ONCE:
            self._take()

    def value(self) -> str:
        """The hash of all."""
        self._take()
        return self._so_far.decode()

    def _take(self) -> None:
        self._so_far = digests.of(self._so_far + b"\0".join(self._parts)).encode()
        self._parts.clear()


def packed(status: os.stat_result) -> bytes:
    """All of a status that changes with a file."""
    return PACK(
        status.st_ino, status.st_mode, status.st_uid, status.st_gid, status.st_size,
        status.st_mtime_ns, status.st_ctime_ns,
    )  # fmt: skip


def digest(home: Home, tree: Tree, copy: Copy, remote: RemoteSources | None = None) -> Reading:
    """What a COPY or ADD reads. `remote`: brings what ADD names by URL.

    Raises NotFound, InvalidArgument, OSError, and what `remote` does.
    """
    fetched = [source for source in copy.sources if sources.is_remote(source)]
    if not fetched and not copy.heredocs and not copy.checksum:
        return digest_tree(home, tree, copy)
    from cuddy.builder import remote_sources

    remote_sources.check(copy)
    reading = Reading("")
    if len(fetched) < len(copy.sources):
        reading = digest_tree(home, tree, copy)
    more = [(f"<<{each.name}", str(digests.of(_bytes(each.content)))) for each in copy.heredocs]
    for source in fetched:
        if remote is None:
            raise InvalidArgument(f"{source}: nothing can be fetched here")
        more.append((remote.shown(source), remote.describe(copy, source)))
    order = [source in fetched for source in copy.sources]
    # Where it came from does not count, only in which order.
    counted = [reading.digest, order, [record for _, record in more], _names(copy)]
    found = digests.of(_bytes(files.format_json(counted)))
    return reading._replace(digest=found, known=(*reading.known, *more))


def _names(copy: Copy) -> list[str]:
    return [each.name for each in copy.heredocs]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def digest_tree(home: Home, tree: Tree, copy: Copy) -> Reading:
    """What is read of a tree. Raises NotFound, InvalidArgument, OSError."""
    began_ns = time.time_ns()
    if not tree.index_key:
        measure = _Measure(tree, copy, {}, began_ns)
        return Reading(measure.digest, tuple((path, record) for path, _, record in measure.rows))
    index = inputs_index.Index(home, selection(tree, copy))
    if reading := _recall(tree, copy, index, began_ns):
        return reading
    table = {row[0]: row for row in inputs_index.read_rows(index.rows_path)}
    measure = _Measure(tree, copy, table, began_ns)
    stamp = measure.stamp.value()
    fresh = {path: record for path, short, record in measure.rows if not short}
    if len(measure.rows) <= MAX_ROWS:
        index.write_rows(measure.rows)
    if len(fresh) <= MAX_FRESH:
        index.write_head(measure.digest, stamp, fresh)
    return Reading(measure.digest, (), index.rows_path, stamp)


def selection(tree: Tree, copy: Copy) -> list[object]:
    """All that decides what is read, and what of it counts."""
    return [
        tree.index_key, copy.sources, copy.exclude, copy.parents, tree.owner,
        *_counted(copy),
    ]  # fmt: skip


def _counted(copy: Copy) -> tuple[bool, bool]:
    """Whether owners and modes count: not if others are asked for."""
    is_octal = bool(copy.chmod) and all(each in "01234567" for each in copy.chmod)
    return not copy.chown, not is_octal


def _recall(tree: Tree, copy: Copy, index: Index, began_ns: int) -> Reading | None:
    """What was read the last time, if all is as it was."""
    head = index.head()
    if head is None:
        return None
    found, remembered, fresh = head
    stamp = Stamp()
    still_fresh = {}
    describe = None
    for entry, each in sources.select(tree, copy):
        stamp.add(each.path, each.status)
        if fresh:
            path = os.fsdecode(join(entry.path, each.path))
            if path in fresh:
                describe = describe or Description(tree, copy)
                if describe.record(entry, each)[0] != fresh[path]:
                    return None
                if is_fresh(each.status, began_ns):
                    still_fresh[path] = fresh[path]
    if stamp.value() != remembered:
        return None
    if len(still_fresh) < len(fresh):
        index.write_head(found, remembered, still_fresh)
    return Reading(found, (), index.rows_path, remembered)


def is_fresh(status: os.stat_result, now_ns: int) -> bool:
    """Whether something may change, or have changed, without another time."""
    return max(status.st_ctime_ns, status.st_mtime_ns) >= now_ns - FRESH_NS


class _Measure:
    """All files of a selection, read but for those in `table` that are as they were.

    The digest counts what each is and, of a file with several names, which of them is a link to
    which.
    """

    def __init__(self, tree: Tree, copy: Copy, table: dict[str, Row], began_ns: int) -> None:
        self.rows: list[Row] = []
        self.stamp = Stamp()
        self._hash = digests.hasher()
        self._links: dict[tuple[int, int], bytes] = {}
        describe = Description(tree, copy)
        for entry, found in sources.select(tree, copy):
            path = os.fsdecode(join(entry.path, found.path))
            status = found.status
            short = digests.of(packed(status))[-24:]
            known = table.get(path)
            if known and known[1] == short and known[2]:
                record = known[2]
            else:
                record, status = describe.record(entry, found)
            if not record:
                continue
            if is_fresh(status, began_ns) and not stat.S_ISDIR(status.st_mode):
                short = ""
            self.stamp.add(found.path, found.status)
            self.rows.append([path, short, record])
            self._count(entry, found, record)
        self.digest = f"sha256:{self._hash.hexdigest()}"

    def _count(self, entry: Entry, found: Found, record: str) -> None:
        is_file = not found.path and not stat.S_ISDIR(found.status.st_mode)
        name = b"/" + entry.name if is_file else found.path
        status = found.status
        first = b""
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            first = self._links.setdefault((status.st_dev, status.st_ino), name)
        # Three words of each, whatever it is: no tree can be put into the words of another one.
        self._hash.update(b"%b\0%b\0%b\0" % (name, os.fsencode(record), first))


class Description:
    """How what is found is put into words: all that counts of it."""

    def __init__(self, tree: Tree, copy: Copy) -> None:
        from cuddy.builder import inputs_record

        has_owner, self._has_mode = _counted(copy)
        self._has_owner = has_owner and tree.owner is None
        self._contents = inputs_record

    def record(self, entry: Entry, found: Found) -> tuple[str, os.stat_result]:
        """What something is, "" if it is gone; and its status when that was read."""
        mode = found.status.st_mode
        if not found.path and stat.S_ISDIR(mode):
            return "top", found.status
        content, status = self._contents.read(found)
        words = [content]
        if self._has_mode and not stat.S_ISLNK(mode):
            words.append(f"{stat.S_IMODE(status.st_mode):o}")
        if self._has_owner:
            words.append(f"{status.st_uid}:{status.st_gid}")
        if found.is_on_the_way:
            words.append("way")
        return " ".join(words) if content else "", status
