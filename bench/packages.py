"""Debian packages as what images are made of: fetched by apt-get, their files put into one tar."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path


def download(packages: list[str], directory: str) -> None:
    """The packages as files; a machine whose lists are missing or too old gets new ones."""
    command = ["apt-get", "download", "-qq", *packages]
    if subprocess.run(command, cwd=directory, stderr=subprocess.DEVNULL).returncode:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(command, cwd=directory, check=True)


def merge(
    packages: list[Path], archive: tarfile.TarFile, rename: Callable[[str], str] = str
) -> set[str]:
    """The files of several packages in one archive; directories that they share only once.

    `rename`: what a name of a package is to be. Returns the names.
    """
    seen = {"."}
    for package in packages:
        for member, content in _members(package):
            member.name = rename(member.name)
            member.linkname = rename(member.linkname) if member.islnk() else member.linkname
            if member.name not in seen:
                seen.add(member.name)
                archive.addfile(member, content)
    return seen


def _members(package: Path) -> Iterator[tuple[tarfile.TarInfo, io.BufferedReader | None]]:
    unpacking = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
    assert unpacking.stdout
    with unpacking, tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            member.name = member.name.removeprefix("./")
            member.linkname = (
                member.linkname.removeprefix("./") if member.islnk() else member.linkname
            )
            yield member, content  # type: ignore[misc]
