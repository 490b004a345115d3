"""Contexts from elsewhere: git repositories, and what comes by HTTP."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import definition, git, git_access, git_source, remote, unpacked
from cuddy.builder.tree import Tree
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.definition import Definition
    from cuddy.builder.git_program import Access
    from cuddy.builder.git_source import Source
    from cuddy.builder.options import BuildOptions
    from cuddy.image.settings import Settings

KEEP_GIT_DIR = "BUILDKIT_CONTEXT_KEEP_GIT_DIR"
YES = ("1", "t", "T", "true", "TRUE", "True")


def is_remote(where: str) -> bool:
    """Whether a context has to be fetched. Raises InvalidArgument for half a git URL."""
    return remote.is_url(where) or git_source.parse(where, is_context=True) is not None


def bring(
    options: BuildOptions, scratch_dir: str, settings: Settings
) -> tuple[Tree, Definition | None]:
    """Fetch a context; with it the Dockerfile, if that is all there is.

    Raises what `context.open` does.
    """
    files.make_directory(scratch_dir)
    source = git_source.parse(options.context, is_context=True)
    if source:
        access = git_access.of(options, is_typed=True)
        is_kept = any(f"{KEEP_GIT_DIR}={yes}" in options.build_args for yes in YES)
        tree = from_git(source, scratch_dir, settings, access, unpacked.NAME, keep_git_dir=is_kept)
        return tree, None
    path = remote.download(options.context, scratch_dir, "download", settings=settings)
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.unlink(path)
        return _from_download(fd, options, scratch_dir, settings)
    finally:
        os.close(fd)


def from_git(
    source: Source,
    scratch_dir: str,
    settings: Settings,
    access: Access,
    name: str,
    *,
    keep_git_dir: bool = False,
) -> Tree:
    """The files of a repository, in a directory of their own. Raises what `git.checkout` does."""
    directory = f"{scratch_dir}/{files.name_temporary()}"
    path = git.checkout(
        source, directory, settings=settings, access=access, keep_git_dir=keep_git_dir
    )
    return Tree(os.open(path, unpacked.OPEN_DIRECTORY), name, owner=unpacked.OWNER)


def _from_download(
    fd: int, options: BuildOptions, scratch_dir: str, settings: Settings
) -> tuple[Tree, Definition | None]:
    if unpacked.is_archive(os.pread(fd, unpacked.HEAD_BYTES, 0)):
        from cuddy.image import blobs

        return unpacked.unpack(blobs.read_chunks(fd), scratch_dir, settings), None
    if options.dockerfile:
        raise InvalidArgument(
            f"{options.context} is a Dockerfile, and -f names another one",
            hint="a context that comes by HTTP is a tar, or a Dockerfile alone",
        )
    return unpacked.empty(scratch_dir), definition.from_stdin(fd)
