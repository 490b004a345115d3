"""Volume mv: a volume gets another name, with all that is in it and known of it.

Done by one rename; what its record says of its name is put right afterwards, and read by nobody.
A container knows its volumes by name, so one that any container has, running or not, stays.
"""

from __future__ import annotations

import os

from cuddy.engine import events, volume_snapshot, volumes
from cuddy.engine.volumes import Hold
from cuddy.errors import Conflict, InUse, SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.volumes import Volume


def move(home: Home, old: str, new: str) -> None:
    """Rename a volume. Raises NoSuchVolume, InvalidArgument, InUse, Conflict, SystemFailure."""
    volumes.read(home, old)
    volumes.check_wish({"name": new})
    taken = Conflict(f"volume {new} is there already", hint="remove it first, or choose another")
    if os.path.exists(volumes.path(home, new)):
        raise taken

    def rename(volume: Volume) -> None:
        volume |= {"Name": new, "Mountpoint": volumes.data_path(home, new)}

    with Hold(home, old):
        if found := volumes.users(home, old):
            raise InUse(
                f"rename {old}: volume is in use - [{', '.join(found)}]",
                hint=f"remove its containers first; 'cuddy volume snapshot {old} {new}' copies it",
            )
        try:
            os.rename(volumes.path(home, old), volumes.path(home, new))
        except OSError as error:
            if os.path.isdir(volumes.path(home, new)):
                raise taken from None
            raise SystemFailure.from_os(f"cannot rename volume {old}", error) from error
        try:
            volumes.change(home, new, rename)
        except OSError:
            pass  # the disk is full: `system check --repair` does it
    volume_snapshot.follow(home, old, new)
    attributes = {"driver": volumes.DRIVER, "oldName": old}
    events.emit(home, "volume", "rename", new, attributes)
