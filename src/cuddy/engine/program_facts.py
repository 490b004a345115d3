"""Looking at a program that could not be executed, inside the container's root: facts for
`diagnosis`. Only after a failure; everything there is hostile.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy.engine import diagnosis
from cuddy.engine.diagnosis import Facts, File
from cuddy.errors import CommandNotExecutable, CommandNotFound
from cuddy.kernel import resolve
from cuddy.runtime import credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.spec import Process

MAX_CHAIN = 6  # the kernel gives up after five interpreters
MAX_PATH_BYTES = 4096
MAX_PLACES = 100  # of PATH: an image may list a million
OVERRIDING = frozenset({"CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH"})

Failure = CommandNotFound | CommandNotExecutable


def explain(error: Failure, pid: int, spec: Process) -> Failure:
    """The same failure with a hint from what is there, seen through the root of process `pid`.

    Without a finding, or if the process is gone, the failure is returned as it is.
    """
    try:
        root_fd = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return error
    try:
        found = gather(root_fd, spec)
    except (OSError, ValueError):
        return error
    finally:
        os.close(root_fd)
    format_error = os.strerror(errno.ENOEXEC).lower() in error.message
    hint = diagnosis.hint(found, format_error=format_error)
    return type(error)(error.message, hint=hint) if hint else error


def gather(root_fd: int, spec: Process) -> Facts:
    """The chain from the program to its last interpreter. Raises OSError."""
    name, cwd = spec["args"][0], spec["cwd"]
    searched = (
        () if "/" in name else tuple(credentials.search_path(spec.get("env", []))[:MAX_PLACES])
    )
    user = User(spec)
    program = find(root_fd, name, cwd, searched, user)
    chain: list[File] = []
    wanted = program.path if program else ""
    while wanted and len(chain) < MAX_CHAIN:
        file = look(root_fd, os.path.join(cwd, wanted), user)
        chain.append(file)
        wanted = interpreter(root_fd, file)
    return Facts(
        name, tuple(place for place in searched if place), user.uid, tuple(chain),
        os.uname().machine,
    )  # fmt: skip


def find(root_fd: int, name: str, cwd: str, searched: tuple[str, ...], user: User) -> File | None:
    """The program, or the first file of its name in PATH; None if there is none."""
    if "/" in name:
        return File(os.path.join(cwd, name))
    files = [look(root_fd, os.path.join(cwd, place, name), user) for place in searched]
    there = [file for file in files if file.kind == "file"]
    return next((file for file in there if file.executable), there[0] if there else None)


class User:
    """Who executes: enough to say what a mode means for them."""

    def __init__(self, spec: Process) -> None:
        user = spec.get("user", {})
        self.uid = user.get("uid", 0)
        self.groups = {user.get("gid", 0), *user.get("additionalGids", [])}
        effective = spec.get("capabilities", {}).get("effective", [])
        self.overrides = not OVERRIDING.isdisjoint(effective)

    def may_execute(self, status: os.stat_result) -> bool:
        """Whether the mode has the x that counts. For a directory it is the right to enter."""
        mode = status.st_mode
        if self.overrides:
            return stat.S_ISDIR(mode) or bool(mode & 0o111)
        if status.st_uid == self.uid:
            return bool(mode & stat.S_IXUSR)
        return bool(mode & (stat.S_IXGRP if status.st_gid in self.groups else stat.S_IXOTH))


def look(root_fd: int, path: str, user: User) -> File:
    """One file of the chain."""
    try:
        fd = resolve.open_in_root(root_fd, path, os.O_PATH)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise
        return File(path, "missing", link=link_at(root_fd, path))
    try:
        status = os.fstat(fd)
        kind = "directory" if stat.S_ISDIR(status.st_mode) else "other"
        file = File(
            path, "file" if stat.S_ISREG(status.st_mode) else kind, "", status.st_mode,
            user.may_execute(status), blocked(root_fd, path, user),
            bool(os.fstatvfs(fd).f_flag & os.ST_NOEXEC), status.st_size,
        )  # fmt: skip
    finally:
        os.close(fd)
    return file._replace(head=read(root_fd, path, 0, diagnosis.HEAD_BYTES))


def link_at(root_fd: int, path: str) -> str:
    """Where a symbolic link leads; "" if there is none."""
    try:
        fd = resolve.open_in_root(root_fd, path, os.O_PATH | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        return os.readlink("", dir_fd=fd)
    except OSError:
        return ""
    finally:
        os.close(fd)


def blocked(root_fd: int, path: str, user: User) -> str:
    """The first directory on the way that the user may not enter."""
    parts = path.strip("/").split("/")[:-1]
    for count in range(len(parts)):
        above = "/" + "/".join(parts[: count + 1])
        fd = resolve.open_in_root(root_fd, above, os.O_PATH)
        try:
            if not user.may_execute(os.fstat(fd)):
                return above
        finally:
            os.close(fd)
    return ""


def read(root_fd: int, path: str, offset: int, size: int) -> bytes:
    """A piece of a regular file; nothing of any other."""
    try:
        fd = resolve.open_file(root_fd, path)
    except OSError:
        return b""
    if fd < 0:
        return b""
    try:
        return os.pread(fd, size, offset) if offset < 1 << 62 else b""
    finally:
        os.close(fd)


def interpreter(root_fd: int, file: File) -> str:
    """The path of what would execute the file; "" if it needs nothing."""
    if file.kind != "file":
        return ""
    elf = diagnosis.parse_elf(file.head) if file.head.startswith(b"\x7fELF") else None
    if elf is None:
        return diagnosis.interpreter_line(file.head)
    size = min(elf.interpreter_bytes, MAX_PATH_BYTES)
    path = read(root_fd, file.path, elf.interpreter_offset, size) if size else b""
    return path.partition(b"\0")[0].decode("utf-8", "surrogateescape")
