"""Volume snapshot: a copy of a volume as it is at one moment, which is a volume too.

Blocks are shared with the original where its file system can (ioctl_ficlone(2)), else copied within
the kernel. The running containers that have the volume stand still meanwhile, and none starts,
unless the user does without (volume_rest.py). Labels say what a snapshot is of, and of when.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import volume_copy, volume_rest, volume_view, volumes
from cuddy.engine.volumes import Draft, Hold
from cuddy.errors import Conflict, CorruptContent, NoSuchVolume, SystemFailure
from cuddy.image import workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.volumes import Volume, Wish
    from cuddy.image.workers import Send

OF = "cuddy.snapshot.of"
AT = "cuddy.snapshot.at"


def snapshot(
    home: Home, name: str, new: str = "", *, labels: dict[str, str] | None = None,
    pause: bool = True,
) -> Volume:  # fmt: skip
    """Copy a volume. `new`: "" for a name made of the old one and the time.

    Raises NoSuchVolume, InvalidArgument, Conflict, NotPermitted, SystemFailure.
    """
    volumes.read(home, name)
    now = files.now()
    wanted = new or choose_name(home, name, now)
    wish: Wish = {"name": wanted, "labels": {**(labels or {}), OF: name, AT: now}}
    volumes.check_wish(wish)
    taken = Conflict(f"volume {wanted} is there already", hint="choose another name")
    if os.path.exists(volumes.path(home, wanted)):
        raise taken
    try:
        with Draft(home, wish) as draft:
            if pause:
                with volume_rest.Stillness(home, name):
                    # What an image brought and a killed command left; the worker would wait for us.
                    volume_copy.finish(volume_copy.shelf_of(home, name))
                    copy(home, name, draft.data)
            else:
                copy(home, name, draft.data)
            if not draft.publish():
                raise taken
            return volumes.read(home, wanted)
    except OSError as error:
        raise SystemFailure.from_os(f"cannot copy volume {name}", error) from error


def copy(home: Home, name: str, to: str) -> None:
    """Have a worker copy all that is in a volume into an empty directory."""

    def work(send: Send) -> None:
        os.umask(0)
        source = volume_view.open_view(home, name, writable=False)
        target = os.open(to, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        volume_copy.copy_tree(source, target)
        os.fsync(target)
        volume_view.check_presence(home, name)

    with workers.Crew() as crew:
        crew.start("copy of the volume", work).finish()


def choose_name(home: Home, name: str, now: str) -> str:
    """NAME-DATE-TIME, and a number if that is taken."""
    digits = "".join(c for c in now.partition(".")[0] if c.isdigit())
    stem = f"{name[: volumes.MAX_NAME_LENGTH - 20]}-{digits[:8]}-{digits[8:]}"
    found, number = stem, 1
    while os.path.exists(volumes.path(home, found)):
        number += 1
        found = f"{stem}-{number}"
    return found


def snapshots(home: Home, name: str) -> list[Volume]:
    """Those of a volume, the oldest first."""
    found = [each for each in volumes.list_volumes(home) if label(each, OF) == name]
    return sorted(found, key=lambda each: (label(each, AT), each["Name"]))


def label(volume: Volume, key: str) -> str:
    """One label of a volume, "" if it has none."""
    return (volume.get("Labels") or {}).get(key, "")


def follow(home: Home, old: str, new: str) -> None:
    """A volume has another name now: its snapshots are those of that."""

    def change(volume: Volume) -> None:
        volume["Labels"] = {**(volume.get("Labels") or {}), OF: new}

    for each in snapshots(home, old):
        try:
            with Hold(home, each["Name"]):
                volumes.change(home, each["Name"], change)
        except (NoSuchVolume, CorruptContent):
            continue  # somebody has removed it
        except OSError as error:
            doing = f"volume {old} is {new} now, but its snapshot {each['Name']} does not know that"
            raise SystemFailure.from_os(doing, error) from error
