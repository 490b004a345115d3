"""Files that are never half written, and the locks and temporary names around them.

JSON goes through CPython's C scanner and encoder directly: the `json` package imports `re`, which
costs as much as starting a container's namespaces.

Temporary names live in one `tmp/` directory per root and carry their owner's pid and start time
(`name_temporary`), so that `sweep_temporary` can tell an abandoned one from one in use.
"""

from __future__ import annotations

import _json
import errno
import fcntl
import os
import stat
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

MAX_JSON_BYTES = 32 << 20


class _Reading:
    """What the C scanner asks of its context object (json/scanner.py)."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int

    @staticmethod
    def parse_constant(name: str) -> None:
        raise ValueError(f"{name} is not JSON")


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} is not JSON")


_scan = _json.make_scanner(_Reading)  # type: ignore[arg-type]
_encode = _json.make_encoder(
    None, _refuse, _json.encode_basestring_ascii, None, ":", ",", False, False, False
)
quote = _json.encode_basestring_ascii
"""`quote(text)`: the text as a JSON string, ASCII only."""


def parse_json(data: bytes | str) -> Any:
    """The value of one JSON document. Raises ValueError (also for absurd depth and wrong UTF-8)."""
    text = (data if isinstance(data, str) else data.decode()).strip(" \t\r\n")
    try:
        value, end = _scan(text, 0)
    except StopIteration as error:
        raise ValueError(f"JSON: no value at character {error.value}") from None
    except RecursionError:
        raise ValueError("JSON: nested too deeply") from None
    except SystemError:  # Python 3.11's scanner looks for its error class in json.decoder
        raise ValueError("JSON: malformed") from None
    if end != len(text):
        raise ValueError(f"JSON: text after the value at character {end}")
    return value


def format_json(value: Any) -> str:
    """The value as compact JSON, ASCII only, keys in the order they have."""
    return "".join(_encode(value, 0))


def read_bytes(path: str, *, limit: int = MAX_JSON_BYTES) -> bytes:
    """The whole regular file. Raises OSError, ValueError above `limit` bytes or for a pipe."""
    # Without O_NONBLOCK a fifo in the file's place would hold us up for ever.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path}: not a regular file")
        if status.st_size > limit:
            raise ValueError(f"{path}: larger than {limit} bytes")
        chunks = []  # in no more room than they need; the kernel's files say that they are empty
        while chunk := os.read(fd, max(status.st_size + 1, 1 << 12)):
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(fd)


def read_json(path: str) -> Any:
    """The JSON document in a file. Raises OSError, ValueError."""
    return parse_json(read_bytes(path))


def write(
    path: str, data: bytes, *, mode: int = 0o600, durable: bool = True, aside: str = ""
) -> None:
    """Replace `path` by `data` in one rename; `durable` survives a power cut as well as a kill.

    The temporary name stands beside the file, since a rename does not cross file systems; or in a
    directory of the same one, `aside`, where whoever lists the files does not meet it.
    """
    temporary = f"{aside}/{name_temporary()}" if aside else f"{path}.{name_temporary()}"
    fd = -1
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        write_all(fd, data)
        if durable:
            os.fsync(fd)
        os.rename(temporary, path)
    except BaseException:  # Ctrl-C may come between any two of them
        try:
            os.unlink(temporary)
        except OSError:
            pass  # it was never made, or renamed just before
        raise
    finally:
        if fd >= 0:
            os.close(fd)


def write_json(
    path: str, value: Any, *, mode: int = 0o600, durable: bool = True, aside: str = ""
) -> None:
    """Replace `path` by the value as JSON, see `write`."""
    write(path, format_json(value).encode() + b"\n", mode=mode, durable=durable, aside=aside)


def overwrite(path: str, data: bytes) -> None:
    """Replace a small file's content in its own room, for a disk too full for `write`.

    One write(2), so a kill leaves old or new; blanks fill up what the old was longer.
    """
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.write(fd, data.ljust(os.fstat(fd).st_size))
    finally:
        os.close(fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """write(2) until nothing is left."""
    written = os.write(fd, data)
    if written < len(data):
        rest = memoryview(data)[written:]
        while rest:
            rest = rest[os.write(fd, rest) :]


def make_directory(path: str, mode: int = 0o700) -> None:
    """mkdir -p: make the directory and its missing parents. Raises OSError."""
    for is_last in (False, True):
        try:
            os.mkdir(path, mode)
        except FileExistsError:
            if not os.path.isdir(path):
                raise
        except FileNotFoundError:
            if is_last:
                raise  # some file systems say this when they mean "not here": /proc
            make_directory(os.path.dirname(path), mode)  # perhaps others make it just now
            continue
        return


class Lock:
    """An flock(2) on a file, held inside `with`; the kernel releases it when its holder dies."""

    def __init__(self, path: str, *, shared: bool = False) -> None:
        self.path = path
        self.mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self.fd = -1

    def __enter__(self) -> Lock:
        try:
            self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self.fd, self.mode)
        except BaseException:  # Ctrl-C in here too must not leave it locked
            self.close()
            raise
        return self

    def attempt(self) -> bool:
        """Take the lock if nobody has it; False if somebody has. Pair with `close`."""
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.fd, self.mode | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            return False
        return True

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __exit__(self, *_: object) -> None:
        self.close()


def start_time(pid: int) -> int:
    """When a process began, in clock ticks after boot (proc(5), stat field 22); 0 if it is gone.

    A pid with its start time names one process for ever; a pid alone does not.
    """
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    try:
        # The command name may hold spaces and brackets: count from the last bracket.
        fields = os.read(fd, 4096).rpartition(b")")[2].split()
    except ProcessLookupError:
        return 0
    finally:
        os.close(fd)
    return int(fields[19]) if fields and fields[0] not in (b"Z", b"X") else 0


def name_temporary() -> str:
    """A name nobody else uses: owner's pid, owner's start time, random digits."""
    pid = os.getpid()
    return f"{pid}-{start_time(pid)}-{os.urandom(6).hex()}.tmp"


def is_abandoned(name: str) -> bool:
    """Whether a temporary name's owner is no longer alive. False for names of another form."""
    pid, began = _owner(name)
    return bool(pid) and start_time(pid) != began


