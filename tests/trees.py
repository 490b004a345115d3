"""Directory trees of every kind for hypothesis: drawn, made on a real file system, read back."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

OPAQUE = "trusted.overlay.opaque"
CAPABILITY = b"\1\0\0\2" + bytes(range(4)) + bytes(12)
"""security.capability, version 2."""


class Node(NamedTuple):
    """Something with a name. `content`: bytes, a link's target, a device, or what a directory has.

    A hard link is a `link` whose content is a number: the file with that position so far.
    """

    kind: str
    content: Any
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    xattrs: dict[str, bytes] = {}


def is_name(name: bytes) -> bool:
    return name not in (b".", b"..") and not name.startswith(b".wh.")


BYTES = st.integers(1, 255).filter(lambda byte: byte != ord("/"))
ANY_NAME = st.lists(BYTES, min_size=1, max_size=80).map(bytes)
LONG_NAME = st.integers(90, 255).map(lambda length: b"n" * length)
TEXT_NAME = st.text("ab .é漢\n", min_size=1, max_size=20).map(str.encode)
NAMES = st.one_of(TEXT_NAME, ANY_NAME, LONG_NAME).filter(is_name)
ATTRIBUTES = st.dictionaries(
    st.text("abz. é", min_size=1, max_size=12).map(lambda name: f"user.{name}"),
    st.binary(max_size=60).filter(bool),
    max_size=2,
)
NO_ATTRIBUTES: Any = st.just({})
OWNERS = st.one_of(st.integers(0, 70000), st.integers(0, 2**32 - 2))
TIMES = st.one_of(
    st.integers(0, 2**33).map(lambda seconds: seconds * 10**9),
    st.integers(-(2**31) * 10**9, 2**33 * 10**9),
)


def nodes(kind: Any, content: Any, xattrs: Any = NO_ATTRIBUTES) -> st.SearchStrategy[Node]:
    modes = st.integers(0, 0o7777)
    return st.builds(Node, kind, content, modes, OWNERS, OWNERS, TIMES, xattrs)


FILES = nodes(
    st.just("file"),
    st.binary(max_size=1200) | st.sampled_from([1 << 20, 2_500_001]).map(lambda n: b"x" * n),
    st.one_of(ATTRIBUTES, ATTRIBUTES.map(lambda a: a | {"security.capability": CAPABILITY})),
)
LINKS = st.integers(0, 20).map(lambda position: Node("link", position))
SYMLINKS = nodes(
    st.just("symlink"), st.one_of(ANY_NAME, st.just(b"t" * 300), st.just(b"../../etc/passwd"))
)
DEVICES = nodes(
    st.sampled_from(["character", "block"]),
    st.tuples(st.integers(1, 4095), st.integers(0, 2**20 - 1)),
)
FIFOS = nodes(st.just("fifo"), st.none())
PLAIN = st.one_of(FILES, FILES, LINKS, SYMLINKS, DEVICES, FIFOS)


def directories(
    leaves: st.SearchStrategy[Node], own: st.SearchStrategy[dict[str, bytes]]
) -> st.SearchStrategy[Node]:
    def directory(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        content = st.dictionaries(NAMES, below, max_size=4)
        return nodes(st.just("directory"), content, own)

    return st.recursive(directory(leaves), lambda below: directory(leaves | below), max_leaves=8)


TREES = directories(PLAIN, ATTRIBUTES)
"""A root file system."""
UPPERS = directories(
    PLAIN | st.just(Node("whiteout", None)),
    st.one_of(ATTRIBUTES, ATTRIBUTES.map(lambda a: a | {OPAQUE: b"y"})),
)
"""An upper directory of overlayfs."""


def build(path: Path, root: Node) -> Path:
    """Make a tree as it was drawn, its times last."""
    made: list[bytes] = []
    times: list[tuple[bytes, int]] = []
    previous = os.umask(0)
    try:
        _build(os.fsencode(path), root, made, times)
    finally:
        os.umask(previous)
    for name, stamp in reversed(times):
        os.utime(name, ns=(stamp, stamp), follow_symlinks=False)
    return path


def _build(path: bytes, node: Node, files: list[bytes], times: list[tuple[bytes, int]]) -> None:
    if node.kind == "whiteout":
        os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))
        return
    if node.kind == "link":
        if files:
            os.link(files[node.content % len(files)], path)
        return
    if node.kind == "symlink":
        os.symlink(node.content, path)
    elif node.kind == "file":
        with open(path, "xb") as file:
            file.write(node.content)
        files.append(path)
    elif node.kind == "directory":
        os.mkdir(path)
        times.append((path, node.mtime_ns))
        for name, below in node.content.items():
            _build(path + b"/" + name, below, files, times)
    else:
        kind = {"character": stat.S_IFCHR, "block": stat.S_IFBLK, "fifo": stat.S_IFIFO}[node.kind]
        os.mknod(path, kind, os.makedev(*node.content) if node.content else 0)
    os.chown(path, node.uid, node.gid, follow_symlinks=False)
    if node.kind != "symlink":
        os.chmod(path, node.mode)
    for name, value in node.xattrs.items():
        try:
            os.setxattr(path, name, value)
        except OSError as error:
            if error.errno != errno.ENOTSUP:  # tmpfs has no user.* before Linux 6.6
                raise
    if node.kind != "directory":
        times.append((path, node.mtime_ns))


def look(path: Path) -> dict[bytes, tuple[object, ...]]:
    """All that is known of everything in a tree, by path. Hard links: the first of their names."""
    found: dict[bytes, tuple[object, ...]] = {}
    first: dict[tuple[int, int], bytes] = {}
    root = os.fsencode(path)
    names = [root]
    for directory, below, files in os.walk(root):
        names += [os.path.join(directory, name) for name in [*below, *files]]
    for name in sorted(names):
        status = os.lstat(name)
        inode = (status.st_dev, status.st_ino)
        kind = stat.S_IFMT(status.st_mode)
        content: object = None
        if kind == stat.S_IFREG:
            content = Path(os.fsdecode(name)).read_bytes()
        elif kind == stat.S_IFLNK:
            content = os.readlink(name)
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            content = status.st_rdev
        if kind == stat.S_IFCHR and status.st_rdev == 0:
            found[name[len(root) :]] = ("whiteout",)  # nothing else of it means anything
            continue
        xattrs = {
            each: os.getxattr(name, each, follow_symlinks=False)
            for each in os.listxattr(name, follow_symlinks=False)
        }
        shared = kind != stat.S_IFDIR and first.setdefault(inode, name[len(root) :])
        found[name[len(root) :]] = (
            oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, content, xattrs,
            shared,
        )  # fmt: skip
    return found
