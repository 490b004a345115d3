"""The sandboxes of a home: made, found, listed.

Made of `library/sandboxes.py` by tests/make_aio.py.
"""

from __future__ import annotations

from cuddy.library.aio import talk
from cuddy.library.aio.sandbox import Sandbox, of
from cuddy.library.listing import Listing
from cuddy.library.requests import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.library.link import Link


class Sandboxes:
    """`engine.sandboxes`: those that are there. One is made by `Sandbox(..., engine=engine)`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def get(self, name: str) -> Sandbox:
        """The sandbox of that name, id or beginning of an id. Raises NoSuchContainer,
        InvalidArgument if it is an ordinary container.
        """
        answer = await talk.ask(self._link, Request("inspect_sandbox", {"name": name}))
        return of(self._link, answer.value)

    async def list(self) -> Listing[Sandbox]:
        """All of them, newest first, whoever has made them."""
        answer = await talk.ask(self._link, Request("list_sandboxes", {}))
        return Listing(of(self._link, attrs) for attrs in answer.items)
