"""Other versions of Python on this machine, as far as there are any."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13", "3.14")


@functools.cache
def find(version: str) -> str:
    """An interpreter of that version, or ""."""
    for path in candidates(version):
        script = "import sys; print('%d.%d' % sys.version_info[:2])"
        try:
            done = subprocess.run([path, "-I", "-S", "-c", script], capture_output=True, text=True)
        except OSError:
            continue
        if done.stdout.strip() == version:
            return path
    return ""


def candidates(version: str) -> Iterator[str]:
    yield sys.executable
    yield f"python{version}"
    for directory in (Path("/usr/bin"), Path("/usr/local/bin")):
        yield str(directory / f"python{version}")
    for path in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}")):
        yield str(path)
