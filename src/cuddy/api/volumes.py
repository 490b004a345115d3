"""/volumes: list, inspect, create, remove, prune."""

from __future__ import annotations

from cuddy.api import fields
from cuddy.engine import prune_volumes, volume_filters, volumes
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.fields import Document
    from cuddy.api.http import Call
    from cuddy.engine.volumes import Wish

SINCE_ANONYMOUS_ONLY = (1, 42)
"""From this version on a prune leaves volumes that have a name."""


def list_volumes(call: Call) -> None:
    """GET /volumes."""
    with call.while_filtering():
        found = volume_filters.select(call.home, call.filters())
    call.answer({"Volumes": [volumes.shown(each) for each in found], "Warnings": None})


def inspect(call: Call) -> None:
    """GET /volumes/{ref}."""
    call.answer(volumes.inspect(call.home, call.ref))


def create(call: Call) -> None:
    """POST /volumes/create: one that is there already is as good."""
    call.answer(volumes.shown(volumes.create(call.home, read_wish(call.document()))), 201)


def read_wish(document: Document) -> Wish:
    """The volume that is asked for. Pure. Raises InvalidArgument."""
    if fields.has(document, "ClusterVolumeSpec"):
        raise InvalidArgument("cluster volumes need a swarm", hint="leave out ClusterVolumeSpec")
    return {
        "name": fields.text(document, "Name"),
        "driver": fields.text(document, "Driver"),
        "labels": fields.labels(document, "Labels"),
        "options": fields.labels(document, "DriverOpts"),
    }


def remove(call: Call) -> None:
    """DELETE /volumes/{ref}."""
    volumes.remove(call.home, call.ref, force=call.flag("force"))
    call.answer(status=204)


def prune(call: Call) -> None:
    """POST /volumes/prune."""
    filters, is_all = prune_volumes.parse_filters(call.filters())
    is_all |= call.version < SINCE_ANONYMOUS_ONLY
    pruned = prune_volumes.prune_volumes(call.home, filters, all=is_all)
    call.answer({"VolumesDeleted": pruned.names, "SpaceReclaimed": pruned.freed_bytes})
