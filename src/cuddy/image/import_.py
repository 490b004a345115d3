"""Import: a tar of a root file system, compressed or not, becomes an image of one layer."""

from __future__ import annotations

from cuddy import files
from cuddy.errors import CorruptContent, NotFound, SystemFailure
from cuddy.image import addition, assembly, changes, compression, platform, store, unpack
from cuddy.image.digest import Digest
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.image.settings import Settings
    from cuddy.image.spec import ImageConfig
    from cuddy.image.storage import Storage
    from cuddy.image.store import Image


class Options(NamedTuple):
    """What the user says of the image to be. `changes`: instructions for its config."""

    name: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    platform: str = ""


def import_(
    storage: Storage, chunks: Iterator[bytes], options: Options, *, limit: int = 0
) -> Image:
    """Make an image of a tar. `limit`: the most bytes it may unpack to, 0 for what is believable.

    Raises InvalidArgument, InvalidReference, CorruptContent, SystemFailure.
    """
    name = assembly.check_name(options.name)
    config = build_config(options)
    try:
        with store.lease(storage):
            added = addition.add(storage, plain(chunks, limit), ())
            config["rootfs"]["diff_ids"] = [Digest(added.diff_id)]
            return assembly.assemble(storage, name, config, [added.blob], [added.size_bytes])
    except OSError as error:
        raise SystemFailure.from_os("cannot import the archive", error) from error


def build_config(options: Options) -> ImageConfig:
    """The config of an image that was imported, as Docker writes it, still without its layer."""
    wanted = platform.parse(options.platform)
    now = files.now()
    config: ImageConfig = {
        "created": now,
        "architecture": wanted.architecture,
        "os": wanted.os,
        "config": changes.apply({}, options.changes),
        "rootfs": {"type": "layers", "diff_ids": []},
        "history": [{"created": now, "comment": options.message or "Imported from -"}],
    }
    if wanted.variant:
        config["variant"] = wanted.variant
    return config


def plain(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """The tar, decompressed. Raises CorruptContent when there is none, or no end of it."""
    taken = length = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for chunk in chunks:
            taken += len(chunk)
            yield chunk

    for piece in compression.decompress(counted()):
        length += len(piece)
        most = unpack.limit_bytes(taken, limit)
        if length > most:
            raise unpack.too_large("the archive", most)
        yield piece
    if not length:
        raise CorruptContent("the archive is empty")


def download(url: str, settings: Settings) -> Iterator[bytes]:
    """What an http or https URL leads to, as it comes. Raises RegistryError, NotFound."""
    from cuddy.image import http

    client = http.Http(settings)
    try:
        response = client.request("GET", url, {})
        if response.status != 200:
            response.close()
            raise NotFound(f"{url}: the server answers {response.status}")
        yield from http.pieces(response, http.origin(url).host, settings.timeout_s)
    finally:
        client.close()
