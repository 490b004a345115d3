"""What the real docker printed of some images, and the same images for cuddy.

tests/golden/images/images.json   the images: layers as {path: what}, the config's fields, names
tests/golden/images/*.txt         transcripts of docker's client: commands and what they printed

`tests/record.py` makes both. A transcript's lines:

    @ 1795687629.123456789         when the next command ran, since ages are told relative to it
    $ docker images -q             the command
    | f2a91732366c                 a line of its standard output
    ! Error response from daemon   a line of its standard error
    = 1                            its exit code, if that is not 0
"""

from __future__ import annotations

import io
import json
import os
import shlex
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import images
from child import in_child
from console import Result
from cuddy.image import store
from cuddy.image.storage import Storage

FOLDER = Path(__file__).parent / "golden/images"
DESCRIPTIONS = FOLDER / "images.json"


class Exchange(NamedTuple):
    """One command, without the word `docker`, and what came of it."""

    words: tuple[str, ...]
    moment_ns: int
    code: int
    out: str
    err: str


class Known(NamedTuple):
    """An image that docker was shown; `served` names it in a registry it was pulled from."""

    built: images.BuiltImage
    tars: tuple[bytes, ...]
    names: tuple[str, ...]
    served: str


def known() -> list[Known]:
    """The images, as they were when docker was asked."""
    return [build(each) for each in json.loads(DESCRIPTIONS.read_text())]


def build(described: dict[str, Any]) -> Known:
    """Bytes that are the same wherever they are made: the layers are not compressed."""
    tars = tuple(images.tar(*map(member, each.items())) for each in described["layers"])
    layers = [images.layer(tar, "") for tar in tars]
    document = {"os": "linux", **described["document"]}
    document["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
    config = images.to_json(document)
    manifest = {
        "schemaVersion": 2,
        "mediaType": images.OCI_MANIFEST,
        "config": images.descriptor(images.OCI_CONFIG, config),
        "layers": [images.descriptor(layer.media_type, layer.data) for layer in layers],
    }
    blobs = {images.digest_of(data): data for data in (config, *tars)}
    built = images.BuiltImage(images.to_json(manifest), images.OCI_MANIFEST, blobs)
    return Known(built, tars, tuple(described["names"]), described.get("served", ""))


def member(item: tuple[str, Any]) -> tuple[tarfile.TarInfo, bytes]:
    """An entry of a layer: a file of so many bytes, a directory, a link."""
    name, what = item
    if what is None:
        return images.entry(name)
    if isinstance(what, int):
        return images.entry(name, b"x" * what)
    if "text" in what:
        return images.entry(name, what["text"].encode())
    return images.link(name, what["target"], hard=what["hard"])


def docker_archive(image: Known) -> bytes:
    """The image in the form that `docker load` takes."""
    out = io.BytesIO()
    config = f"{image.built.id[7:]}.json"
    layers = [f"{images.digest_of(tar)[7:]}/layer.tar" for tar in image.tars]
    manifest = [{"Config": config, "RepoTags": image.names, "Layers": layers}]
    with tarfile.open(fileobj=out, mode="w") as archive:
        files = {config: image.built.blobs[image.built.id], **dict(zip(layers, image.tars))}
        for name, data in (files | {"manifest.json": images.to_json(manifest)}).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def install(storage: Storage, image: Known) -> None:
    """Bring the image into a store in the way docker got it: pulled, or loaded."""
    images.install(storage, image.built, image.served, is_pulled=bool(image.served))
    for name in image.names:
        store.tag(storage, image.built.id, name)


def read(name: str, folder: Path = FOLDER) -> list[Exchange]:
    """A transcript."""
    # A line of output may hold any character but a newline, a form feed for example.
    return list(_parse((folder / f"{name}.txt").read_text().split("\n")))


def _parse(lines: Iterable[str]) -> Iterator[Exchange]:
    moment, words, code, texts = 0, (), 0, {"|": "", "!": ""}
    for line in [*lines, "@ 0."]:
        sign, rest = line[:1], line[2:]
        if sign == "@":
            if words:
                yield Exchange(words, moment, code, texts["|"], texts["!"])
            whole, _, fraction = rest.partition(".")
            moment, words, code = int(whole + fraction.ljust(9, "0")), (), 0
            texts = {"|": "", "!": ""}
        elif sign == "$":
            words = tuple(shlex.split(rest)[1:])
        elif sign == "=":
            code = int(rest)
        elif sign in texts:
            texts[sign] += rest + "\n"


def write(name: str, exchanges: Iterable[Exchange], heading: str, folder: Path = FOLDER) -> None:
    """Keep a transcript."""
    lines = [f"# {heading}", ""]
    for each in exchanges:
        seconds, nanoseconds = divmod(each.moment_ns, 10**9)
        lines += [f"@ {seconds}.{nanoseconds:09}", f"$ {shlex.join(('docker', *each.words))}"]
        for sign, text in (("|", each.out), ("!", each.err)):
            assert not text or text.endswith("\n"), f"{each.words}: no end of line"
            lines += [f"{sign} {line}" for line in text.split("\n")[:-1]]
        lines += [f"= {each.code}"] if each.code else []
        lines.append("")
    (folder / f"{name}.txt").write_text("\n".join(lines))


def ask(root: Path, words: tuple[str, ...], moment_ns: int) -> Result:
    """What cuddy prints at that moment in UTC: the program itself, in a child with that clock."""
    flags = ["--root", str(root / "root"), "--runroot", str(root / "run")]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:

        def work() -> int:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.stdout = os.fdopen(1, "w", closefd=False)
            os.environ["TZ"] = "UTC"
            time.tzset()
            time.time_ns = lambda: moment_ns
            from cuddy.cli import main

            code = main.main([*flags, *words])
            sys.stdout.flush()
            return code

        code = in_child(work)
        return Result(code, *(_whole(stream) for stream in (out, err)))


def _whole(stream: Any) -> bytes:
    stream.seek(0)
    return stream.read()  # type: ignore[no-any-return]
