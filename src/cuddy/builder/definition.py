"""The build definition: the Dockerfile, wherever it is, and the ignore file beside it.

In a context it is a stranger's file: links lead to what they mean inside of that context, and what
is not a regular file is not opened. Elsewhere it is what the user has named, be it a pipe.
"""

from __future__ import annotations

import os
import stat

from cuddy.builder.tree import ABSENT
from cuddy.errors import InvalidArgument, NotFound
from cuddy.kernel import resolve
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.dockerignore import Rules
    from cuddy.image.settings import Settings

STDIN = "-"
DOCKERFILE = "Dockerfile"
LOWER_CASE = "dockerfile"
IGNORE = ".dockerignore"
MAX_BYTES = 16 << 20
FAILURE = "failed to read dockerfile"


class Definition(NamedTuple):
    """`name`: how messages call it. `rules`: of its own ignore file; `has_rules`: there is one."""

    data: bytes
    name: str
    rules: Rules | None = None
    has_rules: bool = False


def from_stdin(fd: int) -> Definition:
    """What comes on standard input."""
    return Definition(read_all(fd, "the Dockerfile on stdin"), DOCKERFILE)


def beside(context: str, root_fd: int, wanted: str) -> Definition:
    """The Dockerfile for a directory of the user's; `wanted`: where the user says it is.

    Raises NotFound, InvalidArgument.
    """
    path = _below(context, wanted)
    return inside(root_fd, path) if path is not None else elsewhere(wanted)


def elsewhere(wanted: str) -> Definition:
    """A Dockerfile outside of any context. Raises NotFound, InvalidArgument."""
    ignored = f"{wanted}{IGNORE}"
    data = read_path(wanted)
    if not os.path.isfile(ignored):
        return Definition(data, wanted)
    return Definition(data, wanted, parse_rules(read_path(ignored), ignored), True)


def inside(root_fd: int, wanted: str) -> Definition:
    """A Dockerfile of a context ("": the usual one). Raises NotFound, InvalidArgument."""
    name = wanted or DOCKERFILE
    data = read_below(root_fd, name)
    if data is None and os.path.basename(name) == DOCKERFILE:
        other = name[: -len(DOCKERFILE)] + LOWER_CASE
        data = read_below(root_fd, other)
        name = name if data is None else other
    if data is None:
        raise NotFound(
            f"{FAILURE}: open {name}: no such file or directory",
            hint="" if wanted else "-f FILE names another one",
        )
    ignored = f"{name}{IGNORE}"
    rules = read_below(root_fd, ignored)
    if rules is None:
        return Definition(data, name)
    return Definition(data, name, parse_rules(rules, ignored), True)


def _below(context: str, wanted: str) -> str | None:
    """The path of a Dockerfile in the context; None for one elsewhere."""
    if not wanted:
        return ""
    top = os.path.realpath(context).rstrip("/") + "/"
    # Its own name may be a link: where that leads is for whoever opens it.
    path = os.path.join(os.path.realpath(os.path.dirname(wanted) or "."), os.path.basename(wanted))
    return path[len(top) :] if path.startswith(top) else None


def read_rules(root_fd: int) -> Rules | None:
    """What .dockerignore of a directory says. Raises InvalidArgument."""
    data = read_below(root_fd, IGNORE)
    return parse_rules(data, IGNORE) if data else None


def parse_rules(data: bytes, name: str) -> Rules | None:
    """An ignore file; None if it leaves nothing out. Raises InvalidArgument."""
    # Imported here: many contexts have no such file, and a build that is cached has no time.
    from cuddy.builder import dockerignore

    rules = dockerignore.parse(data, name)
    return rules if rules.lines else None


def read_below(root_fd: int, path: str) -> bytes | None:
    """A file of a stranger's tree; None if there is none. Raises InvalidArgument."""
    try:
        fd = resolve.open_file(root_fd, path)
    except OSError as error:
        if error.errno in ABSENT:
            return None
        raise
    if fd < 0:
        raise InvalidArgument(f"{FAILURE}: {path} is not a regular file")
    try:
        return read_all(fd, path)
    finally:
        os.close(fd)


def read_path(path: str) -> bytes:
    """A file that the user named, or a pipe. Raises NotFound, InvalidArgument."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise NotFound(f"{FAILURE}: open {path}: {reason}") from None
    try:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise InvalidArgument(f"{FAILURE}: {path} is a directory")
        return read_all(fd, path)
    finally:
        os.close(fd)


def read_all(fd: int, what: str) -> bytes:
    """Everything up to the end. Raises InvalidArgument if there is too much of it."""
    pieces = []
    left = MAX_BYTES
    while piece := os.read(fd, 1 << 16):
        left -= len(piece)
        if left < 0:
            raise InvalidArgument(f"{what} has more than {MAX_BYTES} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def download(url: str, scratch_dir: str, settings: Settings) -> Definition:
    """A Dockerfile by HTTP. Raises what `remote.download` does."""
    from cuddy import files
    from cuddy.builder import remote

    files.make_directory(scratch_dir)
    path = remote.download(url, scratch_dir, LOWER_CASE, settings=settings, limit=MAX_BYTES)
    try:
        return Definition(read_path(path), DOCKERFILE)
    finally:
        os.unlink(path)
