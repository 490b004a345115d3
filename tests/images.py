"""Images made from bytes, and the real ones where they are at hand.

`alpine()` is always a usable image: Alpine 3.15 where ../shared/images holds its root file system,
otherwise one made of Debian's busybox-static; `IS_ALPINE` says which.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.client
import io
import json
import os
import platform
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cuddy import files
from cuddy.image import blobs, compression, inheritance, reference, snapshots, store
from cuddy.image import digest as digests
from cuddy.image import layer as layers
from cuddy.image import storage as storages
from cuddy.image.storage import Storage

SHARED = Path(__file__).parents[2] / "shared/images"
MINIROOTFS = {
    "3.15": SHARED / "alpine-minirootfs-3.15.11-x86_64.tar.gz",
    "3.20": SHARED / "alpine-minirootfs-3.20.3-x86_64.tar.gz",
}
MULTIARCH = SHARED / "busybox-musl-multiarch-oci"
BUSYBOX = Path("/bin/busybox")
IS_ALPINE = MINIROOTFS["3.15"].exists() and platform.machine() == "x86_64"

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def descriptor(media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


def to_json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


class Layer(NamedTuple):
    """A layer's blob, its media type, and the digest of the tar in it."""

    data: bytes
    media_type: str
    diff_id: str


class BuiltImage(NamedTuple):
    """A manifest (or index) and every blob it needs."""

    manifest: bytes
    media_type: str
    blobs: dict[str, bytes]
    children: tuple[BuiltImage, ...] = ()

    @property
    def digest(self) -> str:
        return digest_of(self.manifest)

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.manifest)  # type: ignore[no-any-return]

    @property
    def id(self) -> str:
        return self.document["config"]["digest"]  # type: ignore[no-any-return]


