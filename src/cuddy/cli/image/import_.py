"""`cuddy import`: an image of a root file system's archive."""

from __future__ import annotations

import os

from cuddy.cli.flags import LIST, STRING, Args, Command, Flag
from cuddy.engine import registries
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.home import Home


def import_(home: Home, args: Args) -> int:
    from cuddy.engine import import_ as engine_import
    from cuddy.image import import_

    source, *name = args.names
    is_remote = source.startswith(("http://", "https://"))
    options = import_.Options(
        name=name[0] if name else "",
        message=args.message or f"Imported from {source if is_remote else '-'}",
        changes=tuple(args.change),
        platform=args.platform,
    )
    settings = registries.settings(os.environ)
    chunks = import_.download(source, settings) if is_remote else read(source)
    image = engine_import.import_(home, chunks, options, limit=settings.max_layer_bytes)
    print(image.id)
    return 0


def read(source: str) -> Iterator[bytes]:
    """A file, or standard input."""
    from cuddy.image import blobs

    if source == "-":
        yield from blobs.read_chunks(0)
        return
    try:
        fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise InvalidArgument(f"cannot open {source}: {reason}") from None
    try:
        yield from blobs.read_chunks(fd)
    finally:
        os.close(fd)


COMMAND = Command(
    summary="Import the contents from a tarball to create a filesystem image",
    arguments="file|URL|- [REPOSITORY[:TAG]]",
    flags=(
        Flag("change", "c", LIST, "Apply Dockerfile instruction to the created image"),
        Flag("message", "m", STRING, "Set commit message for imported image"),
        Flag("platform", "", STRING, "Set platform if server is multi-platform capable"),
    ),
    least=1,
    most=2,
    action=import_,
)
