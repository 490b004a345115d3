"""A context that a client of the API sends: a tar, compressed or not, with its Dockerfile in it.

The client has left out what .dockerignore says, but for the two files without which that could not
be said nor anything be built. Where .dockerignore means them too, they go here, as with dockerd.
"""

from __future__ import annotations

import os
import posixpath

from cuddy.builder import definition, unpacked
from cuddy.builder.context import Context
from cuddy.errors import CorruptContent, InvalidArgument, NotFound
from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.builder.options import BuildOptions
    from cuddy.image.settings import Settings


def unpack(
    options: BuildOptions, chunks: Iterator[bytes], scratch_dir: str, settings: Settings
) -> Context:
    """The context in a tar. Raises InvalidArgument, Conflict, SystemFailure."""
    try:
        tree = unpacked.unpack(chunks, scratch_dir, settings)
    except CorruptContent as error:
        # A client sent it, and nobody's disk is to blame.
        raise InvalidArgument(f"the build context: {error.message}", hint=error.hint) from error
    try:
        found = read_definition(tree.fd, options.dockerfile)
        remove_ignored(tree.fd, found.name)
    except BaseException:
        os.close(tree.fd)
        raise
    return Context(tree, found)


def read_definition(root_fd: int, wanted: str) -> definition.Definition:
    """The Dockerfile, wherever in the context. Raises InvalidArgument in dockerd's words."""
    name = wanted or definition.DOCKERFILE
    try:
        found = definition.inside(root_fd, wanted)
    except NotFound:
        raise InvalidArgument(f"Cannot locate specified Dockerfile: {name}") from None
    if not found.data.strip():
        raise InvalidArgument(f"the Dockerfile ({name}) cannot be empty")
    return found


def remove_ignored(root_fd: int, dockerfile: str) -> None:
    """Take away .dockerignore and the Dockerfile if the former says so."""
    rules = definition.read_rules(root_fd)
    if rules is None:
        return
    for name in (definition.IGNORE, dockerfile):
        if rules.excludes(name.encode()):
            remove(root_fd, name)


def remove(root_fd: int, path: str) -> None:
    """Remove a file of a stranger's tree, if it is there."""
    directory, name = posixpath.split(path)
    try:
        fd = resolve.open_in_root(root_fd, directory or ".", os.O_PATH | os.O_DIRECTORY)
        try:
            os.unlink(name, dir_fd=fd)
        finally:
            os.close(fd)
    except OSError:
        return  # it is not a file, or is there no more: nobody can copy it
