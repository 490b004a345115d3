"""What is to come of a build (`--output`): buildx's words.

    type=image                 an image of the store; push=true, or type=registry: of a registry too
    type=local,dest=DIR        the files, in a directory; DIR alone means the same
    type=tar,dest=FILE         the files, as a tar; - alone is one on standard output
    type=oci,dest=FILE         the image, as an archive of an OCI layout; tar=false: as a directory
    type=docker,dest=FILE      the image, as an archive that any docker loads; without dest an image
    type=cacheonly             nothing

Only decisions are made here; `files_output` and `image_output` write.
"""

from __future__ import annotations

import os

from cuddy import comma_separated, suggest
from cuddy.errors import InvalidArgument, InvalidReference
from cuddy.image import reference
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

IMAGE, LOCAL, TAR, OCI, DOCKER, NOTHING = "image", "local", "tar", "oci", "docker", "cacheonly"
KINDS = (IMAGE, LOCAL, TAR, OCI, DOCKER, NOTHING)
REGISTRY = "registry"
STDOUT = "-"
GZIP, ZSTD, UNCOMPRESSED = "gzip", "zstd", "uncompressed"
LEVELS = {GZIP: range(10), ZSTD: range(23), UNCOMPRESSED: range(1)}
COMPRESSED = (IMAGE, TAR, OCI, DOCKER)
NAMED = (IMAGE, OCI, DOCKER)
SWITCHES = {
    "push": (IMAGE,),
    "force-compression": NAMED,
    "tar": (OCI, DOCKER),
    "platform-split": (LOCAL, TAR),
    # What is so anyway, or does not matter here.
    "oci-mediatypes": NAMED,
    "rewrite-timestamp": KINDS,
    "unpack": (IMAGE,),
    "store": (IMAGE,),
}
TRUE = ("1", "t", "T", "true", "TRUE", "True")
FALSE = ("0", "f", "F", "false", "FALSE", "False")
ANNOTATIONS = ("annotation.", "annotation-manifest.")


class Output(NamedTuple):
    """One thing that is to come of it. `dest`: "" for the store, - for standard output."""

    kind: str
    dest: str = ""
    names: tuple[str, ...] = ()
    push: bool = False
    compression: str = ""  # "": gzip, and what is compressed already as it is
    level: int | None = None
    is_forced: bool = False  # layers that are compressed already, too
    is_directory: bool = False
    is_split: bool | None = None  # a directory per platform; None: if there are several
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def is_for_store(self) -> bool:
        """Whether it is an image of the store."""
        return self.kind == IMAGE or (self.kind == DOCKER and not self.dest)


def parse_all(texts: Sequence[str]) -> tuple[Output, ...]:
    """What the user asks for; an image if nothing is said. Raises InvalidArgument."""
    found = tuple(parse(text) for text in texts if text)
    on_stdout = [each for each in found if each.dest == STDOUT]
    if len(on_stdout) > 1:
        raise InvalidArgument("only one output can go to standard output")
    return found or (Output(IMAGE),)


def parse(text: str) -> Output:
    """One output. Raises InvalidArgument."""
    try:
        fields = comma_separated.read_record(text)
    except ValueError as error:
        raise InvalidArgument(f"invalid output {text!r}: {error}") from None
    if fields == [text] and not text.startswith("type="):
        return Output(TAR, STDOUT) if text == STDOUT else Output(LOCAL, text)
    pairs: dict[str, str] = {}
    for field in fields:
        key, mark, value = field.partition("=")
        if not mark:
            raise InvalidArgument(f"invalid value {field}", hint="an output is type=...,key=value")
        pairs[key.strip().lower()] = value
    if not pairs.get("type"):
        raise InvalidArgument("type is required for output", hint=f"one of {', '.join(KINDS)}")
    return _build(pairs)


def _build(pairs: dict[str, str]) -> Output:
    kind = pairs.pop("type")
    if kind == REGISTRY:
        kind = IMAGE
        pairs["push"] = "true"
    if kind not in KINDS:
        near = suggest.closest(kind, (*KINDS, REGISTRY))
        raise InvalidArgument(
            f"unknown output type {kind!r}",
            hint=f"did you mean {near}?" if near else f"one of {', '.join(KINDS)}",
        )
    compression = pairs.pop("compression", "")
    level = pairs.pop("compression-level", "")
    switches = {key: _switch(kind, key, pairs.pop(key)) for key in SWITCHES if key in pairs}
    annotations = tuple(
        (key.removeprefix(prefix), pairs.pop(key))
        for key in list(pairs)
        for prefix in ANNOTATIONS
        if key.startswith(prefix) and kind in NAMED
    )
    found = Output(
        kind,
        dest=pairs.pop("dest", ""),
        names=_names(kind, pairs.pop("name", "")),
        push=switches.get("push", False),
        compression=_compression(kind, compression),
        level=_level(compression, level),
        is_forced=switches.get("force-compression", False),
        is_directory=not switches.get("tar", True),
        is_split=switches.get("platform-split"),
        annotations=annotations,
    )
    if pairs:
        _refuse(kind, next(iter(pairs)))
    return _with_dest(found)


