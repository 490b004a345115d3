"""Apply: what a trial has changed becomes the host's, file by file.

Each file is made complete beside the old one and takes its place by one rename: killed in between,
every file is old or new, and what was begun is found by its name the next time. Nothing is reached
by a path of more than one name: a directory is opened beneath the root, through no link, and what
is in it is changed by that descriptor. A file of the host's that somebody has changed since the
trial began is left alone unless `force` says otherwise.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.engine import trial_diff, trials
from cuddy.engine.trial_source import Source, key_of, look
from cuddy.errors import Conflict, SystemFailure
from cuddy.image import walk
from cuddy.kernel import mount, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.trial_diff import Change
    from cuddy.engine.trials import Trial

SHOWN = 5
"""So many paths are named where many stand in the way."""


def apply(home: Home, name: str, *, force: bool = False) -> list[Change]:
    """Make all changes of a trial and take it away; what was changed.

    Raises NoSuchTrial; Conflict, when nothing has been changed yet; SystemFailure.
    """
    with trials.Turn(home, name):
        trial = trials.read(home, name)
        found = trial_diff.changes(home, trial)
        with Target(trial, force=force) as target:
            target.check(found)
            target.find_links(found)
            trial["Applied"] = True
            trials.write(home, trial)
            for change in found:
                target.perform(change)
        trials.remove(home, name)
    return found


def sweep(home: Home, trial: Trial) -> None:
    """Take away what an `apply` that was killed has begun."""
    if trial["Applied"]:
        with Target(trial, force=False) as target:
            for change in trial_diff.changes(home, trial):
                target.clear(change)


class Target:
    """The host's files, as a trial's changes come to them."""

    def __init__(self, trial: Trial, *, force: bool, root: str = "/") -> None:
        self.since, self.force = trial["Since"], force
        self.mounts = trial.get("Mounts")
        self.linked: dict[tuple[int, int], bytes] = {}  # files of the trial with several names
        self.mark = b".cuddy-try-" + trial["Id"].encode()
        self.root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.root_fd)

    def check(self, found: list[Change]) -> None:
        """Whether all can be applied. Raises Conflict that names what stands in the way."""
        if self.force:
            return
        self.check_mounts(found)
        coming = {change.path for change in found if change.letter != "D"}
        stuck = [change.path for change in found if not self.is_free(change, coming)]
        if stuck:
            shown = ", ".join(f"/{os.fsdecode(path)}" for path in stuck[:SHOWN])
            more = f" and {len(stuck) - SHOWN} more" if len(stuck) > SHOWN else ""
            hint = "look at them; --force applies all the same"
            raise Conflict(f"changed on the host since the trial began: {shown}{more}", hint=hint)

    def check_mounts(self, found: list[Change]) -> None:
        """Whether the paths are where they were. Raises Conflict."""
        if self.mounts is None:
            return
        newer = [
            point.target for point in mount.list_mounts()
            if [point.target, point.device, point.root] not in self.mounts
        ]  # fmt: skip
        for change in found:
            path = f"/{os.fsdecode(change.path)}"
            for target in newer:
                if mount.contains(target, path):
                    what = f"{path} is not where it was: something has been mounted at {target}"
                    hint = "unmount it, or --force changes what is mounted there"
                    raise Conflict(f"{what} since the trial began", hint=hint)

    def is_free(self, change: Change, coming: set[bytes]) -> bool:
        """Whether the host's file is as it was when the trial began, or as it shall be already.

        `coming`: what will be there, among it directories that are none yet.
        """
        try:
            parent_fd = self.open_parent(change.path)
        except (FileNotFoundError, NotADirectoryError):
            return change.letter == "D" or change.path.rpartition(b"/")[0] in coming
        except OSError:
            return False
        try:
            return self.is_old(parent_fd, change) or self.is_done(parent_fd, change)
        finally:
            os.close(parent_fd)

    def is_old(self, parent_fd: int, change: Change) -> bool:
        """Whether nobody has touched it since."""
        status = look(parent_fd, change.path.rpartition(b"/")[2])
        if status is None or change.letter == "A":
            return status is None and change.letter == "A"
        if change.letter == "C" and stat.S_ISDIR(status.st_mode) and self.is_directory(change):
            return True  # only its permissions change, not what others have put into it
        return self.is_untouched(parent_fd, change.path.rpartition(b"/")[2], status)

    def is_untouched(self, parent_fd: int, name: bytes, status: os.stat_result) -> bool:
        """The same of what is there, and of all in it."""
        if status.st_ctime_ns >= self.since:
            return False
        if not stat.S_ISDIR(status.st_mode):
            return True
        fd = resolve.open_beneath(parent_fd, name, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return all(inner.st_ctime_ns < self.since for _, inner in walk.walk(fd))
        finally:
            os.close(fd)

    def is_directory(self, change: Change) -> bool:
        """Whether it is a directory from now on."""
        with Source(change) as source:
            return stat.S_ISDIR(source.status.st_mode)

    def is_done(self, parent_fd: int, change: Change) -> bool:
        """Whether the host has it already, from an `apply` that was cut off."""
        name = change.path.rpartition(b"/")[2]
        status = look(parent_fd, name)
        if change.letter == "D" or status is None:
            return change.letter == "D" and status is None
        with Source(change) as source:
            return source.is_same(parent_fd, name, status)

    def open_parent(self, path: bytes) -> int:
        """The directory that a path is in, through no link. Raises OSError."""
        return resolve.open_beneath(
            self.root_fd, path.rpartition(b"/")[0] or b".", os.O_RDONLY | os.O_DIRECTORY
        )

    def perform(self, change: Change) -> None:
        """Make one change. Raises Conflict, SystemFailure."""
        shown = f"/{os.fsdecode(change.path)}"
        try:
            parent_fd = self.open_parent(change.path)
            try:
                self.remove(parent_fd, self.mark)
                is_done = self.is_done(parent_fd, change)
                if is_done and self.is_linked(parent_fd, change):
                    return
                if not (self.force or is_done or self.is_old(parent_fd, change)):
                    raise Conflict(f"{shown} has just been changed on the host", hint="try again")
                self.change(parent_fd, change)
            finally:
                os.close(parent_fd)
        except FileNotFoundError as error:
            if change.letter == "D":
                return
            raise SystemFailure.from_os(f"cannot apply {shown}", error) from error
        except OSError as error:
            raise SystemFailure.from_os(f"cannot apply {shown}", error) from error

    def find_links(self, found: list[Change]) -> None:
        """Of files with several names, those names that are the host's already: no changes, as it
        had them before or an `apply` that was cut off has made them.
        """
        changed, prefixes = {change.path for change in found}, {}
        for change in found:
            if change.letter == "D":
                continue
            with Source(change) as source:
                if source.key:
                    prefixes[change.top] = change.path.removesuffix(change.inside)
        for top, prefix in prefixes.items():
            top_fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                for inside, status in walk.walk(top_fd):
                    if (key := key_of(status)) and prefix + inside not in changed:
                        self.linked.setdefault(key, prefix + inside)
            finally:
                os.close(top_fd)

    def is_linked(self, parent_fd: int, change: Change) -> bool:
        """Whether a file that is there is the same one under all the names that it is to have."""
        if change.letter == "D":
            return True
        with Source(change) as source:
            first = self.linked.setdefault(source.key, change.path) if source.key else change.path
        if first == change.path:
            return True
        one, two = self.look_at(first), look(parent_fd, change.path.rpartition(b"/")[2])
        return bool(one and two and os.path.samestat(one, two))

    def look_at(self, path: bytes) -> os.stat_result | None:
        """What is at a path of the host's."""
        parent_fd = self.open_parent(path)
        try:
            return look(parent_fd, path.rpartition(b"/")[2])
        finally:
            os.close(parent_fd)

    def make(self, source: Source, parent_fd: int, change: Change) -> None:
        """What is new, under the mark: a name more of a file that has come already, or a copy."""
        first = self.linked.setdefault(source.key, change.path) if source.key else change.path
        if first == change.path:
            source.make(parent_fd, self.mark)
            return
        first_fd, name = self.open_parent(first), first.rpartition(b"/")[2]
        try:
            there = look(first_fd, name)
            if there is None or not source.is_same(first_fd, name, there):
                source.make(parent_fd, self.mark)  # it has become another one out here
                return
            os.link(
                name, self.mark, src_dir_fd=first_fd, dst_dir_fd=parent_fd, follow_symlinks=False
            )
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EMLINK, errno.EPERM):
                raise
            source.make(parent_fd, self.mark)  # another file system out here
        finally:
            os.close(first_fd)

    def clear(self, change: Change) -> None:
        """Take away what was begun and not finished beside a path."""
        try:
            parent_fd = self.open_parent(change.path)
        except OSError:
            return
        try:
            self.remove(parent_fd, self.mark)
        finally:
            os.close(parent_fd)

    def change(self, parent_fd: int, change: Change) -> None:
        """One change in an open directory."""
        name = change.path.rpartition(b"/")[2]
        status = look(parent_fd, name)
        if change.letter == "D":
            os.rename(name, self.mark, src_dir_fd=parent_fd, dst_dir_fd=parent_fd)
            self.remove(parent_fd, self.mark)
            return
        with Source(change) as source:
            is_directory = stat.S_ISDIR(source.status.st_mode)
            if is_directory and status and stat.S_ISDIR(status.st_mode):
                fd = resolve.open_beneath(parent_fd, name, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    source.dress(fd)
                finally:
                    os.close(fd)
                return
            self.make(source, parent_fd, change)
            if status and (is_directory or stat.S_ISDIR(status.st_mode)):
                resolve.renameat2(self.mark, name, resolve.RENAME_EXCHANGE, dir_fd=parent_fd)
                self.remove(parent_fd, self.mark)
            else:
                os.rename(self.mark, name, src_dir_fd=parent_fd, dst_dir_fd=parent_fd)
        os.fsync(parent_fd)

    def remove(self, parent_fd: int, name: bytes) -> None:
        """What is called so in a directory goes, if it is there."""
        if look(parent_fd, name):
            files.remove_below(parent_fd, os.fsdecode(name))
