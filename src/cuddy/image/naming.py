"""Which names still mean the images they once stood for, and what was made upon what.

A container remembers the name its image was asked for by. That name may be given to another image,
or taken away.
"""

from __future__ import annotations

from cuddy.errors import InvalidReference
from cuddy.image import index, reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.image.storage import Storage


def stale(storage: Storage, pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the pairs of a name and an image's id that hold no more. Raises CorruptContent."""
    names: dict[str, set[str]] = {}
    for entry in index.load(storage):
        known = names.setdefault(index.image_id(storage, entry), set())
        known |= {index.name(entry), index.annotation(entry, index.SOURCE)}
    return {(name, image) for name, image in pairs if not _means(name, image, names.get(image))}


def _means(name: str, image: str, names: set[str] | None) -> bool:
    if image.removeprefix("sha256:").startswith(name.removeprefix("sha256:")):
        return True  # it was asked for by its id
    if not names:
        return False
    try:
        wanted = reference.parse(name)
    except InvalidReference:
        return False
    source = f"{wanted.name}@{wanted.digest}"
    return name in names or (source if wanted.digest else str(wanted)) in names


def parents(storage: Storage) -> dict[str, str]:
    """Image -> the image that it was committed upon, by id. Raises CorruptContent."""
    entries = index.load(storage)
    found = ((index.image_id(storage, e), index.annotation(e, index.PARENT)) for e in entries)
    return {image: parent for image, parent in found if parent}
