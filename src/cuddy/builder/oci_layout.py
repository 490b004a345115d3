"""An image of an OCI image layout on disk comes into the store (image-layout.md).

The layout's documents say which blobs belong to it; those alone become an archive without names,
which `load` then takes as it takes any. So the layout is trusted no more than an archive is, and
renames nothing in the store.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack

from cuddy import files
from cuddy.errors import CorruptContent, InvalidArgument, NoSuchImage, NotFound
from cuddy.image import digest as digests
from cuddy.image import index, packing, spec, spool
from cuddy.kernel import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.image.packing import Content
    from cuddy.image.settings import Settings
    from cuddy.image.spec import Descriptor
    from cuddy.image.storage import Storage

MAX_DOCUMENTS = 1000
DEFAULT_TAG = "latest"


def load(storage: Storage, where: str, settings: Settings, platform_name: str = "") -> str:
    """Bring the image that DIRECTORY[:TAG][@DIGEST] names; its id. Raises NotFound, NoSuchImage,
    InvalidArgument, CorruptContent, SystemFailure.
    """
    from cuddy.image import load as image_load

    directory, tag, digest = split(where)
    with ExitStack() as opened:
        try:
            root_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise NotFound(f"oci-layout://{where}: {reason}") from None
        opened.callback(os.close, root_fd)
        layout = _Layout(root_fd, where, opened)
        entry = layout.choose(tag, digest)
        layout.collect(entry)
        archive = spool.nameless(storage)
        opened.callback(os.close, archive)
        packing.write(archive, layout.members(entry))
        os.lseek(archive, 0, os.SEEK_SET)
        return image_load.load(storage, archive, platform_name=platform_name, settings=settings)[0]


def split(where: str) -> tuple[str, str, str]:
    """The directory, the tag and the digest of a layout's image. Raises InvalidArgument."""
    rest, at, digest = where.partition("@")
    if at and not digests.is_digest(digest):
        raise InvalidArgument(f"invalid oci-layout {where!r}: {digest!r} is no digest")
    directory, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        directory, tag = rest, ""
    return directory, tag, digest


class _Layout:
    """A layout on disk, and what was found of one image in it."""

    def __init__(self, root_fd: int, where: str, opened: ExitStack) -> None:
        self.root_fd = root_fd
        self.where = where
        self.opened = opened
        self.blobs: dict[str, Content] = {}

    def choose(self, tag: str, digest: str) -> Descriptor:
        """The entry of index.json that is meant. Raises NoSuchImage, CorruptContent."""
        data = self.read("index.json", spec.MAX_MANIFEST_BYTES)
        entries = spec.check_index(spec.parse_document(data, "index.json"), "index.json")
        listed = entries["manifests"]
        if digest:
            found = [each for each in listed if each["digest"] == digest]
        else:
            found = [each for each in listed if name(each) == (tag or DEFAULT_TAG)]
            if not found and not tag and len(listed) == 1:
                found = listed
        if not found:
            tags = ", ".join(sorted(filter(None, map(name, listed))))
            shown = ascii(tags[:200])[1:-1]
            raise NoSuchImage(f"oci-layout://{self.where}", hint=f"it has {shown or 'no tags'}")
        return spec.Descriptor(
            mediaType=found[0]["mediaType"], digest=found[0]["digest"], size=found[0]["size"]
        )

    def collect(self, entry: Descriptor) -> None:
        """Find all that belongs to an entry; an index may list what the layout does not have."""
        pending = [entry]
        seen: set[str] = set()
        while pending:
            each = pending.pop()
            if each["digest"] in seen:
                continue
            seen.add(each["digest"])
            if len(seen) > MAX_DOCUMENTS:
                raise CorruptContent(f"{self.where} has an image of too many parts")
            is_index = each["mediaType"] in spec.INDEX_TYPES
            if not is_index and each["mediaType"] not in spec.MANIFEST_TYPES:
                self.add(each)
                continue
            data = self.read(path(each["digest"]), spec.MAX_MANIFEST_BYTES)
            self.blobs[path(each["digest"])] = data
            document = spec.parse_document(data, "a document of the layout")
            pending += self.children(document, is_index)

    def children(self, document: dict[str, Any], is_index: bool) -> list[Descriptor]:
        """What a document leads to."""
        if is_index:
            listed = spec.check_index(document, "an index of the layout")["manifests"]
            return [each for each in listed if self.has(each)]
        manifest = spec.check_manifest(document, "a manifest of the layout")
        return [manifest["config"], *manifest["layers"]]

    def has(self, each: Descriptor) -> bool:
        try:
            os.close(resolve.open_in_root(self.root_fd, path(each["digest"]), os.O_PATH))
        except OSError:
            return False
        return True

    def add(self, each: Descriptor) -> None:
        """A blob of any size, which stays open until it is packed."""
        fd = self.open(path(each["digest"]))
        self.blobs[path(each["digest"])] = packing.FilePart(fd, os.fstat(fd).st_size)

    def open(self, name: str) -> int:
        """A file of the layout. Raises CorruptContent."""
        try:
            fd = resolve.open_file(self.root_fd, name)
        except OSError as error:
            reason = os.strerror(error.errno or 0).lower()
            raise CorruptContent(f"oci-layout://{self.where}: {name}: {reason}") from None
        if fd < 0:
            raise CorruptContent(f"oci-layout://{self.where}: {name} is not a file")
        self.opened.callback(os.close, fd)
        return fd

    def read(self, name: str, limit: int) -> bytes:
        fd = self.open(name)
        if os.fstat(fd).st_size > limit or not stat.S_ISREG(os.fstat(fd).st_mode):
            raise CorruptContent(f"oci-layout://{self.where}: {name} has too many bytes")
        return os.pread(fd, limit, 0)

    def members(self, entry: Descriptor) -> dict[str, Content]:
        """The archive: one image without a name, and what belongs to it."""
        from cuddy.image.storage import LAYOUT

        listed = {"schemaVersion": 2, "mediaType": spec.OCI_INDEX, "manifests": [entry]}
        heads: dict[str, Content] = {
            "oci-layout": files.format_json(LAYOUT).encode(),
            "index.json": files.format_json(listed).encode(),
        }
        return heads | self.blobs


def name(entry: Descriptor) -> str:
    """The tag that an entry of index.json bears."""
    own = index.annotation(entry, index.NAME)
    return own.rpartition(":")[2] if "/" in own else own


def path(digest: str) -> str:
    """Where a blob is in a layout. Raises CorruptContent for what is no digest."""
    return f"blobs/{digests.check(digest, 'a blob of the layout').replace(':', '/')}"
