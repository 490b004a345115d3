"""The projects of tests/corpus: what they are built with, and what git cannot keep of them.

Each directory is a project as somebody might have it. `copy` lays one out with the modes that its
files are to have, and adds what its entry in PREPARED makes: fifos, holes, hard links, archives.
"""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import os
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import debian
import images
import toolchains

FOLDER = Path(__file__).parent / "corpus"
PYTHON = debian.python()
PACKAGES = (
    "bash", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip", "libc6", "libc6-dev",
    f"lib{PYTHON}-minimal", f"lib{PYTHON}-stdlib", "libtcl8.6", "linux-libc-dev", "lua5.4",
    "make", "mawk", "perl-base", f"{PYTHON}-minimal", "sed", "sqlite3", "tar", "tcc", "tcl8.6",
)  # fmt: skip
BASES = ("alpine", "busybox", "configured", "debian", "framework", *toolchains.LANGUAGES)


class Project(NamedTuple):
    """How a project is built, if not plainly. {root}: where it lies; {server}: `file_server.py`."""

    flags: tuple[str, ...] = ()
    context: str = "."
    unknown: str = ""  # words of the Dockerfile that no other builder at hand knows
    loose: tuple[str, ...] = ()  # files whose content depends on programs; `x/`: all below


SECRET = ("--secret", "id=token,src={root}/token.txt")
CONTEXTS = ("base=docker-image://busybox", "assets={root}/assets", "elsewhere={root}/elsewhere")
SPECIAL = {
    "add-archive-flags": Project(loose=("kept/packed.tar.gz",)),
    "add-git": Project(("--build-arg", "SERVER={server}"), loose=("with-history/.git/",)),
    "add-url": Project(("--build-arg", "SERVER={server}"), loose=("packed/packed.tar.gz",)),
    # shadow(5) has the day on which a password was set.
    "alpine-package": Project(loose=("etc/shadow",)),
    "arg-predefined": Project(
        ("--build-arg", "HTTP_PROXY=http://proxy.example", "--build-arg", "no_proxy=localhost")
    ),
    "arg-scopes": Project(("--build-arg", "GIVEN=given")),
    "build-info": Project(
        ("--build-arg", "VERSION=1.2.3", "--build-arg", "REVISION=abc", "--label", "by=hand")
    ),
    "c-hello": Project(loose=("hello", "lib*.so*")),
    "c-make": Project(loose=("usr/local/bin/counter",)),
    "command-line-dockerfile": Project(("-f", "{root}/Containerfile")),
    "directives": Project(unknown="# syntax=docker/dockerfile:1\n"),
    "flags-of-build": Project(
        ("-f", "{root}/docker/app.Dockerfile", "--label", "both=flag", "--label", "empty",
         "--add-host", "example.corpus:203.0.113.7", "--ulimit", "nofile=77:99", "--shm-size",
         "1m")
    ),
    "matrix": Project(("--build-arg", "FLAVOUR=large")),
    "monorepo": Project(("-f", "{root}/services/api/Dockerfile")),
    "named-contexts": Project(
        tuple(word for each in CONTEXTS for word in ("--build-context", each)), "main"
    ),
    "platforms": Project(("--platform", f"linux/{images.ARCHITECTURE}")),
    "run-secret": Project(SECRET),
    "run-security": Project(unknown="--security=sandbox "),
    "secrets-of-arguments": Project(("--build-arg", "TOKEN=12345")),
    "sqlite-seed": Project(loose=("usr/share/seed/seed.db",)),
    "test-stage": Project(("--target", "release")),
}  # fmt: skip
PLAIN = Project()
STANDS_ON = {"base": "busybox", "flavour-${FLAVOUR}": "busybox"}
"""What is behind names that a Dockerfile does not tell."""


