"""The images of a home.

Made of `library/images.py` by tests/make_aio.py.
"""

from __future__ import annotations

import os

from cuddy.library import notebook
from cuddy.library.aio import talk
from cuddy.library.listing import Listing
from cuddy.library.requests import Request, expect
from cuddy.library.values import Pruned
from cuddy.library.wishes import pairs, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from cuddy.library.link import Link


class Image:
    """An image. `attrs` is what `docker image inspect` shows, as of when it was got."""

    def __init__(self, link: Link, attrs: object) -> None:
        self._link = link
        self.attrs: dict[str, Any] = expect(attrs, dict)
        self.id: str = expect(self.attrs.get("Id"), str)

    def __repr__(self) -> str:
        return f"<Image {' '.join(self.tags) or self.id[:19]}>"

    def _repr_html_(self) -> str:
        return notebook.table([self.row()])

    def row(self) -> notebook.Row:
        """Itself in a table."""
        return notebook.image_row(self.attrs)

    @property
    def tags(self) -> list[str]:
        """Its names: repository:tag."""
        return list(self.attrs["RepoTags"])

    @property
    def size(self) -> int:
        """Bytes that its layers take."""
        return int(self.attrs["Size"])

    async def tag(self, name: str) -> None:
        """Give it one more name, which another image may lose by that."""
        await talk.ask(self._link, Request("tag", {"name": self.id, "new_name": name}))

    async def remove(self, *, force: bool = False) -> None:
        """Away with it and all its names. Raises InUse."""
        await talk.ask(self._link, Request("remove_image", {"name": self.id, "force": force}))


class Images:
    """`engine.images`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def get(self, name: str) -> Image:
        """The image of that name or id. Raises NoSuchImage."""
        answer = await talk.ask(self._link, Request("inspect_image", {"name": name}))
        return Image(self._link, answer.value)

    async def list(
        self, *, filters: Mapping[str, str | Sequence[str]] | None = None
    ) -> Listing[Image]:
        """All of them, newest first. `filters`: as of `docker images --filter`."""
        answer = await talk.ask(self._link, Request("images", {"filters": pairs(filters)}))
        return Listing(Image(self._link, attrs) for attrs in answer.items)

    async def pull(self, name: str, *, platform: str = "") -> Image:
        """Bring an image from its registry. Raises RegistryError, NoSuchImage and their kin."""
        answer = await talk.ask(self._link, Request("pull", {"name": name, "platform": platform}))
        return Image(self._link, answer.value)

    async def remove(self, name: str, *, force: bool = False) -> None:
        """Take a name away, and with the last one the image. Raises NoSuchImage, InUse."""
        await talk.ask(self._link, Request("remove_image", {"name": name, "force": force}))

    async def load(self, source: str | os.PathLike[str]) -> Listing[Image]:
        """The images of an archive that `save` has written, Docker's or of the OCI's form."""
        with open(source, "rb") as file:
            answer = await talk.ask(self._link, Request("load", {}), [file.fileno()])
        return Listing(Image(self._link, attrs) for attrs in answer.items)

    async def save(self, names: str | Iterable[str], target: str | os.PathLike[str]) -> None:
        """Write images to an archive."""
        with open(target, "wb") as file:
            request = Request("save", {"names": list(texts(names))})
            await talk.ask(self._link, request, [file.fileno()])

    async def prune(self, *, unused: bool = False) -> Pruned:
        """Remove those without a name; `unused`: all that no container is of."""
        answer = await talk.ask(self._link, Request("prune_images", {"unused": unused}))
        return Pruned.of(expect(answer.value, dict))
