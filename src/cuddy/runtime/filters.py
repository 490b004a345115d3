"""Compiled seccomp programs, kept below the state root.

Compiling Docker's default profile takes longer than all the mounts of a container together, and the
tables it needs would stay in the memory of whoever compiled. The name is the hash of what was
compiled and for whom; the directory is root's alone, as is everything below the state root.
"""

from __future__ import annotations

import os
import struct
import sys

from cuddy import __version__, files
from cuddy.kernel.syscall import MACHINE
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.spec import Config

# CPython's own module: hashlib would load OpenSSL to hash twenty kilobytes.
if sys.version_info >= (3, 12):
    from _sha2 import sha256
else:
    from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]

HEAD = struct.Struct("<I?")
FORMAT = 2
"""Of what is kept; of the compiler as well, between two versions of cuddy."""
MAX_KEPT = 64
"""More different profiles than that are compiled each time: the directory stays small."""


class Filter(NamedTuple):
    """A seccomp program, the flags to load it with, and whether it is tight: see `profile`."""

    program: bytes
    flags: int
    tight: bool


NO_FILTER = Filter(b"", 0, False)


def listener_of(config: Config) -> dict[str, str]:
    """Path and metadata of the agent that the config's profile asks, or nothing."""
    section = config["linux"].get("seccomp")
    if not section or not section.get("listenerPath"):
        return {}
    from cuddy.runtime import profile  # few profiles name one

    if not profile.notifies(section):
        return {}
    return {key: section.get(key) or "" for key in ("listenerPath", "listenerMetadata")}


def find(config: Config, state_root: str) -> Filter:
    """The filter that the config's seccomp section asks for. Raises InvalidArgument."""
    section = config["linux"].get("seccomp")
    if not section:
        return NO_FILTER
    text = f"{__version__} {FORMAT} {MACHINE} {files.format_json(section)}"
    directory = f"{state_root}/filters"
    path = f"{directory}/{sha256(text.encode()).hexdigest()}"
    try:
        kept = files.read_bytes(path)
    except FileNotFoundError:
        # Imported here: with a kept program neither the compiler nor its tables are needed.
        from cuddy.runtime import profile

        head = HEAD.pack(profile.flags(section), profile.is_tight(section))
        kept = head + profile.compile(section)
        keep(directory, path, kept)
    return Filter(kept[HEAD.size :], *HEAD.unpack_from(kept))


def keep(directory: str, path: str, kept: bytes) -> None:
    """Keep flags and program for the next container; a full disk is no reason to fail."""
    try:
        files.make_directory(directory)
        if len(os.listdir(directory)) < MAX_KEPT:
            files.write(path, kept, durable=False)
    except OSError:
        pass
