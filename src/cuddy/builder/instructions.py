"""The instructions of a Dockerfile as values (Dockerfile reference).

Variables are not replaced yet: what they are worth depends on what stands above. Each has `place`,
its lines in the file, and `text`, how it is shown: as it was written, in one line, continued lines
joined, without the bodies of heredocs.
"""

from __future__ import annotations

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Instruction: TypeAlias = "From | Arg | Run | Copy | Workdir | Change"


class Place(NamedTuple):
    """Where in the file: numbers of its first and its last line, from 1."""

    line: int
    last_line: int


class Heredoc(NamedTuple):
    """A text that follows an instruction. `expands`: its variables count, its word is bare."""

    name: str  # the word that ends it
    content: str  # with tabs taken off already, if it was <<-
    expands: bool


class From(NamedTuple):
    """`FROM [--platform=P] IMAGE [AS NAME]`."""

    place: Place
    text: str
    image: str
    name: str = ""  # in lower case
    platform: str = ""


class Arg(NamedTuple):
    """`ARG NAME[=VALUE] ...`: each with its default, None if it has none."""

    place: Place
    text: str
    pairs: tuple[tuple[str, str | None], ...]


class Run(NamedTuple):
    """`RUN [--mount=.. --network=.. --security=.. --device=..] COMMAND`."""

    place: Place
    text: str
    words: tuple[str, ...] | None  # of the exec form; None: it is for the shell
    command: str  # of the shell form; with `<<EOF` in it, if heredocs follow
    heredocs: tuple[Heredoc, ...] = ()
    mounts: tuple[str, ...] = ()  # type=...,...
    network: str = ""  # default, none, host
    security: str = ""  # sandbox, insecure
    devices: tuple[str, ...] = ()


class Copy(NamedTuple):
    """`COPY` and `ADD`: from sources to a target."""

    place: Place
    text: str
    is_add: bool
    sources: tuple[str, ...]
    target: str
    heredocs: tuple[Heredoc, ...] = ()  # sources too; their names are the files'
    from_: str = ""  # a stage, an image, a named context
    chown: str = ""
    chmod: str = ""
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()
    checksum: str = ""
    keep_git_dir: bool = False
    unpack: bool | None = None  # None: archives of the context are, others not


class Workdir(NamedTuple):
    """`WORKDIR PATH`: of the config, and a directory of the image."""

    place: Place
    text: str
    path: str


class Change(NamedTuple):
    """What only changes the image's config: ENV LABEL USER VOLUME EXPOSE CMD ENTRYPOINT SHELL
    STOPSIGNAL HEALTHCHECK ONBUILD MAINTAINER. See `image/changes.py`.
    """

    place: Place
    text: str
    name: str  # in capitals
    rest: str  # all that follows the flags
    flags: tuple[tuple[str, str], ...] = ()  # of HEALTHCHECK
