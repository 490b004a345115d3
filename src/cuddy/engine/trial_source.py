"""What is new, in a trial: compared with what the host has, and made there under a new name."""

from __future__ import annotations

import os
import stat

from cuddy.kernel import resolve, transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.trial_diff import Change

READING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY


def look(parent_fd: int, name: bytes) -> os.stat_result | None:
    """What is under a name; None if nothing is."""
    try:
        return os.stat(name, dir_fd=parent_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def key_of(status: os.stat_result) -> tuple[int, int] | None:
    """What all names of a file have in common; None if it has no other, or is no file."""
    if not stat.S_ISREG(status.st_mode) or status.st_nlink < 2:
        return None
    return status.st_dev, status.st_ino


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

    @property
    def key(self) -> tuple[int, int] | None:
        """What its names have in common; None if it has no other."""
        return key_of(self.status)

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
