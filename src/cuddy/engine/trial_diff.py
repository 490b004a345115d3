"""What a trial has changed, part by part: read from what was written, nothing is mounted."""

from __future__ import annotations

import os
import stat

from cuddy.engine import diff, trials
from cuddy.engine.trial_plan import OVERLAY, SPLIT, Part
from cuddy.errors import SystemFailure
from cuddy.image import changeset, walk
from cuddy.image.stack import Stack, join
from cuddy.kernel import overlay
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.engine.home import Home
    from cuddy.engine.trials import Trial

OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Change(NamedTuple):
    """What became of a path of the host's: A(dded), C(hanged), D(eleted).

    `top`: the directory that has what is new, at `inside`; "/" and the path for what is gone.
    """

    letter: str
    path: bytes  # without the slash at the beginning
    top: str
    inside: bytes


def changes(home: Home, trial: Trial) -> list[Change]:
    """Every change, a directory before what is in it. Raises SystemFailure."""
    where = trials.where(home, trial["Name"])
    parts = [Part(*part) for part in trial["Parts"]]
    paths = {part.path for part in parts}
    found: list[Change] = []
    try:
        for part in parts:
            if part.kind == OVERLAY:
                found += of_overlay(home, part, f"{where}/upper/{part.number}")
            elif part.kind == SPLIT:
                found += of_copy(trial, part, f"{where}/tree", paths)
    except OSError as error:
        raise SystemFailure.from_os("cannot read what the trial has changed", error) from error
    return found


def of_overlay(home: Home, part: Part, upper: str) -> Iterator[Change]:
    """Those in an overlay."""
    above = os.fsencode(part.path.strip("/"))
    if not os.path.isdir(upper):
        return  # there was nothing to be over
    if not os.path.isdir(part.path):
        if changeset.has_changes(upper):  # and the host has nothing there any more
            yield from added(upper, b"", above, os.lstat(upper))
        return
    yield from of_itself(part, upper, above)
    if not changeset.has_changes(upper):
        return  # the host's may be one that we cannot even read
    with Stack(home.storage, (), [part.path, upper]) as stack:
        for change in diff.changes(stack, 1):
            yield Change(change.letter, join(above, change.path), upper, change.path)


def of_itself(part: Part, upper: str, above: bytes) -> Iterator[Change]:
    """Permissions of the directory that an overlay is over; whose it is only root can change."""
    now, before = os.stat(upper), os.stat(part.path)
    if (
        above
        and os.geteuid() == 0
        and now.st_uid == before.st_uid
        and now.st_mode != before.st_mode
    ):
        yield Change("C", above, upper, b"")


def of_copy(trial: Trial, part: Part, tree: str, paths: set[str]) -> Iterator[Change]:
    """Those in a directory that was made anew, by the files that were copied to it."""
    copies = trial["Copied"].get(part.path, {})
    directory = f"{tree}{part.path}".rstrip("/")
    names = set(os.listdir(directory))
    for name in sorted(names | copies.keys()):
        path = os.path.join(part.path, name)
        if path in paths:
            continue
        place = os.fsencode(path.strip("/"))
        if name not in names:
            yield Change("D", place, tree, place)
            continue
        status = os.lstat(f"{directory}/{name}")
        if name in copies:
            now = [status.st_mode, status.st_size, status.st_mtime_ns]
            if now != copies[name]:
                yield Change("C", place, tree, place)
        elif not is_unshown(path, status, f"{directory}/{name}"):
            yield from added(tree, place, place, status)


def is_unshown(path: str, status: os.stat_result, copy: str) -> bool:
    """Whether it is only the place of something that is the host's, or the same link."""
    try:
        outer = os.lstat(path)
    except OSError:
        return False
    if stat.S_ISLNK(status.st_mode) and stat.S_ISLNK(outer.st_mode):
        return os.readlink(path) == os.readlink(copy)
    return stat.S_ISREG(status.st_mode) and not status.st_size


def added(top: str, inside: bytes, place: bytes, status: os.stat_result) -> Iterator[Change]:
    """Something new, with all that is in it; not what says that something is gone."""
    if overlay.is_whiteout(status):
        return
    yield Change("A", place, top, inside)
    if not stat.S_ISDIR(status.st_mode):
        return
    fd = os.open(os.path.join(os.fsencode(top), inside), OPEN)
    try:
        for path, found in walk.walk(fd):
            if not overlay.is_whiteout(found):
                yield Change("A", join(place, path), top, join(inside, path))
    finally:
        os.close(fd)


def shown(found: list[Change]) -> list[diff.Change]:
    """The same as `cuddy diff` has it, with the directories that have changed by it."""
    return list(diff.with_directories(diff.Change(each.letter, each.path) for each in found))