def names() -> list[str]:
    """Every project."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def is_large(name: str) -> bool:
    """Whether a project needs a whole language: too much for every run of the tests."""
    return bool(toolchains.LANGUAGES.keys() & set(bases(name)))


def bases_of(names: list[str]) -> list[str]:
    """The images that some projects need and that can be made here."""
    return [each for each in sorted({base for name in names for base in bases(name)})
            if is_possible(each)]  # fmt: skip


def dockerfile(name: str) -> Path:
    """Where a project keeps what it is built by."""
    project = SPECIAL.get(name, PLAIN)
    if "-f" in project.flags:
        return FOLDER / name / project.flags[project.flags.index("-f") + 1][len("{root}/") :]
    return FOLDER / name / project.context / "Dockerfile"


def bases(name: str) -> list[str]:
    """The images that a project stands on or copies from."""
    text = dockerfile(name).read_text() + " ".join(SPECIAL.get(name, PLAIN).flags)
    words = set(re.findall(r"[\w.-]+", text.lower()))
    return [each for each in BASES if each in words]


def last_base(name: str) -> str:
    """The image that the last stage of a project stands on, by whatever way; "" for none."""
    stages: dict[str, str] = {}
    below = ""
    for line in dockerfile(name).read_text().splitlines():
        words = [word for word in line.split() if not word.startswith("--")]
        if words and words[0].lower() == "from":
            plain = STANDS_ON.get(words[1], words[1].partition(":")[0])
            below = stages.get(words[1].lower(), plain)
            stages[words[-1].lower()] = below
    return "" if below == "scratch" else below


def flags(name: str, root: Path, server: str) -> list[str]:
    """What a build of a project is told; its context comes last."""
    project = SPECIAL.get(name, PLAIN)
    words = [word.format(root=root, server=server) for word in project.flags]
    return [*words, os.path.normpath(root / project.context)]


def copy(name: str, target: Path, *, for_others: bool = False) -> Path:
    """A project as it is built, in a new directory; as other builders know to build it."""
    shutil.copytree(FOLDER / name, target, symlinks=True)
    for directory, _, files in os.walk(target):
        os.chmod(directory, 0o755)
        for file in files:
            path = Path(directory, file)
            if not path.is_symlink():
                path.chmod(0o644)
    if name in PREPARED:
        PREPARED[name](target)
    if for_others and name in SPECIAL and SPECIAL[name].unknown:
        path = target / dockerfile(name).relative_to(FOLDER / name)
        path.write_text(path.read_text().replace(SPECIAL[name].unknown, ""))
    return target


@functools.cache
def base(name: str) -> images.BuiltImage:
    """An image that projects stand on. Skips the test if this machine cannot make it."""
    if name == "debian":
        return images.with_history(debian.packages(*PACKAGES))
    if name in toolchains.LANGUAGES:
        if not toolchains.path(name).exists():
            pytest.skip(f"`make corpus` has not made an image of {name}")
        return images.with_history(toolchains.load(name))
    if name == "alpine":
        if not images.IS_ALPINE:
            pytest.skip("no real Alpine is at hand")
        return images.with_history(images.alpine())
    return images.with_history(images.busybox(), **CONFIGS.get(name, {}))


def is_possible(name: str) -> bool:
    """Whether this machine can make such an image."""
    try:
        base(name)
    except pytest.skip.Exception:
        return False
    return True


FRAMEWORK = {
    "WorkingDir": "/usr/src",
    "OnBuild": [
        "ARG STAMP=made", "COPY src ./", "RUN echo $STAMP > made", "ENV FROM_TRIGGER=yes",
        "LABEL trigger=fired",
    ],
}  # fmt: skip
CONFIGURED = {
    "User": "2:2", "ExposedPorts": {"80/tcp": {}}, "Env": [images.PATH, "MODE=parent", "KEPT=yes"],
    "Entrypoint": ["/bin/entry"], "Cmd": ["--serve"], "Volumes": {"/data": {}},
    "WorkingDir": "/srv/www", "Labels": {"tier": "parent", "kept": "yes"}, "StopSignal": "SIGUSR1",
    "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5_000_000_000},
    "Shell": ["/bin/sh", "-xc"],
}  # fmt: skip
CONFIGS = {"configured": CONFIGURED, "framework": FRAMEWORK}
"""Images with the files of busybox, of which other things are known."""


def prepare_byte_order_mark(root: Path) -> None:
    path = root / "Dockerfile"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    (root / "data.txt").write_bytes(b"keeps its line ends\r\n")


def prepare_large_environment(root: Path) -> None:
    lines = [f"ENV V{number:03}=${{V{number - 1:03}}}x" for number in range(1, 200)]
    instructions = ["FROM busybox", "ENV V000=y", *lines, f"ENV LONG={'long' * 2000}"]
    path = root / "Dockerfile"
    path.write_text(path.read_text().replace("FROM busybox", "\n".join(instructions)))


def prepare_many_layers(root: Path) -> None:
    (root / "file").write_text("file\n")
    with open(root / "Dockerfile", "a") as file:
        file.writelines(f"COPY file /files/{number}\n" for number in range(70))


def prepare_copy_directories(root: Path) -> None:
    (root / "empty").mkdir()
    (root / "tree/sub").chmod(0o711)
    (root / "tree/file").chmod(0o640)


def prepare_symlinked_directories(root: Path) -> None:
    (root / "links").mkdir()
    for name, target in (("to-file", "file"), ("to-dir", "dir"), ("links/up", "../file"),
                         ("links/away", "/etc/passwd"), ("links/nowhere", "gone")):  # fmt: skip
        (root / name).symlink_to(target)


def prepare_hard_links(root: Path) -> None:
    os.link(root / "tree/first", root / "tree/second")


def prepare_modes(root: Path) -> None:
    for mode in (0o4755, 0o2755, 0o1644, 0o600, 0o444):
        path = root / f"bits/{mode:04o}"
        path.write_text("bits\n")
        path.chmod(mode)
    (root / "bits/sticky").mkdir()
    (root / "bits/sticky").chmod(0o1777)
    (root / "bits/group").mkdir()
    (root / "bits/group").chmod(0o2770)


def prepare_sparse(root: Path) -> None:
    with open(root / "hole", "wb") as file:
        file.seek(2_000_000)
        file.write(b"end\n")


def prepare_deep_tree(root: Path) -> None:
    place = root / "/".join(f"level-{number}-of-the-context" for number in range(30))
    place.mkdir(parents=True)
    (place / "file").write_text("deep\n")
    (root / ("n" * 255)).write_text("long\n")
    (root / "link").symlink_to("/".join(["x" * 200] * 10))


def packed() -> bytes:
    """A compressed archive of all kinds of things."""
    return gzip.compress(images.tar(*archive_members()), mtime=0)


def archive_members() -> list[tuple[tarfile.TarInfo, bytes]]:
    owned = {"mode": 0o4755, "uid": 5, "gid": 6}
    return [
        images.entry("top/", mode=0o750, uid=3, gid=4),
        images.entry("top/file", b"in an archive\n", **owned),
        images.entry("implied/deep/file", b"its directories are not said\n"),
        images.link("top/link", "file"),
        images.entry("top/hard", type=tarfile.LNKTYPE, linkname="top/file", **owned),
        images.entry("top/fifo", type=tarfile.FIFOTYPE),
    ]


def prepare_archives(root: Path) -> None:
    plain = images.tar(*archive_members())
    (root / "plain.tar").write_bytes(plain)
    (root / "packed.tar.gz").write_bytes(packed())
    (root / "packed.tar.bz2").write_bytes(bz2.compress(plain))
    (root / "packed.tar.xz").write_bytes(lzma.compress(plain))
    (root / "text.gz").write_bytes(gzip.compress(b"only text\n", mtime=0))
    (root / "misnamed.tar.gz").write_bytes(b"no archive at all\n")


def prepare_modes_of_scripts(root: Path) -> None:
    for path in root.rglob("*.sh"):
        path.chmod(0o755)


PREPARED: dict[str, Callable[[Path], None]] = {
    "add-archive-flags": prepare_archives,
    "add-archives": prepare_archives,
    "byte-order-mark": prepare_byte_order_mark,
    "copy-chmod": prepare_modes_of_scripts,
    "copy-directories": prepare_copy_directories,
    "deep-tree": prepare_deep_tree,
    "hard-links": prepare_hard_links,
    "large-environment": prepare_large_environment,
    "many-layers": prepare_many_layers,
    "modes": prepare_modes,
    "sparse": prepare_sparse,
    "symlinked-directories": prepare_symlinked_directories,
}
