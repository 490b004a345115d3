"""The build context: where COPY reads, and the Dockerfile that comes with it.

    DIRECTORY            its files, but for what .dockerignore leaves out
    -                    a tar on stdin, compressed or not; or a Dockerfile, with nothing to copy
    URL, git@HOST:REPO   a git repository, or a tar or Dockerfile by HTTP (`remote_context`)

As in docker .dockerignore counts for directories only: what is in a tar or a repository was chosen
by whoever made it (`unpacked`).
"""

from __future__ import annotations

import os

from cuddy.builder import definition, unpacked
from cuddy.builder.tree import Tree
from cuddy.errors import InvalidArgument, NotFound, SystemFailure
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.builder.definition import Definition
    from cuddy.builder.options import BuildOptions
    from cuddy.image.settings import Settings

STDIN = "-"


class Context(Closing):
    """An open context. `close` when nobody reads it any more; what is in `scratch_dir` stays.

    `dockerfile_name`: how messages call it.
    """

    def __init__(self, tree: Tree, found: Definition) -> None:
        self.tree = tree
        self.dockerfile = found.data
        self.dockerfile_name = found.name

    def close(self) -> None:
        """Close the tree; more than once is fine."""
        if self.tree.fd >= 0:
            os.close(self.tree.fd)
            self.tree = self.tree._replace(fd=-1)


def open(
    options: BuildOptions,
    stdin_fd: int,
    scratch_dir: str,
    settings: Settings,
) -> Context:
    """Open the context that the user named, and read its Dockerfile.

    `scratch_dir`: made if something has to be kept as long as the build lasts; the caller removes
    it.

    Raises InvalidArgument, NotFound, RegistryError, CorruptContent, SystemFailure.
    """
    where = options.context
    if where == STDIN:
        if options.dockerfile == STDIN:
            raise InvalidArgument(
                "invalid argument: can't use stdin for both build context and dockerfile"
            )
        return _from_stdin(options, stdin_fd, scratch_dir, settings)
    if not os.path.isdir(where) and may_be_remote(where):
        from cuddy.builder import remote_context

        if remote_context.is_remote(where):
            return _fetch(options, stdin_fd, scratch_dir, settings)
    fd = open_directory(where, "unable to prepare context")
    try:
        found = find_definition(options, stdin_fd, scratch_dir, settings)
        found = found or definition.beside(where, fd, options.dockerfile)
        rules = found.rules if found.has_rules else definition.read_rules(fd)
        # Copies of its files are remembered by this key from build to build.
        tree = Tree(fd, unpacked.NAME, rules, index_key(where), unpacked.OWNER)
        return Context(tree, found)
    except BaseException:
        os.close(fd)
        raise


def _fetch(options: BuildOptions, stdin_fd: int, scratch_dir: str, settings: Settings) -> Context:
    from cuddy.builder import remote_context

    tree, alone = remote_context.bring(options, scratch_dir, settings)
    if alone:
        return Context(tree, alone)
    return _complete(tree, options, stdin_fd, scratch_dir, settings, is_fetched=True)


def may_be_remote(where: str) -> bool:
    """Whether it is worth a closer look that this is not a directory's path."""
    return "://" in where or "@" in where or where.startswith("github.com/")


def index_key(path: str) -> str:
    """By what the files of a directory of the user's are remembered."""
    return f"directory {os.path.realpath(path)}"


def open_directory(path: str, what: str) -> int:
    """A directory that the user named. Raises NotFound, InvalidArgument in docker's words."""
    try:
        return os.open(path, unpacked.OPEN_DIRECTORY)
    except FileNotFoundError:
        raise NotFound(f'{what}: path "{path}" not found') from None
    except NotADirectoryError:
        shown = os.path.abspath(path)
        raise InvalidArgument(f"{what}: context must be a directory: {shown}") from None
    except OSError as error:
        raise SystemFailure.from_os(what, error) from error


def find_definition(
    options: BuildOptions, stdin_fd: int, scratch_dir: str, settings: Settings
) -> Definition | None:
    """The Dockerfile, if it is somewhere else than in files. Raises what `open` does."""
    if options.dockerfile == STDIN:
        return definition.from_stdin(stdin_fd)
    if options.dockerfile[:8].lower().startswith(("http://", "https://")):
        return definition.download(options.dockerfile, scratch_dir, settings)
    return None


def _from_stdin(
    options: BuildOptions, stdin_fd: int, scratch_dir: str, settings: Settings
) -> Context:
    head = b""
    while len(head) < unpacked.HEAD_BYTES and (piece := os.read(stdin_fd, unpacked.HEAD_BYTES)):
        head += piece
    if unpacked.is_archive(head):
        from cuddy.image import blobs

        def chunks() -> Iterator[bytes]:
            yield head
            yield from blobs.read_chunks(stdin_fd)

        tree = unpacked.unpack(chunks(), scratch_dir, settings)
        return _complete(tree, options, stdin_fd, scratch_dir, settings)
    if options.dockerfile:
        raise InvalidArgument(
            "ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles",
            hint="what comes on stdin is not a tar, so it is taken for the Dockerfile",
        )
    rest = definition.from_stdin(stdin_fd)
    return Context(unpacked.empty(scratch_dir), rest._replace(data=head + rest.data))


def _complete(
    tree: Tree, options: BuildOptions, stdin_fd: int, scratch_dir: str, settings: Settings,
    *, is_fetched: bool = False,
) -> Context:  # fmt: skip
    """The context in a tree that was made for it, closed if it has no Dockerfile.

    A Dockerfile in files is one of the tree's; for what was fetched it may be one of this machine.
    """
    try:
        found = find_definition(options, stdin_fd, scratch_dir, settings)
        if not found and is_fetched and os.path.isabs(options.dockerfile):
            found = definition.elsewhere(options.dockerfile)
        return Context(tree, found or definition.inside(tree.fd, options.dockerfile))
    except BaseException:
        os.close(tree.fd)
        raise
