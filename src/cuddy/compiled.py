"""Cuddy's own modules are found where they must be: beside their package, compiled.

Python's finders list directories and try endings, because a module may be anything anywhere; its
loader goes through layers of files. For the 160 modules of `run` that is a quarter of all its time.
What is compiled is believed on the terms of `importlib`: it is of this Python and of a source of
this time and size. Whatever is otherwise (a package, no source, nothing compiled yet, compiled with
other terms) is none of ours, and Python does as ever.
"""

from __future__ import annotations

import posix
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

PREFIX = "cuddy."
ENDING = f".{sys.implementation.cache_tag}.pyc"
BY_TIME = MAGIC_NUMBER + b"\0\0\0\0"
HEADER_BYTES = 16


class Loader(SourceFileLoader):
    """Python's own, for which the code is already there."""

    code: CodeType | None = None

    def get_code(self, fullname: str) -> CodeType | None:
        """What `exec_module` executes."""
        return self.code or super().get_code(fullname)


class Finder:
    """The first of the finders."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Called for every module; None for those that Python shall find."""
        if not path or not name.startswith(PREFIX):
            return None
        stem = name.rpartition(".")[2]
        source, compiled = f"{path[0]}/{stem}.py", f"{path[0]}/__pycache__/{stem}{ENDING}"
        code = read(source, compiled)
        if code is None:
            return None
        loader = Loader(name, source)
        loader.code = code
        spec = ModuleSpec(name, loader, origin=source)
        spec.has_location, spec.cached = True, compiled
        return spec


def read(source: str, compiled: str) -> CodeType | None:
    """The code of a source, if what is compiled is really that."""
    try:
        status = posix.stat(source)
        fd = posix.open(compiled, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = posix.fstat(fd).st_size
        data = memoryview(posix.read(fd, size))
    finally:
        posix.close(fd)
    written = int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF
    header = BY_TIME + b"".join(number.to_bytes(4, "little") for number in written)
    if len(data) != size or data[:HEADER_BYTES] != header:
        return None
    code: CodeType = loads(data[HEADER_BYTES:])
    return code


def install() -> None:
    """From now on; only where assertions are in the code, as they are in what is installed."""
    if not sys.flags.optimize and sys.pycache_prefix is None:
        sys.meta_path.insert(0, Finder)