def is_temporary(name: str) -> bool:
    """Whether a name has the form of a temporary one."""
    return bool(_owner(name)[0])


def _owner(name: str) -> tuple[int, int]:
    """pid and start time in a temporary name; zeros in another."""
    if not name.endswith(".tmp") or len(name) > 255:  # no file has a longer one
        return 0, 0
    try:
        pid, began, _ = name[:-4].rsplit(".", 1)[-1].split("-")
        return int(pid), int(began)
    except ValueError:
        return 0, 0


def sweep_temporary(directory: str, *, own: bool = False) -> None:
    """Remove what dead processes left in a directory of temporary names; `own`: and this one.

    The rest is for the next sweep: of a child that outlives its owner by moments and still adds to
    it, and what cannot be removed (an immutable file, a mount) must not keep anybody from working.
    """
    for name in list_directory(directory):
        if is_abandoned(name) or (own and _owner(name)[0] == os.getpid()):
            try:
                remove_tree(os.path.join(directory, name))
            except OSError:
                pass


def list_directory(path: str) -> list[str]:
    """Names in a directory; none if there is no such directory."""
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []


def remove_tree(path: str) -> None:
    """rm -rf that follows no link and crosses no mount; a missing path is fine.

    Walks by descriptors, so that nobody can swap a directory for a link on the way, and lifts what
    lies deeper than `MAX_DEPTH` to the top first, so that depth costs neither recursion nor
    descriptors. Raises OSError.
    """
    try:
        parent = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        remove_below(parent, os.path.basename(path))
    finally:
        os.close(parent)


