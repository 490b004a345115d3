"""Rename: a container is known by another name.

First the new name leads to it, then the record has it, then the old one is free. A command that is
killed in between leaves the container with two names, and the next `rename` goes on from there.
"""

from __future__ import annotations

from cuddy import files
from cuddy.engine import container, containers, dns_names, events, names
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home


def rename(home: Home, name: str, new_name: str) -> None:
    """Give a container another name. Raises NoSuchContainer, NameTaken, InvalidArgument."""
    if not name or not new_name:
        raise InvalidArgument("neither old nor new names may be empty")
    wanted = new_name.removeprefix("/")
    container_id = containers.find_id(home, name)
    with container.lock(home, container_id, name):
        record = containers.read(home, container_id, locked=True)
        old = record["Name"]
        if old == f"/{wanted}":
            message = "renaming a container with the same name as its current name"
            raise InvalidArgument(message)
        names.check(wanted)
        with files.Lock(home.lock_path):
            names.claim(home, container_id, wanted)
            try:
                container.change_record(home, container_id, lambda own: set_name(own, wanted))
            except BaseException:
                container.unlink_name(home, f"/{wanted}", container_id)
                raise
            container.unlink_name(home, old, container_id)
        set_name(record, wanted)
        if record["State"]["Running"]:
            dns_names.renew(home, record)
    events.emit_container(home, "rename", record, {"oldName": old})


def set_name(record: Container, name: str) -> None:
    """Write the name as Docker does."""
    record["Name"] = f"/{name}"