def entry(name: str, data: bytes | None = None, **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar: `entry("etc/motd", b"hi")`, `entry("bin", type=tarfile.DIRTYPE)`."""
    info = tarfile.TarInfo(name)
    info.type = tarfile.REGTYPE if data is not None else tarfile.DIRTYPE
    info.mode = 0o644 if data is not None else 0o755
    for key, value in fields.items():
        setattr(info, key, value)
    info.size = len(data or b"")
    return info, data or b""


def link(name: str, target: str, *, hard: bool = False) -> tuple[tarfile.TarInfo, bytes]:
    kind = tarfile.LNKTYPE if hard else tarfile.SYMTYPE
    return entry(name, type=kind, linkname=target, mode=0o777)


def tar(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar of these members, names as given, end mark included."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def layer(archive: bytes, compression: str = "gzip", *, docker: bool = False) -> Layer:
    """A tar as a layer: compression is "", "gzip" or "zstd"."""
    if compression == "gzip":
        data = gzip.compress(archive, 6, mtime=0)
    elif compression == "zstd":
        data = compress_zstd(archive)
    else:
        data = archive
    ending = compression and ("." if docker else "+") + compression
    media_type = (DOCKER_LAYER if docker else OCI_LAYER) + ending
    return Layer(data, media_type, digest_of(archive))


def compress_zstd(data: bytes) -> bytes:
    try:
        from compression import zstd
    except ImportError:
        from backports import zstd
    return zstd.compress(data)  # type: ignore[no-any-return]


def image(
    layers: Sequence[Layer],
    *,
    config: dict[str, Any] | None = None,
    architecture: str = ARCHITECTURE,
    variant: str = "",
    docker: bool = False,
    **fields: Any,
) -> BuiltImage:
    """An image of these layers. `config`: what to run; `fields`: more of the config document."""
    document = {
        "created": "2024-01-02T03:04:05Z",
        "architecture": architecture,
        "os": "linux",
        **({"variant": variant} if variant else {}),
        "config": {"Env": [PATH], "Cmd": ["/bin/sh"], **(config or {})},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        **fields,
    }
    config_blob = to_json(document)
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(DOCKER_CONFIG if docker else OCI_CONFIG, config_blob),
        "layers": [descriptor(layer.media_type, layer.data) for layer in layers],
    }
    blobs = {digest_of(layer.data): layer.data for layer in layers}
    return BuiltImage(to_json(manifest), media_type, {digest_of(config_blob): config_blob, **blobs})


def with_history(built: BuiltImage, **config: Any) -> BuiltImage:
    """The image with a history, which podman wants of what it builds on; with another config."""
    document = json.loads(built.blobs[built.id])
    layers = [
        Layer(built.blobs[found["digest"]], found["mediaType"], diff_id)
        for found, diff_id in zip(built.document["layers"], document["rootfs"]["diff_ids"])
    ]
    return image(
        layers,
        config=config or document["config"],
        docker=built.media_type == DOCKER_MANIFEST,
        history=[{"created": document["created"], "created_by": "files"} for _ in layers],
    )


def index(children: Iterable[tuple[str, BuiltImage]], *, docker: bool = False) -> BuiltImage:
    """An index of images by platform: `index([("linux/arm64", image), ...])`."""
    children = list(children)
    entries = []
    for name, child in children:
        os_name, architecture, *variant = name.split("/")
        where = {"os": os_name, "architecture": architecture}
        where |= {"variant": variant[0]} if variant else {}
        entries.append(descriptor(child.media_type, child.manifest, platform=where))
    media_type = DOCKER_LIST if docker else OCI_INDEX
    document = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
    return BuiltImage(to_json(document), media_type, {}, tuple(child for _, child in children))


@functools.cache
def alpine(version: str = "3.15") -> BuiltImage:
    """Alpine where its root file system is at hand, otherwise the same made of busybox."""
    if not IS_ALPINE:
        return busybox(f"busybox {version}")
    data = MINIROOTFS[version].read_bytes()
    diff_id = digest_of(gzip.decompress(data))
    return image([Layer(data, DOCKER_LAYER + ".gzip", diff_id)], docker=True)


@functools.cache
def busybox(label: str = "busybox") -> BuiltImage:
    """An image made of Debian's busybox-static: every applet, the usual directories and users."""
    applets = subprocess.run(
        [BUSYBOX, "--list"], check=True, capture_output=True, text=True
    ).stdout.split()
    members = [entry(f"{name}/") for name in DIRECTORIES]
    members += [entry("root/", mode=0o700), entry("tmp/", mode=0o1777)]
    members += [
        entry("bin/busybox", BUSYBOX.resolve().read_bytes(), mode=0o755),
        entry("etc/passwd", PASSWD.encode()),
        entry("etc/group", GROUP.encode()),
        entry("etc/apk/arch", b"x86_64\n"),
        entry("etc/apk/world", b"busybox\n"),
        entry("etc/motd", b"Welcome!\n"),
        entry("etc/shadow", b"root:*::0:::::\n", mode=0o640),
        entry("etc/os-release", f'NAME="Busybox"\nID=busybox\nPRETTY_NAME="{label}"\n'.encode()),
    ]
    members += [link(f"bin/{applet}", "/bin/busybox") for applet in applets if applet != "busybox"]
    return image([layer(tar(*members), docker=True)], docker=True)


DIRECTORIES = (
    "bin", "dev", "etc", "etc/apk", "home", "lib", "media", "mnt", "opt", "proc", "run", "sbin",
    "srv", "sys", "usr", "usr/bin", "usr/local", "usr/sbin", "var",
)  # fmt: skip
PASSWD = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:2:2:daemon:/sbin:/bin/false
guest:x:405:100:guest:/dev/null:/bin/false
nobody:x:65534:65534:nobody:/:/bin/false
"""
GROUP = """\
root:x:0:root
daemon:x:2:root,daemon
tty:x:5:
audio:x:18:
users:x:100:games
nogroup:x:65534:
"""


@functools.cache
def multiarch() -> BuiltImage:
    """busybox for several platforms: the real one at hand, or this machine's and a stand-in."""
    if not MULTIARCH.exists():
        other = "arm64" if ARCHITECTURE == "amd64" else "amd64"
        stand_in = image([layer(tar(entry("etc/other", other.encode())))], architecture=other)
        return index([(f"linux/{ARCHITECTURE}", busybox()), (f"linux/{other}", stand_in)])
    layout = json.loads((MULTIARCH / "index.json").read_text())
    return _from_layout(layout["manifests"][0])


def _from_layout(found: dict[str, Any]) -> BuiltImage:
    data = _layout_blob(found)
    document = json.loads(data)
    if "manifests" in document:
        children = tuple(_from_layout(child) for child in document["manifests"])
        return BuiltImage(data, found["mediaType"], {}, children)
    needed = [document["config"], *document["layers"]]
    blobs = {each["digest"]: _layout_blob(each) for each in needed}
    return BuiltImage(data, found["mediaType"], blobs)


def _layout_blob(found: dict[str, Any]) -> bytes:
    return (MULTIARCH / "blobs" / found["digest"].replace(":", "/")).read_bytes()


def push(
    host: str, built: BuiltImage, repository: str, tag: str, *, authorization: str = ""
) -> None:
    """Upload an image to a plain HTTP registry at `host` ("127.0.0.1:5000")."""
    headers = {"Authorization": authorization} if authorization else {}
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        for child in built.children:
            _push_blobs(connection, child, repository, headers)
            _push_manifest(connection, child, repository, child.digest, headers)
        _push_blobs(connection, built, repository, headers)
        _push_manifest(connection, built, repository, tag, headers)
    finally:
        connection.close()


def _push_blobs(
    connection: http.client.HTTPConnection, built: BuiltImage, repository: str, headers: Any
) -> None:
    for digest, data in built.blobs.items():
        if _call(connection, "HEAD", f"/v2/{repository}/blobs/{digest}", headers, (200, 404)):
            continue
        location = _call(connection, "POST", f"/v2/{repository}/blobs/uploads/", headers, (202,))
        path = location.partition("://")[2].partition("/")[2] or location.lstrip("/")
        binary = {**headers, "Content-Type": "application/octet-stream"}
        sign = "&" if "?" in path else "?"
        _call(connection, "PUT", f"/{path}{sign}digest={digest}", binary, (201,), data)


def _push_manifest(
    connection: http.client.HTTPConnection, built: BuiltImage, repository: str, name: str,
    headers: Any,
) -> None:  # fmt: skip
    typed = {**headers, "Content-Type": built.media_type}
    _call(connection, "PUT", f"/v2/{repository}/manifests/{name}", typed, (201,), built.manifest)


def _call(
    connection: http.client.HTTPConnection, method: str, path: str, headers: Any,
    expected: tuple[int, ...], body: bytes | None = None,
) -> str:  # fmt: skip
    """Make a request; the answer's Location, or "yes" if it was 200, or ""."""
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status in expected, (method, path, answer.status, text[:500])
    return answer.headers.get("Location", "") or ("yes" if answer.status == 200 else "")


def install(
    storage: Storage, built: BuiltImage, name: str, *, is_pulled: bool = True
) -> store.Image:
    """Put an image into a store without a registry, under the reference `name`, "" for none.

    It counts as pulled from there, or as loaded from an archive.
    """
    storages.create(storage)
    full = reference.parse(name or "nameless")
    for data in built.blobs.values():
        blobs.write(storage, data)
    config = json.loads(built.blobs[built.id])
    chain = digests.chain_ids(config["rootfs"]["diff_ids"])
    sizes = []
    for number, (chain_id, found) in enumerate(zip(chain, built.document["layers"])):
        directory = f"{storage.tmp_dir}/{files.name_temporary()}"
        os.mkdir(directory, 0o700)
        data = built.blobs[found["digest"]]
        size, unfinished = layers.apply(compression.decompress(iter([data])), directory)
        below = snapshots.lower_dirs(storage, chain[:number]) if number else []
        inheritance.finish(directory, unfinished, below)
        snapshots.commit(storage, directory, chain_id)
        sizes.append(size)
    origin = store.Origin(full.name if is_pulled else "", (built.manifest,))
    shown = f"{full.name}@{full.digest}" if full.digest else str(full)
    return store.put(storage, shown if name else "", origin, sizes)
