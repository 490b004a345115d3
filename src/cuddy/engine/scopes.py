"""Scopes: what was made for somebody goes when that somebody has no more use for it, or has ended.

Containers, networks and volumes of a scope carry its name in a label; the name says which process
keeps it (`files.name_temporary`), so that what a killed keeper left is found by the next scope.
"""

from __future__ import annotations

from cuddy import files
from cuddy.engine import containers, networks, process, rm, volumes
from cuddy.errors import NoSuchContainer, NoSuchNetwork, NoSuchVolume

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cuddy.engine.home import Home

LABEL = process.SCOPE


def collect(home: Home) -> None:
    """Remove what belongs to scopes whose keepers are dead."""
    remove(home, files.is_abandoned)


def end(home: Home, name: str) -> None:
    """Remove what belongs to a scope. Raises InUse if others use a network or volume of it."""
    remove(home, lambda scope: scope == name)


def remove(home: Home, is_over: Callable[[str], bool]) -> None:
    """Remove what belongs to scopes that are over: containers, then what they were on."""

    def belongs(labels: Mapping[str, str] | None) -> bool:
        scope = (labels or {}).get(LABEL, "")
        return bool(scope) and is_over(scope)  # what is in none has no end, whoever names it so

    found = containers.list_containers(home, all=True)
    ids = [each["Id"] for each in found if belongs(each["Config"].get("Labels"))]
    rm.end_all(home, ids)
    for container_id in ids:
        try:
            rm.rm(home, container_id, force=True, volumes=True)
        except NoSuchContainer:
            pass  # somebody else has removed it
    for network in networks.list_networks(home):
        if belongs(network.labels):
            try:
                networks.remove(home, network.id)
            except NoSuchNetwork:
                pass  # the same
    for volume in volumes.list_volumes(home):
        if belongs(volume["Labels"]):
            try:
                volumes.remove(home, volume["Name"])
            except NoSuchVolume:
                pass  # the same
