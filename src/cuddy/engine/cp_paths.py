"""What the words of `cp` mean: Docker's rules about paths, all pure but for looking at the host.

    CONTAINER:PATH    in a container        PATH, ./A:B, /A:B    on the host        -    a tar

A trailing slash asserts a directory (and follows a link to one), a trailing `/.` means what is in
the directory instead of itself.
"""

from __future__ import annotations

import os
import stat

from cuddy.errors import InvalidArgument, NotFound
from cuddy.shapes import NamedTuple

STREAM = "-"


class Place(NamedTuple):
    """One side of a copy. `container`: "" on the host."""

    container: str
    path: str


class Source(NamedTuple):
    """What is copied. `name`: what it is called, "" for what is in a directory."""

    name: bytes
    is_directory: bool


class Target(NamedTuple):
    """Where it goes. `name`: the last part of its path."""

    name: bytes
    exists: bool = False
    is_directory: bool = False
    asserts_directory: bool = False


class Decision(NamedTuple):
    """Into the target itself or into the directory it is in, and under which name.

    Without one it is what is in a directory that goes there.
    """

    into_itself: bool
    name: bytes


def parse(text: str) -> Place:
    """One argument. A container's name has no dot or slash at its beginning, so a path can."""
    if text.startswith(("/", ".")):
        return Place("", text)
    container, colon, path = text.partition(":")
    return Place(container, path) if colon and container else Place("", text)


def parse_pair(source: str, target: str, *, kind: str = "container") -> tuple[Place, Place]:
    """Both arguments; exactly one of them is a container's, or one or both a volume's.

    Raises InvalidArgument.
    """
    for what, text in (("source", source), ("destination", target)):
        if not text:
            raise InvalidArgument(f"{what} can not be empty")
        if "\0" in text:
            raise InvalidArgument(f"{what}: NUL character in {text!r}")
    places = parse(source), parse(target)
    if kind == "container" and all(place.container for place in places):
        hint = "'cuddy cp A:X - | cuddy cp - B:Y' does it"
        raise InvalidArgument("copying between containers is not supported", hint=hint)
    if not any(place.container for place in places):
        hint = f"one of the two is {kind.upper()}:PATH"
        raise InvalidArgument(f"must specify at least one {kind} source", hint=hint)
    return places


def tidy(path: str) -> str:
    """A path with its `..`, `.` and doubled slashes taken out, but for what it ends with."""
    clean = os.path.normpath(path)
    clean = "/" + clean.lstrip("/") if clean.startswith("/") else clean
    if means_contents(path) and not means_contents(clean):
        return clean.rstrip("/") + "/."
    return clean + "/" if path.endswith("/") and not clean.endswith("/") else clean


def inside(path: str) -> str:
    """A path of a container: from its root, whether it says so or not."""
    return tidy("/" + path)


def means_contents(path: str) -> bool:
    """Whether it means what is in a directory."""
    return path == "." or path.endswith("/.")


def asserts_directory(path: str) -> bool:
    """Whether it cannot mean anything but a directory."""
    return path.endswith("/") or means_contents(path)


def split(path: str) -> tuple[str, str]:
    """A tidy path as (directory, last part); the last part of `a/.` is `.`, of the root ``."""
    if means_contents(path):
        return path[:-1].rstrip("/") or "/", "."
    bare = path.rstrip("/") or "/"
    return os.path.dirname(bare) or ".", os.path.basename(bare)


def name_of(path: str) -> bytes:
    """What a source with this tidy path is called; b"" for what is in a directory, or the root."""
    return b"" if means_contents(path) else os.fsencode(split(path)[1])


def decide(source: Source, target: Target) -> Decision:
    """Where what goes: the table of docker cp's documentation. Raises InvalidArgument."""
    if target.exists and target.is_directory:
        return Decision(True, source.name)
    if target.exists and source.is_directory:
        raise InvalidArgument("cannot copy directory", hint="the destination is a file")
    if not target.exists and not source.is_directory and target.asserts_directory:
        raise InvalidArgument("no such directory", hint="make the destination first")
    return Decision(False, target.name)


class HostTarget(NamedTuple):
    """A target on the host: the directory that the copy goes to or is made in, and what it is."""

    parent: str
    found: Target


def look_at_target(path: str) -> HostTarget:
    """A tidy, absolute path of the host as a destination. Raises InvalidArgument, NotFound."""
    above = os.path.dirname(os.path.normpath(path))
    if not os.path.exists(above):
        raise NotFound(f'invalid output path: directory "{above}" does not exist')
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return _missing_target(path)
    except OSError as error:
        raise InvalidArgument(f"stat {path}: {os.strerror(error.errno or 0).lower()}") from None
    if stat.S_ISBLK(mode) or stat.S_ISCHR(mode):
        raise InvalidArgument(
            f'invalid output path: "{path}" must be a directory or a regular file: got a device'
        )
    real = os.path.realpath(path)
    is_directory = stat.S_ISDIR(mode)
    return HostTarget(
        real if is_directory else os.path.dirname(real),
        Target(os.fsencode(os.path.basename(real)), True, is_directory, asserts_directory(path)),
    )


def _missing_target(path: str) -> HostTarget:
    """Nothing is there yet; a dangling link says where it is to be made."""
    if means_contents(path):
        raise NotFound(f"stat {os.path.normpath(path)}: no such file or directory")
    real = os.path.realpath(path)
    parent = os.path.dirname(real)
    if not os.path.isdir(parent):
        raise NotFound(f"stat {parent}: no such file or directory")
    name = os.fsencode(os.path.basename(real))
    return HostTarget(parent, Target(name, asserts_directory=asserts_directory(path)))


class HostSource(NamedTuple):
    """A source on the host: `entry` in the directory `parent` (`.`: the directory itself)."""

    parent: str
    entry: bytes
    found: Source


def look_at_source(path: str, *, follow: bool) -> HostSource:
    """A tidy, absolute path of the host as a source. Raises NotFound, InvalidArgument."""
    try:
        mode = (os.stat if follow else os.lstat)(path).st_mode
    except FileNotFoundError:
        raise NotFound(f"lstat {path}: no such file or directory") from None
    except NotADirectoryError:
        raise InvalidArgument("not a directory") from None
    name = name_of(path)
    if stat.S_ISDIR(mode):
        return HostSource(os.path.realpath(path), b".", Source(name, True))
    real = os.path.realpath(path) if follow else path
    parent, entry = os.path.split(real)
    return HostSource(os.path.realpath(parent), os.fsencode(entry), Source(name, False))
