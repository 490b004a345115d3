"""Images made of this machine's Debian packages: some programs, or all that packages hold.

glibc with its own name resolution, and real servers and compilers, where no registry is in reach.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import stat
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
    members = [images.entry(f"{name}/") for name in ("dev", "etc", "proc", "sys", "tmp", "usr")]
    members += [
        images.entry("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"),
        images.entry("etc/group", b"root:x:0:\n"),
        images.entry("etc/nsswitch.conf", b"hosts: files dns\n"),
    ]
    members += [content(f"bin/{Path(path).name}", path) for path in paths]
    members += [content(path.lstrip("/"), path) for path in sorted(libraries(paths))]
    return images.image([images.layer(images.tar(*members))])


def python() -> str:
    """The name of Debian's own interpreter, its version in it."""
    path = "/usr/bin/python3"
    return os.readlink(path) if os.path.islink(path) else "python3"


LINKS = {
    "bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64",
    "usr/bin/awk": "mawk", "usr/bin/python3": python(), "usr/bin/sh": "dash",
    "usr/bin/tclsh": "tclsh8.6",
}  # fmt: skip
"""What no package has: the merged /usr, and what their scripts would link."""
LEFT_OUT = ("/usr/share/doc", "/usr/share/man", "/usr/share/info", "/usr/share/locale",
            "/usr/share/lintian", "/usr/share/bug")  # fmt: skip
ROOMS = ("dev", "etc", "home", "opt", "proc", "run", "srv", "sys", "usr", "usr/bin", "usr/lib",
         "usr/lib64", "usr/sbin", "var")  # fmt: skip
PASSWD = b"""\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = b"root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n"


@functools.cache
def packages(*names: str) -> images.BuiltImage:
    """The files of installed packages, but for manuals, and the libraries that their programs load.

    Nothing of it is configured by the packages' scripts. Skips the test if one is not installed.
    """
    listed = subprocess.run(["dpkg", "-L", *names], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(listed.stderr.splitlines()[0])
    paths = {path for path in listed.stdout.splitlines() if path.startswith("/") and path != "/."}
    paths = {path for path in paths if not path.startswith(LEFT_OUT) and os.path.lexists(path)}
    paths |= libraries([path for path in paths if is_program(path)])
    members = {merged(path): path for path in sorted(paths, reverse=True)}
    made = {*LINKS, *ROOMS, "root", "tmp", "etc/passwd", "etc/group"}
    entries = [images.entry(f"{name}/") for name in ROOMS]
    entries += [images.entry("root/", mode=0o700), images.entry("tmp/", mode=0o1777)]
    entries += [member(name, members[name]) for name in sorted(members.keys() - made)]
    entries += [images.link(name, target) for name, target in LINKS.items()]
    entries += [images.entry("etc/passwd", PASSWD), images.entry("etc/group", GROUP)]
    return images.image([images.layer(images.tar(*entries), "")], config={"Cmd": ["bash"]})


def merged(path: str) -> str:
    """A path of a package as a name in an image: below /usr, where the host has merged it."""
    top, _, rest = path.lstrip("/").partition("/")
    below = "usr/" if rest and top in ("bin", "sbin", "lib", "lib64") else ""
    return f"{below}{top}/{rest}".rstrip("/")


def member(name: str, path: str) -> tuple[tarfile.TarInfo, bytes]:
    """What is at a path, with its mode, as of root."""
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return images.link(name, os.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        return images.entry(f"{name}/", mode=0o755)
    return images.entry(name, Path(path).read_bytes(), mode=status.st_mode & 0o7777)


def is_program(path: str) -> bool:
    if os.path.islink(path) or not os.path.isfile(path) or not os.access(path, os.X_OK):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def libraries(programs: list[str]) -> set[str]:
    """What programs load: the names that they ask for, and the files behind these."""
    listed = subprocess.run(["ldd", *programs], capture_output=True, text=True).stdout
    found = set(re.findall(r"(/\S+) \(0x", listed))
    return found | {os.path.realpath(path) for path in found}


def find(program: str) -> str:
    """A program's path."""
    path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def content(name: str, path: str) -> tuple[tarfile.TarInfo, bytes]:
    """A file of this machine as a member of a tar."""
    return images.entry(name, Path(path).read_bytes(), mode=0o755)
