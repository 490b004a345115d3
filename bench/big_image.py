"""The big image of the bench: real files of Debian packages, in layers such as real images have.

It is made once and kept in a directory, each layer as gzip and as zstd; only making it needs a
network. Over 250 MB unpacked, over 15,000 files, seven layers; the last is small and hides a file.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tempfile
from pathlib import Path

from bench import packages

import images

LAYERS = (
    "base-files bash coreutils dash findutils grep gzip libc-bin libc6 perl-base sed tar tzdata "
    "util-linux",
    "git locales perl-modules-5.36",
    "cmake-data libpython3.11-minimal libpython3.11-stdlib python3-pip python3-setuptools "
    "python3.11-minimal",
    "golang-1.19-src",
    "cpp-12 gcc-12 libgcc-12-dev libicu72",
    "linux-libc-dev manpages-dev vim-runtime",
)
KINDS = ("gzip", "zstd")


def make(directory: Path) -> None:
    """Make the layers in a directory, unless they are there. Raises OSError, CalledProcessError."""
    listed = directory / "layers.json"
    if listed.exists() and json.loads(listed.read_text())["layers"] == list(LAYERS):
        return
    directory.mkdir(parents=True, exist_ok=True)
    print(f"making the big image in {directory}, once", flush=True)
    diff_ids = [_make_layer(directory, number) for number in range(len(LAYERS))]
    last = images.tar(images.entry("etc/motd", b"hello\n"), images.entry("etc/.wh.issue", b""))
    diff_ids.append(_write(directory, len(LAYERS), last))
    listed.write_text(json.dumps({"layers": LAYERS, "diff_ids": diff_ids}))


def load(directory: Path, kind: str) -> images.BuiltImage:
    """The image with its layers compressed by gzip or zstd, once `make` was here."""
    diff_ids = json.loads((directory / "layers.json").read_text())["diff_ids"]
    layers = [
        images.Layer(
            (directory / f"{number}.{kind}").read_bytes(), f"{images.OCI_LAYER}+{kind}", diff_id
        )
        for number, diff_id in enumerate(diff_ids)
    ]
    return images.image(layers)


def _make_layer(directory: Path, number: int) -> str:
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory(dir=directory) as downloads:
        packages.download(LAYERS[number].split(), downloads)
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            packages.merge(sorted(Path(downloads).glob("*.deb")), archive)
    return _write(directory, number, buffer.getvalue())


def _write(directory: Path, number: int, data: bytes) -> str:
    """Keep a layer in every kind of compression; its diff_id."""
    (directory / f"{number}.gzip").write_bytes(gzip.compress(data, 6, mtime=0))
    (directory / f"{number}.zstd").write_bytes(images.compress_zstd(data))
    return images.digest_of(data)
