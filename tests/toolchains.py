"""Images of whole languages, made of Debian packages and all that they need: for `make corpus`.

They are large, so they are made once, where the network is still there, and kept in a directory;
tests do without those that are not there.
"""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from pathlib import Path

from bench import packages

import debian
import images

FOLDER = Path(__file__).parent.parent / ".try/corpus"
LANGUAGES = {
    "golang": ("golang-1.19-go", "golang-1.19-src"),
    "java": ("openjdk-17-jdk-headless",),
    "node": ("nodejs",),
    "ruby": ("ruby3.1", "rake"),
    "rust": ("rustc", "gcc", "libc6-dev"),
}
COMMANDS = {"usr/bin/cc": "gcc", "usr/bin/ruby": "ruby3.1"}
"""More of what the packages' scripts would link."""
MORE = ("bash", "coreutils", "dash", "findutils", "grep", "libc-bin", "mawk", "sed", "tar")
PATHS = "/usr/lib/go-1.19/bin:/usr/lib/jvm/java-17-openjdk-amd64/bin"


def make(names: list[str]) -> None:
    """Make the images of languages, unless they are there. Raises OSError, CalledProcessError."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names:
        if name in LANGUAGES and not path(name).exists():
            print(f"making an image of {name} in {FOLDER}, once", flush=True)
            _make(name)


def path(name: str) -> Path:
    """Where the layer of a language is, a tar."""
    return FOLDER / f"{name}.tar"


def load(name: str) -> images.BuiltImage:
    """The image of a language. Raises FileNotFoundError if it was not made."""
    layer = images.layer(path(name).read_bytes(), "")
    environment = [images.PATH.replace("/usr/local/sbin", f"{PATHS}:/usr/local/sbin")]
    return images.image([layer], config={"Cmd": ["bash"], "Env": environment})


def _make(name: str) -> None:
    with tempfile.TemporaryDirectory(dir=FOLDER) as directory:
        _download([*LANGUAGES[name], *MORE], directory)
        unfinished = Path(directory, "layer")
        with tarfile.open(unfinished, "w", format=tarfile.PAX_FORMAT) as archive:
            seen = packages.merge(sorted(Path(directory).glob("*.deb")), archive, renamed)
            for link, target in {**debian.LINKS, **COMMANDS}.items():
                if link not in seen and (f"usr/bin/{target}" in seen or target.startswith("usr")):
                    archive.addfile(images.link(link, target)[0])
            for room in ("dev", "proc", "root", "sys", "tmp"):
                if room not in seen:
                    archive.addfile(images.entry(f"{room}/")[0])
        unfinished.rename(path(name))


def renamed(name: str) -> str:
    """What a package's name is to be: the directories that are links are left out."""
    return "." if name in debian.LINKS else debian.merged(name)


def _download(names: list[str], directory: str) -> None:
    """Packages and all that they depend on: as for a machine that has none yet."""
    status = Path(directory, "status")
    status.touch()
    Path(directory, "partial").mkdir()
    options = ["-qq", "-y", "--download-only", "--no-install-recommends"]
    options += [f"-oDir::State::status={status}", f"-oDir::Cache::archives={directory}"]
    command = ["apt-get", "install", *options, *names]
    if subprocess.run(command, capture_output=True).returncode:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
