"""The networks of a home."""

from __future__ import annotations

from cuddy.library import notebook, talk
from cuddy.library.listing import Listing
from cuddy.library.requests import Request, expect
from cuddy.library.values import Pruned
from cuddy.library.wishes import texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Self

    from cuddy.library.container import Container
    from cuddy.library.link import Link


class Network:
    """A network. `with` removes it at the end, when no container is on it any more.

    `attrs` is what `docker network inspect` shows, as of when it was got.
    """

    def __init__(self, link: Link, attrs: object) -> None:
        self._link = link
        self.attrs: dict[str, Any] = expect(attrs, dict)
        self.id: str = expect(self.attrs.get("Id"), str)

    def _repr_html_(self) -> str:
        return notebook.table([self.row()])

    def row(self) -> notebook.Row:
        """Itself in a table."""
        return {"name": self.name, "id": self.id[:12], "driver": self.attrs["Driver"]}

    def __repr__(self) -> str:
        return f"<Network {self.name}>"

    @property
    def name(self) -> str:
        """Its name, which is what containers ask for."""
        return str(self.attrs["Name"])

    def connect(self, container: Container | str, *, aliases: Iterable[str] = ()) -> None:
        """Put a container on it, running or not; `aliases`: further names to be found by."""
        name = container if isinstance(container, str) else container.id
        arguments = {"name": self.id, "container": name, "aliases": list(texts(aliases))}
        talk.ask(self._link, Request("connect", arguments))

    def disconnect(self, container: Container | str) -> None:
        """Take a container off it."""
        name = container if isinstance(container, str) else container.id
        talk.ask(self._link, Request("disconnect", {"name": self.id, "container": name}))

    def remove(self) -> None:
        """Away with it. Raises InUse while running containers are on it."""
        talk.ask(self._link, Request("remove_network", {"name": self.id}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Networks:
    """`engine.networks`."""

    def __init__(self, link: Link, labels: Mapping[str, str]) -> None:
        self._link = link
        self._labels = labels

    def create(
        self, name: str, *, internal: bool = False, labels: Mapping[str, str] | None = None
    ) -> Network:
        """Make one, on which containers find each other by name. `internal`: no way out."""
        arguments = {
            "name": name,
            "internal": internal,
            "labels": {**self._labels, **(labels or {})},
        }
        answer = talk.ask(self._link, Request("create_network", arguments))
        return Network(self._link, answer.value)

    def get(self, name: str) -> Network:
        """The network of that name or id. Raises NoSuchNetwork."""
        answer = talk.ask(self._link, Request("inspect_network", {"name": name}))
        return Network(self._link, answer.value)

    def list(self) -> Listing[Network]:
        """All of them, those that are always there included."""
        answer = talk.ask(self._link, Request("networks", {}))
        return Listing(Network(self._link, attrs) for attrs in answer.items)

    def prune(self) -> Pruned:
        """Remove those that no container is on."""
        answer = talk.ask(self._link, Request("prune_networks", {}))
        return Pruned.of(expect(answer.value, dict))
