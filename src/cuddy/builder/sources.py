"""What the sources of COPY and ADD mean in a tree: paths, wildcards, links, `--parents`.

Wildcards are Go's filepath.Match. A source that is a link means what it leads to, under its own
name. Links are followed here step by step and not by the kernel, since what they pass through may
be left out of the context; none leads out of the tree, and `..` at its root is the root.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.builder.tree import ABSENT, Entry, is_seen, join, missing, open_directory, walk
from cuddy.errors import InvalidArgument
from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.builder.dockerignore import Rules
    from cuddy.builder.instructions import Copy
    from cuddy.builder.patterns import Segment
    from cuddy.builder.tree import Found, Tree
    from cuddy.errors import NotFound

MAX_LINKS = 255
"""On the way to one source; BuildKit's number."""
LOOK = os.O_PATH | os.O_NOFOLLOW
UNREACHABLE = ABSENT | {errno.ENAMETOOLONG}
PIVOT = "/./"
SCHEMES = ("http://", "https://", "git://", "ssh://")


def find(tree: Tree, source: str, *, parents: bool = False) -> list[Entry]:
    """What a source means, sorted.

    Wildcards that fit nothing are no mistake, as in BuildKit. With `parents` it is the directory
    before `/./`, or the root, with what is wanted of it. Raises NotFound, InvalidArgument.
    """
    if "\0" in source:
        raise InvalidArgument(f"{source!r} is no path")
    if parents:
        return find_with_parents(tree, source)
    parts = clean(source)
    literal = 0
    while literal < len(parts) and not is_wild(parts[literal]):
        literal += 1
    start = follow(tree, parts[:literal])
    if literal == len(parts):
        return [Entry(start, parts[-1] if parts else b"", look(tree, start, b"/".join(parts)))]
    if start:
        look(tree, start, b"/".join(parts[:literal]))
    return list(matches(tree, start, [segment_of(part) for part in parts[literal:]]))


def is_remote(source: str) -> bool:
    """Whether a source is of no tree, but has to be fetched: a URL, or `user@host:repository`."""
    if source.startswith(SCHEMES):
        return True
    user, at, rest = source.partition("@")
    host, colon, _ = rest.partition(":")
    return bool(at and colon and all(map(is_word, (user, host))))


def is_word(text: str) -> bool:
    """Whether a text may be a host's name or a user's."""
    return text != "" and all(each.isalnum() or each in "-_." for each in text)


def find_with_parents(tree: Tree, source: str) -> list[Entry]:
    """Directories to begin at, and the pattern of what is wanted below them."""
    from cuddy.builder import patterns

    before, pivot, wanted = source.partition(PIVOT)
    if not pivot:
        before, wanted = "", source
    parts = clean(wanted)
    tops = find(tree, before)
    if not parts:
        return tops
    whole = [*clean(before), *parts]
    if not any(map(is_wild, whole)):
        # Without wildcards it has to be there; a link at its end is meant itself.
        look(tree, join(tops[0].path, b"/".join(parts)), b"/".join(whole))
    only = patterns.compile(os.fsdecode(b"/".join(parts)))
    return [top._replace(only=only) for top in tops if stat.S_ISDIR(top.status.st_mode)]


def clean(source: str) -> list[bytes]:
    """The names of a path; `..` at the root stays there."""
    parts: list[bytes] = []
    for part in os.fsencode(source).split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    return parts


def is_wild(part: bytes) -> bool:
    """Whether a name has to be read as a pattern."""
    return any(special in part for special in (b"*", b"?", b"[", b"\\"))


def segment_of(part: bytes) -> Segment:
    """One name of a pattern. Raises InvalidArgument for what is none."""
    from cuddy.builder import patterns

    read = patterns.compile(single_stars(os.fsdecode(part)))
    # A class that would fit a slash, too, meets none in a name.
    (segment,) = read.segments or (patterns.Segment(glob=read.whole),)
    assert segment
    return segment


def single_stars(text: str) -> str:
    """Two stars mean here what one means, but for those that stand for themselves."""
    kept, position = "", 0
    while position < len(text):
        length = 2 if text[position] == "\\" else 1
        if text[position] != "*" or not kept.endswith("*") or kept.endswith("\\*"):
            kept += text[position : position + length]
        position += length
    return kept


