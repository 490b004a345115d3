"""The volumes of a home: directories that outlive containers.

Made of `library/volumes.py` by tests/make_aio.py.
"""

from __future__ import annotations

from cuddy.library import notebook
from cuddy.library.aio import talk
from cuddy.library.listing import Listing
from cuddy.library.requests import Request, expect
from cuddy.library.values import Pruned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from cuddy.library.link import Link


class Volume:
    """A volume. `attrs`: what `docker volume inspect` shows. `async with` removes it at the end."""

    def __init__(self, link: Link, attrs: object) -> None:
        self._link = link
        self.attrs: dict[str, Any] = expect(attrs, dict)
        self.name: str = expect(self.attrs.get("Name"), str)

    def _repr_html_(self) -> str:
        return notebook.table([self.row()])

    def row(self) -> notebook.Row:
        """Itself in a table."""
        return {"name": self.name, "driver": self.attrs["Driver"], "path": self.attrs["Mountpoint"]}

    def __repr__(self) -> str:
        return f"<Volume {self.name}>"

    async def remove(self, *, force: bool = False) -> None:
        """Away with it and all that is in it. Raises InUse. `force`: it may be gone already."""
        await talk.ask(self._link, Request("remove_volume", {"name": self.name, "force": force}))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.remove(force=True)


class Volumes:
    """`engine.volumes`."""

    def __init__(self, link: Link, labels: Mapping[str, str]) -> None:
        self._link = link
        self._labels = labels

    async def create(self, name: str = "", *, labels: Mapping[str, str] | None = None) -> Volume:
        """Make one; one of that name that is there is as good. Without a name it gets one."""
        request = Request(
            "create_volume", {"name": name, "labels": {**self._labels, **(labels or {})}}
        )
        answer = await talk.ask(self._link, request)
        return Volume(self._link, answer.value)

    async def get(self, name: str) -> Volume:
        """The volume of that name. Raises NoSuchVolume."""
        answer = await talk.ask(self._link, Request("inspect_volume", {"name": name}))
        return Volume(self._link, answer.value)

    async def list(self) -> Listing[Volume]:
        """All of them."""
        answer = await talk.ask(self._link, Request("volumes", {}))
        return Listing(Volume(self._link, attrs) for attrs in answer.items)

    async def prune(self, *, all: bool = False) -> Pruned:
        """Remove those without a name that no container has; `all`: those with one as well."""
        answer = await talk.ask(self._link, Request("prune_volumes", {"all": all}))
        return Pruned.of(expect(answer.value, dict))
