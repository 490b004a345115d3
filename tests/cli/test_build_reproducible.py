"""`--timestamp` and SOURCE_DATE_EPOCH: the same image on two machines, and at another time."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import images
from console import Cuddy
from cuddy.image.storage import Storage

EPOCH = 1_700_000_000
MADE = """\
FROM busybox AS make
RUN mkdir /out && for n in 1 2 3; do echo $n >/out/$n; done && ln /out/1 /out/one
FROM busybox
WORKDIR /srv/app
COPY --chown=1:2 src ./
COPY --from=make /out /out
ADD archive.tar /unpacked
RUN touch /new && rm -r /home && mkdir -p /home/a
ENV A=1
CMD ["true"]
"""


def context(directory: Path, *, mtime: int) -> Path:
    """The same files as anywhere, made in another order, with other times."""
    (directory / "src/d").mkdir(parents=True)
    names = ["src/a", "src/d/b", "src/c"]
    for name in names if mtime % 2 else names[::-1]:
        (directory / name).write_text(name)
    archive = images.tar(images.entry("x", b"in it", mtime=1_000_000_000))
    (directory / "archive.tar").write_bytes(archive)
    (directory / "Dockerfile").write_text(MADE)
    for path in [*directory.rglob("*"), directory]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (mtime, mtime))
    return directory


def built(cuddy: Cuddy, directory: Path, *words: str) -> dict[str, Any]:
    """What --metadata-file says of an image: digests of manifest and config."""
    told = directory.with_suffix(".json")
    cuddy.ok("build", "-q", "--metadata-file", str(told), *words, str(directory))
    found: dict[str, Any] = json.loads(told.read_text())
    return {key: found[key] for key in ("containerimage.digest", "containerimage.config.digest")}


def machine(home_in: Callable[[Path], Cuddy], directory: Path) -> Cuddy:
    directory.mkdir()
    cuddy = home_in(directory)
    images.install(Storage(str(cuddy.root)), images.busybox(), "busybox")
    return cuddy


def test_two_machines_make_the_same_image(home_in: Callable[[Path], Cuddy], tmp_path: Path) -> None:
    one = machine(home_in, tmp_path / "one")
    first = built(one, context(tmp_path / "c1", mtime=1_600_000_001), f"--timestamp={EPOCH}")
    time.sleep(1.1)
    two = machine(home_in, tmp_path / "two")
    checkout = context(tmp_path / "c2", mtime=EPOCH + 100_000)
    environment = two.environment | {"SOURCE_DATE_EPOCH": str(EPOCH)}
    told = tmp_path / "told.json"
    two.ok("build", "-q", "--metadata-file", told, checkout, env=environment)
    assert json.loads(told.read_text())["containerimage.digest"] == first["containerimage.digest"]


def test_the_same_again_without_the_cache(home_in: Callable[[Path], Cuddy], tmp_path: Path) -> None:
    cuddy = machine(home_in, tmp_path / "one")
    directory = context(tmp_path / "c", mtime=1_600_000_001)
    (directory / "plain").write_text("FROM busybox\nLABEL made=today\n")
    today = cuddy.ok("build", "-q", "-f", directory / "plain", directory)
    dated = cuddy.ok("build", "-q", "-f", directory / "plain", "--timestamp=7", directory)
    assert today != dated
    assert cuddy.inspect(dated)["Created"].startswith("1970-01-01T00:00:07")
    first = built(cuddy, directory, f"--timestamp={EPOCH}")
    time.sleep(1.1)
    assert built(cuddy, directory, f"--timestamp={EPOCH}", "--no-cache") == first


def test_no_time_in_a_layer_is_later(home_in: Callable[[Path], Cuddy], tmp_path: Path) -> None:
    cuddy = machine(home_in, tmp_path / "one")
    directory = context(tmp_path / "c", mtime=EPOCH + 5)
    out = tmp_path / "out"
    words = [f"--timestamp={EPOCH}", "-o", f"type=oci,dest={out},tar=false", str(directory)]
    cuddy.ok("build", "-q", *words)
    times = set()
    manifest = json.loads((out / "index.json").read_text())["manifests"][0]
    document = json.loads(blob(out, manifest["digest"]))
    for layer in document["layers"][1:]:
        with tarfile.open(fileobj=io.BytesIO(blob(out, layer["digest"]))) as archive:
            times |= {member.mtime for member in archive}
    assert max(times) <= EPOCH
    config = json.loads(blob(out, document["config"]["digest"]))
    assert config["created"].startswith("2023-11-14T22:13:20")


def blob(layout: Path, digest: str) -> bytes:
    return (layout / "blobs" / digest.replace(":", "/")).read_bytes()