def matches(tree: Tree, start: bytes, segments: list[Segment]) -> Iterator[Entry]:
    """What fits below a directory, sorted; links on the way to it are not followed."""
    pending = [(start, 0)]
    while pending:
        directory, depth = pending.pop()
        is_last = depth + 1 == len(segments)
        below = []
        for name, kind, status in fitting(tree, directory, segments[depth]):
            path = join(directory, name)
            if not is_last:
                if kind == stat.S_IFDIR:
                    below.append((path, depth + 1))
            elif kind == stat.S_IFLNK:
                if is_seen(tree, path, False):
                    really = follow(tree, path.split(b"/"))
                    yield Entry(really, name, look(tree, really, path))
            elif kind != stat.S_IFSOCK and is_seen(tree, path, kind == stat.S_IFDIR):
                yield Entry(path, name, status)
        pending += reversed(below)


def fitting(
    tree: Tree, directory: bytes, segment: Segment
) -> list[tuple[bytes, int, os.stat_result]]:
    """The names in a directory that fit, sorted, with what they are."""
    fd = open_directory(tree.fd, directory)
    if fd < 0:
        return []
    found = []
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if not segment.fits(name):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                found.append((name, stat.S_IFMT(status.st_mode), status))
    finally:
        os.close(fd)
    return sorted(found)


def follow(tree: Tree, parts: list[bytes]) -> bytes:
    """Where a path leads: names without a link among them. What is missing stays as it is.

    Raises NotFound for a link that is left out, and for too many of them.
    """
    pending = parts[::-1]
    way: list[bytes] = []
    links = 0
    while pending:
        part = pending.pop()
        if part in (b"", b".", b".."):
            if part == b"..":
                del way[-1:]
            continue
        path = b"/".join([*way, part])
        target = read_link(tree.fd, path)
        if target is None:
            way.append(part)
            continue
        links += 1
        if links > MAX_LINKS:
            raise missing(tree, b"/".join(parts), "it is a link that leads to itself")
        if not is_seen(tree, path, False):
            raise left_out(tree, path)
        if target.startswith(b"/"):
            way.clear()
        pending += reversed(target.split(b"/"))
    return b"/".join(way)


def read_link(root_fd: int, path: bytes) -> bytes | None:
    """Where a link points; None for anything else, be it nothing."""
    try:
        fd = resolve.open_beneath(root_fd, path, LOOK)
    except OSError as error:
        if error.errno in UNREACHABLE:
            return None
        raise
    try:
        return os.readlink(b"", dir_fd=fd) if stat.S_ISLNK(os.fstat(fd).st_mode) else None
    finally:
        os.close(fd)


def look(tree: Tree, path: bytes, shown: bytes) -> os.stat_result:
    """What is at a path that leads through no link. Raises NotFound."""
    try:
        fd = resolve.open_beneath(tree.fd, path or b".", LOOK)
    except OSError as error:
        if error.errno in UNREACHABLE:
            raise missing(tree, shown) from None
        raise
    try:
        status = os.fstat(fd)
    finally:
        os.close(fd)
    if stat.S_ISSOCK(status.st_mode):
        raise missing(tree, shown, "a socket is not copied")
    if not is_seen(tree, path, stat.S_ISDIR(status.st_mode)):
        raise left_out(tree, shown)
    return status


def left_out(tree: Tree, path: bytes) -> NotFound:
    """Of what only the ignore rules hide."""
    return missing(tree, path, f"it is in the {tree.name}, but .dockerignore leaves it out")


def select(tree: Tree, copy: Copy) -> Iterator[tuple[Entry, Found]]:
    """All that a COPY or ADD reads of a tree, in the order in which it is copied.

    What has to be fetched, and what the Dockerfile itself contains, is not of the tree. Raises
    NotFound, InvalidArgument.
    """
    rules = excluded(copy)
    for source in copy.sources:
        if not is_remote(source):
            for entry in find(tree, source, parents=copy.parents):
                for found in walk(tree, entry, rules):
                    yield entry, found


def excluded(copy: Copy) -> Rules | None:
    """What `--exclude` leaves out. Raises InvalidArgument."""
    if not copy.exclude:
        return None
    from cuddy.builder import dockerignore

    return dockerignore.Rules(dockerignore.compile(copy.exclude))
