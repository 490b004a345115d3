"""An image made of this machine's Debian packages: programs, and the libraries that they load.

glibc with its own name resolution, and real servers, where no registry is in reach.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

import images

TOOLS = ("sh", "cat", "sleep", "getent")


@functools.cache
def image(*programs: str) -> images.BuiltImage:
    """An image with these programs and a few TOOLS. Skips the test if one is not installed."""
    paths = [find(program) for program in (*TOOLS, *programs)]
    listed = "\n".join(subprocess.check_output(["ldd", *paths], text=True).splitlines())
    libraries = sorted(set(re.findall(r"(/\S+) \(0x", listed)))
    members = [images.entry(f"{name}/") for name in ("dev", "etc", "proc", "sys", "tmp", "usr")]
    members += [
        images.entry("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"),
        images.entry("etc/group", b"root:x:0:\n"),
        images.entry("etc/nsswitch.conf", b"hosts: files dns\n"),
    ]
    members += [content(f"bin/{Path(path).name}", path) for path in paths]
    members += [content(library.lstrip("/"), library) for library in libraries]
    return images.image([images.layer(images.tar(*members))])


def find(program: str) -> str:
    """A program's path."""
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def content(name: str, path: str) -> tuple[tarfile.TarInfo, bytes]:
    """A file of this machine as a member of a tar."""
    return images.entry(name, Path(path).read_bytes(), mode=0o755)
