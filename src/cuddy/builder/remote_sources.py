"""What ADD names by URL: files by HTTP, and git repositories. Each is brought once in a build.

For a step's key a repository is its commit, a file with a checksum is that, and a file that its
server knows by a mark (ETag) is what it was under that mark: so that none of them has to be brought
when the step was done before.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import git, git_source, remote, unpacked
from cuddy.builder.git_program import PUBLIC, Access
from cuddy.builder.tree import Entry, Tree
from cuddy.errors import CorruptContent, InvalidArgument
from cuddy.image import digest as digests
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.git import Commit
    from cuddy.builder.git_source import Source
    from cuddy.builder.instructions import Copy
    from cuddy.image.settings import Settings

UNNAMED = "__unnamed__"
"""Docker's name for what a URL gives none."""
FILE = "file"


class Brought(NamedTuple):
    """A source that is here: a tree, and what of it is meant."""

    tree: Tree
    entry: Entry


class RemoteSources(Closing):
    """What is brought in one build, into `scratch_dir`, which the caller makes and removes.

    `notes_dir`: where it is noted what files were, to ask whether they still are; "" for nowhere.

    Processes that are forked off know what was brought before, and bring the rest themselves.
    """

    def __init__(
        self, scratch_dir: str, settings: Settings, notes_dir: str = "", access: Access = PUBLIC
    ) -> None:
        self.scratch_dir = scratch_dir
        self.settings = settings
        self.notes_dir = notes_dir
        self.access = access
        self._promised: dict[str, str] = {}
        self._marks: dict[str, str] = {}
        self._brought: dict[tuple[object, ...], Brought] = {}
        self._commits: dict[Source, Commit] = {}

    def close(self) -> None:
        """Close the trees; more than once is fine."""
        while self._brought:
            os.close(self._brought.popitem()[1].tree.fd)

    def bring(self, copy: Copy, text: str) -> Brought:
        """Have a source here. Raises InvalidArgument, NotFound, RegistryError, CorruptContent,
        SystemFailure.
        """
        source = self.repository(copy, text)
        key = (source, copy.keep_git_dir) if source else (text, copy.checksum)
        if key not in self._brought:
            self._brought[key] = (
                self._from_git(source, copy) if source else self._by_http(text, copy.checksum)
            )
        return self._brought[key]

    def describe(self, copy: Copy, text: str) -> str:
        """What a source is at the moment, for a step's key. Raises what `bring` does."""
        source = self.repository(copy, text)
        if source is None:
            return f"file {name_of(text)} {copy.checksum or self.digest(copy, text)}"
        commit = self.commit(source)
        kept = f" {source.shown} {commit.ref}" if keeps_git_dir(copy, source) else ""
        return f"commit {commit.id} {source.submodules} {source.subdir!r}{kept}"

    def digest(self, copy: Copy, url: str) -> str:
        """The digest of a file's content, asking its server whether it is still what it was."""
        if (url, "") in self._brought:
            return content(self._brought[url, ""])
        path = f"{self.notes_dir}/{digests.of(url.encode()).partition(':')[2]}.url"
        try:
            mark, digest = files.read_json(path)
            known = isinstance(mark, str) and digests.is_digest(digest)
        except (OSError, ValueError, TypeError):
            known = False
        if known and remote.is_unchanged(url, mark, self.settings):
            self._promised[url] = digest
            return str(digest)
        found = content(self.bring(copy, url))
        if self.notes_dir and url in self._marks:
            files.make_directory(self.notes_dir)
            files.write_json(path, [self._marks[url], found], durable=False)
        return found

    def shown(self, text: str) -> str:
        """A source without what only its server should see. Raises InvalidArgument."""
        source = git_source.parse(text)
        return source.shown if source else remote.find_place(text).shown

    def repository(self, copy: Copy, text: str) -> Source | None:
        """The repository that a source names; None for a file. Raises InvalidArgument."""
        source = git_source.parse(text)
        if not copy.is_add:
            what = "git ref" if source else "URL"
            raise InvalidArgument(f"source can't be a {what} for COPY", hint="ADD brings it")
        if copy.checksum and len(copy.sources) + len(copy.heredocs) > 1:
            raise InvalidArgument("checksum can't be specified for multiple sources")
        if source is None or not copy.checksum:
            return source
        if source.checksum and source.checksum != copy.checksum:
            raise InvalidArgument(f"checksum mismatch {copy.checksum!r} != {source.checksum!r}")
        return source._replace(checksum=copy.checksum)

    def commit(self, source: Source) -> Commit:
        """What a repository's ref means at the moment, asked for once."""
        if source not in self._commits:
            self._commits[source] = git.resolve(source, self.settings, self.access)
        return self._commits[source]

    def _from_git(self, source: Source, copy: Copy) -> Brought:
        path = git.checkout(
            source,
            f"{self.scratch_dir}/{files.name_temporary()}",
            settings=self.settings,
            access=self.access,
            keep_git_dir=keeps_git_dir(copy, source),
            commit=self.commit(source),
        )
        tree = Tree(os.open(path, unpacked.OPEN_DIRECTORY), source.shown, owner=unpacked.OWNER)
        return Brought(tree, Entry(b"", b"", os.fstat(tree.fd)))

    def _by_http(self, url: str, checksum: str) -> Brought:
        directory = f"{self.scratch_dir}/{files.name_temporary()}"
        os.mkdir(directory, 0o700)
        wanted = checksum or self._promised.get(url, "")
        try:
            path = remote.download(
                url, directory, FILE, settings=self.settings, checksum=wanted, marks=self._marks
            )
        except CorruptContent:
            if checksum or not wanted:
                raise
            told = f"{self.shown(url)} is not what its server said it was a moment ago"
            raise CorruptContent(told, hint="build again") from None
        tree = Tree(
            os.open(directory, unpacked.OPEN_DIRECTORY), self.shown(url), owner=unpacked.OWNER
        )
        return Brought(tree, Entry(FILE.encode(), name_of(url).encode(), os.stat(path)))


def check(copy: Copy) -> None:
    """Whether `--checksum` is asked for where it can be. Raises InvalidArgument."""
    from cuddy.builder.sources import is_remote

    if copy.checksum and not any(map(is_remote, copy.sources)):
        raise InvalidArgument("checksum requires HTTP(S) or Git sources")


def keeps_git_dir(copy: Copy, source: Source) -> bool:
    """Whether .git is wanted, too. The flag can only say yes."""
    return copy.keep_git_dir if source.keep_git_dir is None else source.keep_git_dir


def name_of(url: str) -> str:
    """What a file is called that comes from there."""
    from urllib.parse import unquote, urlsplit

    name = os.path.basename(unquote(urlsplit(url).path).rstrip("/"))
    return UNNAMED if name in ("", ".", "..") or "\0" in name else name


def content(brought: Brought) -> str:
    """The digest of a file."""
    from cuddy.builder import inputs_record

    fd = os.open(brought.entry.path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=brought.tree.fd)
    try:
        return f"sha256:{inputs_record.content(fd, [(0, brought.entry.status.st_size)])}"
    finally:
        os.close(fd)
