"""The sandboxes of a home: made, found, listed."""

from __future__ import annotations

from cuddy.library import talk
from cuddy.library.listing import Listing
from cuddy.library.requests import Request
from cuddy.library.sandbox import Sandbox, of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.library.link import Link


class Sandboxes:
    """`engine.sandboxes`: those that are there. One is made by `Sandbox(..., engine=engine)`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def get(self, name: str) -> Sandbox:
        """The sandbox of that name, id or beginning of an id. Raises NoSuchContainer,
        InvalidArgument if it is an ordinary container.
        """
        answer = talk.ask(self._link, Request("inspect_sandbox", {"name": name}))
        return of(self._link, answer.value)

    def list(self) -> Listing[Sandbox]:
        """All of them, newest first, whoever has made them."""
        answer = talk.ask(self._link, Request("list_sandboxes", {}))
        return Listing(of(self._link, attrs) for attrs in answer.items)
