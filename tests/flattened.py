"""What an image comes to: the tree that its layers make, and its config, as plain documents.

Layers are applied in memory, straight from an OCI layout or a docker-archive, by rules written down
here once more: this is a judge of what builders make, so it shares nothing with them. Times are
left out.

A node is shown as one line: kind, mode, owner, then size and content, target, or device number,
then extended attributes; the names of a file with several follow a `=`, the first of them.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

Tree = dict[str, str]
"""Path, without a slash before it, -> the line of what is there."""

KINDS = {
    tarfile.REGTYPE: "f", tarfile.AREGTYPE: "f", tarfile.CONTTYPE: "f", tarfile.DIRTYPE: "d",
    tarfile.SYMTYPE: "l", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b", tarfile.FIFOTYPE: "p",
    tarfile.GNUTYPE_SPARSE: "f",
}  # fmt: skip
XATTR = "SCHILY.xattr."
HIDDEN, OPAQUE = ".wh.", ".wh..wh..opq"
CONFIG = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels",
          "StopSignal", "Healthcheck", "Shell", "OnBuild")  # fmt: skip
SIGNATURE = "io.buildah.version"
"""A label by which podman signs its work."""


class Flat(NamedTuple):
    """An image as it is compared."""

    tree: Tree
    config: dict[str, Any]


class Node:
    """Something with one or several names: those that share it are hard links."""

    def __init__(self, line: str) -> None:
        self.line = line


Nodes = dict[str, Node]
_known: dict[tuple[str, ...], Nodes] = {}
"""diff_ids -> what they make; bases are asked for often. None of it is changed."""


def of_layout(layout: Path, manifest_digest: str) -> Flat:
    """An image of an OCI layout."""
    manifest = json.loads(_blob(layout, manifest_digest).read_bytes())
    blobs = [_blob(layout, each["digest"]) for each in manifest["layers"]]
    return _flat(_blob(layout, manifest["config"]["digest"]), blobs)


def of_archive(directory: Path) -> Flat:
    """The one image of an unpacked docker-archive, as `docker save` writes it."""
    (manifest,) = json.loads((directory / "manifest.json").read_text())
    return _flat(directory / manifest["Config"], [directory / each for each in manifest["Layers"]])


def _flat(config: Path, layers: list[Path]) -> Flat:
    document = json.loads(config.read_bytes())
    diff_ids = tuple(document["rootfs"].get("diff_ids") or ())
    assert len(diff_ids) == len(layers), "not as many layers as the config says"
    return Flat(show(_nodes(layers, diff_ids)), config_of(document))


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def config_of(document: dict[str, Any]) -> dict[str, Any]:
    """What counts of a config: no times, no empty fields, nothing only one builder writes."""
    found = {key: document[key] for key in ("author", "architecture", "os") if document.get(key)}
    section = document.get("config") or {}
    if SIGNATURE in (section.get("Labels") or {}):
        section["Labels"].pop(SIGNATURE)
    return found | {key: section[key] for key in CONFIG if section.get(key)}


def _nodes(layers: list[Path], diff_ids: tuple[str, ...]) -> Nodes:
    """What layers make, the lowest first."""
    if not diff_ids:
        return {}
    if diff_ids not in _known:
        below = dict(_nodes(layers[:-1], diff_ids[:-1]))
        data = unpacked(layers[-1].read_bytes())
        assert "sha256:" + hashlib.sha256(data).hexdigest() == diff_ids[-1], "not that layer"
        apply(below, data)
        _known[diff_ids] = below
    return _known[diff_ids]


def apply(nodes: Nodes, layer: bytes) -> None:
    """Lay a layer, a tar, over what is there."""
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        members = [(_clean(member.name), member, _digest(archive, member)) for member in archive]
    for name, _, _ in members:
        directory, _, last = name.rpartition("/")
        if last == OPAQUE:
            _remove_below(nodes, directory)
        elif last.startswith(HIDDEN):
            _remove(nodes, f"{directory}/{last[len(HIDDEN) :]}".lstrip("/"))
    for name, member, digest in members:
        if not name.rpartition("/")[2].startswith(HIDDEN):
            _add(nodes, name, member, digest)


def unpacked(data: bytes) -> bytes:
    for magic, unpack in ((b"\x1f\x8b", gzip), (b"BZh", bz2), (b"\xfd7zXZ", lzma)):
        if data.startswith(magic):
            return unpack.decompress(data)  # type: ignore[attr-defined,no-any-return]
    return data


def _clean(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _digest(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    if KINDS.get(member.type) != "f":
        return ""
    file = archive.extractfile(member)
    assert file
    return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _add(nodes: Nodes, name: str, member: tarfile.TarInfo, digest: str) -> None:
    node = nodes[_clean(member.linkname)] if member.islnk() else Node(_line(member, digest))
    if not (member.isdir() and name in nodes and nodes[name].line.startswith("d")):
        _remove(nodes, name)
    nodes[name] = node


def _line(member: tarfile.TarInfo, digest: str) -> str:
    kind = KINDS[member.type]
    mode = "" if kind == "l" else f"{member.mode & 0o7777:04o} "
    words = [f"{kind} {mode}{member.uid}:{member.gid}"]
    if kind == "f":
        words.append(f"{member.size} {digest}")
    elif kind == "l":
        words.append(f"-> {member.linkname}")
    elif kind in "cb":
        words.append(f"{member.devmajor},{member.devminor}")
    attributes = {
        key.removeprefix(XATTR): value.encode("utf-8", "surrogateescape").hex()
        for key, value in member.pax_headers.items()
        if key.startswith(XATTR)
    }
    return " ".join([*words, *(f"{key}:{value}" for key, value in sorted(attributes.items()))])


def _remove_below(nodes: Nodes, name: str) -> None:
    start = f"{name}/" if name else ""
    for other in [each for each in nodes if each.startswith(start)]:
        del nodes[other]


def _remove(nodes: Nodes, name: str) -> None:
    gone = nodes.pop(name, None)
    if gone and gone.line.startswith("d"):
        _remove_below(nodes, name)


def show(nodes: Nodes) -> Tree:
    """The lines of a tree. The root itself is left out: not every builder says it."""
    first: dict[int, str] = {}
    found = {}
    for name, node in sorted(nodes.items()):
        if name:
            other = first.setdefault(id(node), name)
            found[name] = node.line + (f" = {other}" if other != name else "")
    return found


def changes(base: Tree, tree: Tree) -> dict[str, str | None]:
    """What is different from a base; None: it is gone."""
    found: dict[str, str | None] = {
        name: line for name, line in tree.items() if base.get(name) != line
    }
    return found | dict.fromkeys(base.keys() - tree.keys())


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Where two documents differ, a line each: `- ` what was wanted, `+ ` what there is."""
    lines = []
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key) != found.get(key):
            lines += [f"- {key}: {_text(wanted[key])}"] if key in wanted else []
            lines += [f"+ {key}: {_text(found[key])}"] if key in found else []
    return lines


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def merged(layers: Iterable[bytes]) -> Tree:
    """The tree of some layers."""
    nodes: Nodes = {}
    for layer in layers:
        apply(nodes, unpacked(layer))
    return show(nodes)