def _switch(kind: str, key: str, value: str) -> bool:
    if kind not in SWITCHES[key]:
        raise InvalidArgument(f"{key} means nothing to an output of type {kind}")
    if value not in (*TRUE, *FALSE):
        raise InvalidArgument(f"invalid value of {key}: {value!r}", hint="true or false")
    return value in TRUE


def _names(kind: str, text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if names and kind not in NAMED:
        raise InvalidArgument(f"name means nothing to an output of type {kind}")
    for name in names:
        if reference.parse(name).digest:
            raise InvalidReference(f"cannot make {name!r}: a digest is not a name one can give")
    return names


def _compression(kind: str, text: str) -> str:
    if not text:
        return ""
    if kind not in COMPRESSED:
        raise InvalidArgument(f"compression means nothing to an output of type {kind}")
    if text not in LEVELS:
        raise InvalidArgument(
            f"unsupported layer compression type: {text}", hint=f"one of {', '.join(LEVELS)}"
        )
    return text


def _level(compression: str, text: str) -> int | None:
    if not text:
        return None
    allowed = LEVELS.get(compression or GZIP, range(1))
    if not (text.isascii() and text.isdigit() and int(text[:3]) in allowed):
        raise InvalidArgument(
            f"invalid compression-level {text!r}", hint=f"{allowed.start} to {allowed.stop - 1}"
        )
    return int(text)


def _refuse(kind: str, key: str) -> None:
    keys = ("dest", "name", "compression", "compression-level", *SWITCHES)
    near = suggest.closest(key, keys)
    raise InvalidArgument(
        f"unknown key {key!r} of an output of type {kind}",
        hint=f"did you mean {near}?" if near else "",
    )


def _with_dest(output: Output) -> Output:
    """With a destination, if it needs one. Raises InvalidArgument in buildx's words."""
    kind, dest = output.kind, output.dest
    if kind in (IMAGE, NOTHING):
        if dest:
            raise InvalidArgument(f"dest means nothing to an output of type {kind}")
    elif kind == LOCAL or output.is_directory:
        if not dest:
            raise InvalidArgument(f"dest is required for {kind} exporter")
        if dest == STDOUT:
            raise InvalidArgument(f"dest cannot be stdout for {kind} exporter")
    elif not dest and kind != DOCKER:
        return output._replace(dest=STDOUT)
    return output


def check(outputs: Iterable[Output], stdout_fd: int) -> None:
    """Whether what is to be written can be, before anything is built. Raises InvalidArgument."""
    for output in outputs:
        if output.dest == STDOUT and (stdout_fd < 0 or os.isatty(stdout_fd)):
            raise InvalidArgument(
                f"dest file is required for {output.kind} exporter. refusing to write to console"
            )
        if output.kind == LOCAL or output.is_directory:
            if os.path.lexists(output.dest) and not os.path.isdir(output.dest):
                raise InvalidArgument(f"destination directory {output.dest} is a file")
        elif output.dest and os.path.isdir(output.dest):
            raise InvalidArgument(f"destination file {output.dest} is a directory")


def needs_blobs(outputs: Iterable[Output]) -> bool:
    """Whether any of them has compressed layers."""
    return any(each.kind in NAMED for each in outputs)


def is_for_store(outputs: Iterable[Output]) -> bool:
    """Whether an image of the store is wanted."""
    return any(each.is_for_store for each in outputs)


def store_names(outputs: Iterable[Output], tags: Sequence[str]) -> list[str]:
    """The names that the image of the store gets; none if there is to be none."""
    found = [name for each in outputs if each.is_for_store for name in (*tags, *each.names)]
    return list(dict.fromkeys(found))


def pushed_names(outputs: Iterable[Output], tags: Sequence[str]) -> list[str]:
    """The names that go to their registries. Raises InvalidArgument if there are none to be had."""
    found: list[str] = []
    for output in outputs:
        if output.push:
            names = [*tags, *output.names]
            if not names:
                raise InvalidArgument(
                    "tag is needed when pushing to registry", hint="-t REGISTRY/NAME:TAG"
                )
            found += names
    return list(dict.fromkeys(found))


def form(outputs: Iterable[Output]) -> Output | None:
    """The one that says how the layers of the store's image are compressed, if one does."""
    return next((each for each in outputs if each.is_for_store and each.compression), None)


def for_elsewhere(outputs: Iterable[Output], annotations: Mapping[str, str]) -> list[Output]:
    """Those that are no image of the store, with annotations besides their own."""
    return [
        each._replace(annotations=(*annotations.items(), *each.annotations))
        for each in outputs
        if not each.is_for_store and each.kind != NOTHING
    ]