def clear_directory(path: str, *, but: Collection[str]) -> None:
    """`remove_tree` of all that is in a directory, but for some names. Raises OSError."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        remove_below(directory, *(name for name in os.listdir(directory) if name not in but))
    finally:
        os.close(directory)


def remove_below(parent: int, *names: str) -> None:
    """`remove_tree` of names in the directory that the descriptor `parent` is."""
    lifted = list(names)
    mount = mount_of(parent)
    while lifted:
        try:
            _remove(parent, lifted.pop(), mount, 0, parent, lifted)
        except FileNotFoundError:
            pass


MAX_DEPTH = 64
ATTEMPTS = 3  # at one directory, to which others may be adding


def mount_of(fd: int) -> bytes:
    """The id of the mount a descriptor is on (proc(5), fdinfo). A device number would not do:
    a bind mount within one file system has the same."""
    info = os.open(f"/proc/self/fdinfo/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(info, 4096).partition(b"mnt_id:")[2].split()[0]
    finally:
        os.close(info)


def _remove(parent: int, name: str, mount: bytes, depth: int, top: int, lifted: list[str]) -> None:
    try:
        os.unlink(name, dir_fd=parent)
        return
    except (IsADirectoryError, PermissionError):
        # unlink(2) of a directory is EPERM on some file systems, and of an immutable file on all.
        pass
    try:
        # Most directories are empty, such as overlayfs and we make them: looking inside costs more.
        os.rmdir(name, dir_fd=parent)
        return
    except OSError:
        pass
    if depth > MAX_DEPTH:
        lifted.append(name_temporary())
        os.rename(name, lifted[-1], src_dir_fd=parent, dst_dir_fd=top)
        return
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if mount_of(fd) != mount:
            raise OSError(errno.EXDEV, "a file system is mounted there", name)
        for attempt in range(1, ATTEMPTS + 1):
            for entry in os.listdir(fd):
                try:
                    _remove(fd, entry, mount, depth + 1, top, lifted)
                except FileNotFoundError:
                    pass  # somebody else removes it too
            try:
                os.rmdir(name, dir_fd=parent)
                return
            except OSError as error:
                if error.errno != errno.ENOTEMPTY or attempt == ATTEMPTS:
                    raise  # else somebody has put something in
    finally:
        os.close(fd)


def now() -> str:
    """The time as Docker writes it: RFC 3339 with nanoseconds, UTC."""
    return format_time(time.time_ns())


def format_time(stamp_ns: int) -> str:
    """Nanoseconds since the epoch as RFC 3339 with nanoseconds, UTC."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}Z"


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time. Raises ValueError."""
    date, _, clock = text.partition("T")
    year, month, day = (int(part) for part in date.split("-"))
    plain, offset = _split_offset(clock)
    hour, minute, rest = plain.split(":")
    second, _, fraction = rest.partition(".")
    seconds = ((days_from_epoch(year, month, day) * 24 + int(hour)) * 60 + int(minute)) * 60
    return (seconds + int(second) - offset) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))


def _split_offset(clock: str) -> tuple[str, int]:
    """A clock time without its zone, and the zone's offset in seconds."""
    if clock.endswith(("Z", "z")):
        return clock[:-1], 0
    hours, minutes = clock[-5:].split(":")
    seconds = (int(hours) * 60 + int(minutes)) * 60
    if clock[-6:-5] not in ("+", "-"):
        raise ValueError(f"{clock}: no zone")
    return clock[:-6], -seconds if clock[-6] == "-" else seconds


def days_from_epoch(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the Gregorian calendar, whose years here begin in March."""
    if not (0 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError(f"{year}-{month}-{day} is not a date")
    years = year - (month < 3)
    in_year = (153 * ((month - 3) % 12) + 2) // 5 + day - 1
    return 365 * years + years // 4 - years // 100 + years // 400 + in_year - 719468
