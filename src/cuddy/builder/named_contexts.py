"""Named contexts (`--build-context NAME=WHERE`): in a build they go before stages and images.

    DIRECTORY                   its files, but for what its .dockerignore leaves out
    https://...git, git@...     a git repository
    https://...                 a file, by the name of `context`
    docker-image://IMAGE        an image in place of the one of that name; `scratch` is none
    oci-layout://DIRECTORY      an image of a layout; [:TAG] or [@DIGEST] says which
    target:STAGE                a stage of the same Dockerfile

Each is opened when it is first asked for: what no stage needs is not remote_context.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import context, definition, unpacked
from cuddy.builder.tree import Tree
from cuddy.errors import InvalidArgument, InvalidReference
from cuddy.image import reference
from cuddy.shapes import NamedTuple
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cuddy.builder.options import BuildOptions
    from cuddy.builder.state import State
    from cuddy.image.settings import Settings
    from cuddy.image.storage import Storage

    Bring = Callable[[str], State]

DIRECTORY, REMOTE, IMAGE, LAYOUT, STAGE = "directory", "remote", "image", "layout", "stage"
SCHEMES = {"docker-image://": IMAGE, "oci-layout://": LAYOUT, "target:": STAGE}
LATEST = ":latest"
DOWNLOADED = "context"
"""The name of a file that is a context."""


class Wish(NamedTuple):
    """What the user says of one. `where`: without its scheme, unless it is a URL."""

    kind: str
    where: str


class Named(NamedTuple):
    """What a name means: files, an image, or the name of a stage."""

    tree: Tree | None = None
    state: State | None = None
    stage: str = ""


class Contexts(Closing):
    """The named contexts of a build, by whatever form of their names; `close` when done.

    `bring`: the state of an image, by its name or id; `platform`: for which one.
    """

    def __init__(
        self,
        options: BuildOptions,
        storage: Storage,
        scratch_dir: str,
        settings: Settings,
        bring: Bring,
        platform: str = "",
    ) -> None:
        self.wishes = parse_all(options.build_contexts)
        self.options = options
        self.storage = storage
        self.scratch_dir = scratch_dir
        self.settings = settings
        self.bring = bring
        self.platform = platform
        self._open: dict[str, Named] = {}

    def __contains__(self, name: object) -> bool:
        return bool(self.wishes) and key(str(name)) in self.wishes

    def __getitem__(self, name: str) -> Named:
        """What a name means, which must be one of them. Raises what `context.open` does."""
        found = key(name)
        if found not in self._open:
            self._open[found] = self._bring(found, self.wishes[found])
        return self._open[found]

    def close(self) -> None:
        """Close all trees; more than once is fine."""
        while self._open:
            tree = self._open.popitem()[1].tree
            if tree:
                os.close(tree.fd)

    def _bring(self, name: str, wish: Wish) -> Named:
        if wish.kind == STAGE:
            return Named(stage=wish.where)
        if wish.kind == IMAGE:
            return Named(state=self.bring(wish.where))
        if wish.kind == LAYOUT:
            from cuddy.builder import oci_layout

            image_id = oci_layout.load(self.storage, wish.where, self.settings, self.platform)
            return Named(state=self.bring(image_id))
        shown = f"context {name}"
        if wish.kind == REMOTE:
            return Named(self._fetch(wish.where, shown))
        fd = context.open_directory(wish.where, f"failed to get build context {name}")
        try:
            rules = definition.read_rules(fd)
        except BaseException:
            os.close(fd)
            raise
        return Named(Tree(fd, shown, rules, context.index_key(wish.where), unpacked.OWNER))

    def _fetch(self, url: str, shown: str) -> Tree:
        from cuddy.builder import git_access, git_source, remote, remote_context

        files.make_directory(self.scratch_dir)
        source = git_source.parse(url, is_context=True)
        if source:
            access = git_access.of(self.options, is_typed=True)
            return remote_context.from_git(source, self.scratch_dir, self.settings, access, shown)
        directory = f"{self.scratch_dir}/{files.name_temporary()}"
        os.mkdir(directory, 0o755)
        remote.download(url, directory, DOWNLOADED, settings=self.settings)
        return Tree(os.open(directory, unpacked.OPEN_DIRECTORY), shown, owner=unpacked.OWNER)


def parse_all(texts: Sequence[str]) -> dict[str, Wish]:
    """What the user says of all of them; the last word on a name counts. Raises InvalidArgument."""
    wishes = {}
    for text in texts:
        name, mark, where = text.partition("=")
        if not mark:
            raise InvalidArgument(f"invalid context value: {text}, expected key=value")
        found = key(name)
        if not found:
            raise InvalidArgument(f"invalid context name {name}")
        wishes[found] = parse(where)
    return wishes


def parse(where: str) -> Wish:
    """What a context is. Raises InvalidArgument for half a git URL."""
    for scheme, kind in SCHEMES.items():
        if where.startswith(scheme):
            return Wish(kind, where.removeprefix(scheme))
    if context.may_be_remote(where) and not os.path.isdir(where):
        from cuddy.builder import remote_context

        if remote_context.is_remote(where):
            return Wish(REMOTE, where)
    return Wish(DIRECTORY, where)


def key(name: str) -> str:
    """A name as it is compared: `docker.io/library/alpine:latest` is `alpine`; "" if it is none."""
    try:
        return reference.parse(name).familiar.removesuffix(LATEST)
    except InvalidReference:
        return ""
