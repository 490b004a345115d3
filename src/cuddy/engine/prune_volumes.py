"""Prune of volumes: remove those that no container uses, by default only anonymous ones."""

from __future__ import annotations

from cuddy.engine import events, prune_filters, volume_use, volumes
from cuddy.engine.volume_filters import FALSE, TRUE
from cuddy.errors import InUse, NoSuchVolume, WrongArguments
from cuddy.shapes import NamedTuple
from cuddy.usage import Meter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cuddy.engine.home import Home
    from cuddy.engine.prune_filters import Filters


class Pruned(NamedTuple):
    """What was removed, and what that gave back."""

    names: list[str]
    freed_bytes: int


def parse_filters(pairs: Iterable[tuple[str, str]]) -> tuple[Filters, bool]:
    """What may go, and whether those with a name may. Raises WrongArguments."""
    pairs = list(pairs)
    if any(name == "until" for name, _ in pairs):
        # Docker's words: it does not know how old a volume is.
        raise WrongArguments("invalid filter 'until'", hint="one of all, label, label!")
    said = [value for name, value in pairs if name == "all"]
    for value in said:
        if value.lower() not in TRUE + FALSE:
            raise WrongArguments(f"invalid filter 'all=[{value}]'", hint="true or false")
    filters = prune_filters.parse(pairs, None, more=("all",))
    return filters, any(value.lower() in TRUE for value in said)


def prune_volumes(home: Home, filters: Filters, *, all: bool = False) -> Pruned:
    """Remove the volumes that the filters let go, and what killed commands left.

    `all`: those with a name as well.
    """
    volume_use.sweep(home)
    meter, names, freed_bytes = Meter(), [], 0
    for volume in volumes.unused(home):
        if not all and not volumes.is_anonymous(volume):
            continue
        if not filters.let_go(volume.get("Labels") or {}, 0):
            continue
        size_bytes = meter.tree(volumes.data_path(home, volume["Name"]))
        try:
            volumes.remove(home, volume["Name"])
        except (InUse, NoSuchVolume):
            continue  # somebody was faster
        names.append(volume["Name"])
        freed_bytes += size_bytes
    events.emit_prune(home, "volume", freed_bytes)
    return Pruned(names, freed_bytes)
