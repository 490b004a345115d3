"""The builders of other engines, which say what a Dockerfile means: asked by `record_builds.py`.

    classic     docker's first builder
    buildkit    docker's second one
    podman      podman's (buildah)

They are the machine's own, or those of another Debian in a directory, which is newer than this one
and knows what the machine's do not: `Debian` below.
"""

from __future__ import annotations

import io
import os
import resource
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench import engines

import flattened
import images
import isolation

PACKAGES = ("docker.io", "docker-cli", "docker-buildx", "podman", "buildah", "runc", "iptables",
            "nftables", "iproute2", "netavark", "ca-certificates", "git", "xz-utils",
            "bzip2")  # fmt: skip
VARIABLE = "CUDDY_TESTS_DEBIAN"
"""Where that other Debian is; the machine's own engines are asked without it."""
QUIET = {"DOCKER_CLI_HINTS": "false", "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"}
PODMAN = ("--format=docker", "--layers", "--pull=never")


class Refused(Exception):
    """A builder that cannot build it."""


class Builder(NamedTuple):
    """Another builder; `prefix`: the words its commands begin with."""

    name: str
    version: str
    prefix: tuple[str, ...]
    environment: dict[str, str]
    flags: tuple[str, ...] = ()

    def run(self, *words: str, data: bytes | None = None) -> str:
        """What a command prints. Raises Refused if it fails."""
        done = subprocess.run(
            [*self.prefix, *words], input=data, capture_output=True,
            env=os.environ | QUIET | self.environment, timeout=300,
        )  # fmt: skip
        if done.returncode:
            raise Refused(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode().strip()

    def build(self, name: str, flags: list[str], work: Path) -> flattened.Flat:
        """What a build makes, with a directory for its archive. Raises Refused."""
        name = f"built/{name}"
        self.run("build", *self.flags, "-t", name, *flags)
        archive = work / f"{self.name}.tar"
        self.run("save", "-o", str(archive), name)
        directory = work / self.name
        with tarfile.open(archive) as file:
            file.extractall(directory, filter="fully_trusted")
        archive.unlink()
        try:
            return flattened.of_archive(directory)
        finally:
            shutil.rmtree(directory)


class Debian:
    """Another Debian in a directory, entered by chroot; what the session has lies there too."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.prefix = ("chroot", str(root))
        bind = isolation.MS_BIND | isolation.MS_REC
        isolation.mount(str(root), str(root), "", bind)  # dockerd wants `/` to be a mount point
        isolation.mount("proc", f"{root}/proc", "proc")
        shared = isolation.directory()
        os.makedirs(f"{root}{shared}", exist_ok=True)
        for place in ("/sys", "/dev", shared):
            isolation.mount(place, f"{root}{place}", "", bind)


def docker_archive(built: images.BuiltImage, name: str) -> bytes:
    """An image in the form that every engine loads."""
    out = io.BytesIO()
    layers = [flattened.unpacked(built.blobs[each["digest"]]) for each in built.document["layers"]]
    files = {f"{images.digest_of(layer)[7:]}/layer.tar": layer for layer in layers}
    config = f"{built.id[7:]}.json"
    manifest = [{"Config": config, "RepoTags": [f"{name}:latest"], "Layers": list(files)}]
    files |= {config: built.blobs[built.id], "manifest.json": images.to_json(manifest)}
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@contextmanager
def running(directory: Path, wanted: tuple[str, ...]) -> Iterator[list[Builder]]:
    """The builders of these names that are installed, without an image."""
    root = os.environ.get(VARIABLE)
    enter = Debian(Path(root)).prefix if root else ()
    directory.mkdir()
    with ExitStack() as stack:
        found = []
        if "podman" in wanted and _has(root, "podman"):
            prefix = (*enter, *engines.make_podman(directory / "podman").prefix)
            found.append(_builder("podman", prefix, {}, (*PODMAN, *_limits())))
        if {"classic", "buildkit"} & set(wanted) and _has(root, "dockerd"):
            made = stack.enter_context(engines.docker(directory / "docker", enter=enter))
            for name, number in (("classic", "0"), ("buildkit", "1")):
                if name in wanted:
                    found.append(_builder(name, made.prefix, {"DOCKER_BUILDKIT": number}, ()))
        yield found


def _limits() -> Iterator[str]:
    """podman raises the limits of what it runs, which not every machine allows."""
    for name, kind in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            yield f"--ulimit={name}={hard}:{hard}"


def _has(root: str | None, program: str) -> bool:
    path = f"{root}/usr/bin:{root}/usr/sbin" if root else None
    return shutil.which(program, path=path) is not None


def _builder(
    name: str, prefix: tuple[str, ...], environment: dict[str, str], flags: tuple[str, ...]
) -> Builder:
    builder = Builder(name, "", prefix, environment, flags)
    form = "{{.Client.Version}}" if name == "podman" else "{{.Server.Version}}"
    program = "podman" if name == "podman" else "docker"
    return builder._replace(version=f"{program} {builder.run('version', '--format', form)}")
