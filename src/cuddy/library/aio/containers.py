"""The containers of a home: made, found, listed, cleared away.

Made of `library/containers.py` by tests/make_aio.py.
"""

from __future__ import annotations

from cuddy.library import wishes
from cuddy.library.aio import talk
from cuddy.library.aio.container import Container
from cuddy.library.listing import Listing
from cuddy.library.requests import Request, expect
from cuddy.library.values import Pruned
from cuddy.library.wishes import pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from cuddy.library.link import Link
    from cuddy.library.wishes import Wishes


class Containers:
    """`engine.containers`."""

    def __init__(self, link: Link, usual: Wishes) -> None:
        self._link = link
        self._usual = usual

    async def create(
        self, image: str, command: str | Sequence[str] = (), **settings: Unpack[Wishes]
    ) -> Container:
        """Make a container of an image, which is pulled if it is not here. Nothing runs yet.

        Arguments and errors as of `cuddy.run`.
        """
        fields = wishes.fields(image, command, wishes.over(self._usual, settings))
        answer = await talk.ask(self._link, Request("create", {"options": fields}))
        return Container(self._link, answer.value)

    async def run(
        self, image: str, command: str | Sequence[str] = (), **settings: Unpack[Wishes]
    ) -> Container:
        """Make a container and start it; its program has begun when this returns.

        It goes on until it ends or somebody ends it, and stays until it is removed, for example
        by `async with`.
        """
        fields = wishes.fields(image, command, wishes.over(self._usual, settings))
        answer = await talk.ask(self._link, Request("launch", {"options": fields}))
        return Container(self._link, answer.value)

    async def get(self, name: str) -> Container:
        """The container of that name, id or beginning of an id. Raises NoSuchContainer."""
        answer = await talk.ask(self._link, Request("inspect", {"name": name}))
        return Container(self._link, answer.value)

    async def list(
        self, *, all: bool = False, filters: Mapping[str, str | Sequence[str]] | None = None
    ) -> Listing[Container]:
        """Those that run, or `all`, newest first. `filters`: as of `docker ps --filter`."""
        request = Request("containers", {"all": all, "filters": pairs(filters)})
        answer = await talk.ask(self._link, request)
        return Listing(Container(self._link, attrs) for attrs in answer.items)

    async def prune(self) -> Pruned:
        """Remove all that do not run."""
        answer = await talk.ask(self._link, Request("prune_containers", {}))
        return Pruned.of(expect(answer.value, dict))
