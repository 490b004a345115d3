"""The images of a home.

Made of `library/images.py` by tests/make_aio.py.
"""

from __future__ import annotations

import builtins
import os

from cuddy.library import notebook
from cuddy.library.aio import talk
from cuddy.library.listing import Listing
from cuddy.library.requests import Request, expect
from cuddy.library.values import Pruned, progress
from cuddy.library.wishes import pairs, texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, Unpack

    from cuddy.builder.built import Built
    from cuddy.builder.report import Event
    from cuddy.library.build_wishes import BuildWishes
    from cuddy.library.link import Link
    from cuddy.library.values import Progress


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

    async def build(
        self, context: str | os.PathLike[str] = ".", *, stdin_fd: int = -1,
        on_event: Callable[[Event], object] | None = None, **settings: Unpack[BuildWishes],
    ) -> Built:  # fmt: skip
        """Build an image and return what it is. `context`: a directory, an archive, a URL; "-":
        what `stdin_fd` reads. `on_event`: hears what `cuddy.builder.report` lists, as it happens.

        Raises StepFailed if a step fails, InvalidArgument and others of CuddyError.
        """
        from cuddy.builder import report
        from cuddy.builder.built import Built
        from cuddy.library import build_wishes

        options = build_wishes.options(context, settings)
        request = Request("build", {"options": options, "directory": os.getcwd()})
        fds = [stdin_fd] if stdin_fd >= 0 else []

        def heard(fields: Any) -> None:
            if on_event:
                on_event(report.from_fields(fields))

        answer = await talk.ask(self._link, request, fds, heard)
        image_id, manifest, names = expect(answer.value, list)
        return Built(image_id, manifest, tuple(names))

    async def pull(
        self, name: str, *, platform: str = "",
        on_progress: Callable[[Progress], object] | None = None,
    ) -> Image:  # fmt: skip
        """Bring an image from its registry. `on_progress`: hears how far each layer is. Raises
        RegistryError, NoSuchImage and their kin.
        """
        request = Request("pull", {"name": name, "platform": platform})
        answer = await talk.ask(self._link, request, heard=progress(on_progress))
        return Image(self._link, answer.value)

    async def push(
        self, name: str, *, all_tags: bool = False, platform: str = "",
        on_progress: Callable[[Progress], object] | None = None,
    ) -> builtins.list[str]:  # fmt: skip
        """Bring an image to its registry; the digests of what is there now. `all_tags`: all that
        bear the repository's name. Raises RegistryError, Unauthorized, NoSuchImage.
        """
        arguments = {"name": name, "all_tags": all_tags, "platform": platform}
        answer = await talk.ask(self._link, Request("push", arguments), heard=progress(on_progress))
        return builtins.list(expect(answer.value, list))

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
