"""Lists that notebooks show as tables."""

from __future__ import annotations

from cuddy.library import notebook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    class Shown(Protocol):
        """What can be a line of a table."""

        def row(self) -> notebook.Row: ...

    Kind = TypeVar("Kind", bound=Shown)


class Listing(list["Kind"]):
    """A list of containers, images, volumes, networks, events or changes, with a table in a
    notebook.
    """

    def _repr_html_(self) -> str:
        return notebook.table(each.row() for each in self)
