"""Apply: what a trial has changed becomes the host's, file by file.

Each file is made complete beside the old one and takes its place by one rename: killed in between,
every file is old or new, and what was begun is found by its name the next time. Nothing is reached
by a path of more than one name: a directory is opened beneath the root, through no link, and what
is in it is changed by that descriptor. A file of the host's that somebody has changed since the
trial began is left alone unless `force` says otherwise.
"""

from __future__ import annotations

import os
import stat

from cuddy import files
from cuddy.engine import trial_diff, trials
from cuddy.errors import Conflict, SystemFailure
from cuddy.image import walk
from cuddy.kernel import resolve, transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.trial_diff import Change
    from cuddy.engine.trials import Trial

SHOWN = 5
"""So many paths are named where many stand in the way."""
READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY


def apply(home: Home, name: str, *, force: bool = False) -> list[Change]:
    """Make all changes of a trial and take it away; what was changed.

    Raises NoSuchTrial; Conflict, when nothing has been changed yet; SystemFailure.
    """
    with trials.Turn(home, name):
        trial = trials.read(home, name)
        found = trial_diff.changes(home, trial)
        with Target(trial, force=force) as target:
            target.check(found)
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
        coming = {change.path for change in found if change.letter != "D"}
        stuck = [change.path for change in found if not self.is_free(change, coming)]
        if stuck:
            shown = ", ".join(f"/{os.fsdecode(path)}" for path in stuck[:SHOWN])
            more = f" and {len(stuck) - SHOWN} more" if len(stuck) > SHOWN else ""
            hint = "look at them; --force applies all the same"
            raise Conflict(f"changed on the host since the trial began: {shown}{more}", hint=hint)

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
                if self.is_done(parent_fd, change):
                    return
                if not self.force and not self.is_old(parent_fd, change):
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
            source.make(parent_fd, self.mark)
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


def look(parent_fd: int, name: bytes) -> os.stat_result | None:
    """What is under a name; None if nothing is."""
    try:
        return os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


class Source:
    """What is new, in the trial."""

    def __init__(self, change: Change) -> None:
        top_fd = os.open(change.top, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            above, _, self.name = change.inside.rpartition(b"/")
            self.name = self.name or b"."
            self.fd = resolve.open_beneath(top_fd, above or b".", os.O_PATH | os.O_DIRECTORY)
        finally:
            os.close(top_fd)
        try:
            self.status = os.stat(self.name, dir_fd=self.fd, follow_symlinks=False)
        except BaseException:
            os.close(self.fd)
            raise

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def open(self) -> int:
        """Its content or directory."""
        return resolve.open_beneath(self.fd, self.name, READING)

    def is_same(self, parent_fd: int, name: bytes, other: os.stat_result) -> bool:
        """Whether something of the host's is like it to the last byte."""
        kinds = {(s.st_mode, s.st_uid, s.st_gid, s.st_rdev) for s in (self.status, other)}
        if len(kinds) > 1:
            return False
        if stat.S_ISLNK(other.st_mode):
            links = {os.readlink(self.name, dir_fd=self.fd), os.readlink(name, dir_fd=parent_fd)}
            return len(links) == 1
        if not stat.S_ISREG(other.st_mode):
            return True
        if other.st_size != self.status.st_size:
            return False
        one, two = self.open(), resolve.open_beneath(parent_fd, name, READING)
        try:
            return transfer.is_same(one, two, other.st_size)
        finally:
            os.close(one)
            os.close(two)

    def make(self, parent_fd: int, name: bytes) -> None:
        """Make one like it under a new name. Raises OSError."""
        mode = self.status.st_mode
        if stat.S_ISDIR(mode):
            os.mkdir(name, 0o700, dir_fd=parent_fd)
            fd = resolve.open_beneath(parent_fd, name, os.O_RDONLY | os.O_DIRECTORY)
            try:
                self.dress(fd)
            finally:
                os.close(fd)
        elif stat.S_ISREG(mode):
            self.copy(parent_fd, name)
        elif stat.S_ISLNK(mode):
            os.symlink(os.readlink(self.name, dir_fd=self.fd), name, dir_fd=parent_fd)
            self.give(parent_fd, name)
        elif not stat.S_ISSOCK(mode):
            before = os.umask(0)  # a mode that is set later could be set to another file
            try:
                os.mknod(name, mode, self.status.st_rdev, dir_fd=parent_fd)
            finally:
                os.umask(before)
            self.give(parent_fd, name)

    def give(self, parent_fd: int, name: bytes) -> None:
        """Its owner, for what cannot be opened."""
        uid, gid = self.status.st_uid, self.status.st_gid
        found = look(parent_fd, name)
        if found and (found.st_uid, found.st_gid) != (uid, gid):
            os.chown(name, uid, gid, dir_fd=parent_fd, follow_symlinks=False)

    def copy(self, parent_fd: int, name: bytes) -> None:
        """A file with its content, on disk before it gets its name."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        given = self.open()
        out = os.open(name, flags, 0o600, dir_fd=parent_fd)
        try:
            transfer.copy_file(given, out, self.status)
            self.dress(out)
            os.fsync(out)
        finally:
            os.close(given)
            os.close(out)

    def dress(self, fd: int) -> None:
        """Owner, permissions, attributes, time."""
        status, found = self.status, os.fstat(fd)
        if (found.st_uid, found.st_gid) != (status.st_uid, status.st_gid):
            os.fchown(fd, status.st_uid, status.st_gid)
        os.fchmod(fd, stat.S_IMODE(status.st_mode))
        own = self.open()
        try:
            for key in os.listxattr(own):
                if not key.startswith(("trusted.overlay.", "user.overlay.")):
                    os.setxattr(fd, key, os.getxattr(own, key))
        finally:
            os.close(own)
        if stat.S_ISREG(status.st_mode):
            os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))
