"""Volume diff: how the files of two volumes differ, told as `cuddy diff` tells it.

What is in files is compared, byte by byte where the sizes agree: times say nothing of what somebody
wanted to hide. Sockets are nobody's content.
"""

from __future__ import annotations

import os
import stat

from cuddy.engine import diff as container_diff
from cuddy.engine import volume_snapshot, volume_view, volumes
from cuddy.engine.diff import Change
from cuddy.errors import NotFound, SystemFailure
from cuddy.image import diff as image_diff
from cuddy.image import workers
from cuddy.image.stack import Stack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.home import Home
    from cuddy.image.diff import Difference
    from cuddy.image.workers import Send


def diff(home: Home, one: str, other: str = "") -> list[Change]:
    """What has to be done to one volume to make another of it; with one alone, what has become of
    it since its newest snapshot.

    Raises NoSuchVolume, NotFound, CorruptContent, Conflict, SystemFailure.
    """
    volumes.read(home, one)
    if other:
        volumes.read(home, other)
        before, after = one, other
    else:
        found = volume_snapshot.snapshots(home, one)
        if not found:
            hint = f"'cuddy volume snapshot {one}' makes one; or name another volume"
            raise NotFound(f"volume {one} has no snapshot to compare it with", hint=hint)
        before, after = found[-1]["Name"], one
    changes: list[Change] = []

    def hear(message: dict[str, str]) -> None:
        if "path" in message:
            changes.append(Change(message["letter"], os.fsencode(message["path"])))

    def work(send: Send) -> None:
        for change in container_diff.with_directories(differences(home, before, after)):
            send(letter=change.letter, path=os.fsdecode(change.path))

    try:
        with workers.Crew() as crew:
            crew.start("comparison", work).finish(hear)
    except OSError as error:
        raise SystemFailure.from_os("cannot compare the volumes", error) from error
    return changes


def differences(home: Home, before: str, after: str) -> Iterator[Change]:
    """What the worker finds; of a directory that is gone only itself."""
    roots = [volume_view.open_view(home, name, writable=False) for name in (before, after)]
    left, right = (f"/proc/self/fd/{fd}" for fd in roots)
    gone = b"/"
    with Stack(home.storage, (), [left]) as old, Stack(home.storage, (), [right]) as new:
        for found in image_diff.Comparison(old, new).run():
            if found.path.startswith(gone + b"/") or is_socket(found):
                continue
            gone = found.path if found.letter == "D" else gone
            yield Change(found.letter, found.path)
    for name in (before, after):
        volume_view.check_presence(home, name)


def is_socket(found: Difference) -> bool:
    """Whether what differs is a socket, there or not."""
    entry = found.after or found.before
    return entry is not None and stat.S_ISSOCK(entry.mode)
