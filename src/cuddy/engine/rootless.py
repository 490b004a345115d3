"""cuddy for an ordinary user: root in a user namespace of the user's own, user_namespaces(7).

    the user's uid        is  0      inside
    ids of /etc/subuid    are 1 ...  inside, where the user has been granted some

Every command of the user enters it before it does anything else, and from then on is root: over the
files of the user's home, and over the namespaces of the user's containers, but over nothing else of
the machine. They all share one, or they could not reach each other's containers. Nobody has to stay
behind to keep it: a command joins the namespace of any other process of the same home that lives,
and makes a new one when there is none. Mounts are each command's own.
"""

from __future__ import annotations

import errno
import os
import stat

from cuddy import files
from cuddy.engine import liveness
from cuddy.errors import NotPermitted, SystemFailure
from cuddy.kernel import mount, namespaces, process, subids

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RECORD = "rootless"
"""In the run root: the boot, then pid and start time of those that have come in."""
MAX_LINES = 64
MAX_BYTES = 1 << 14
HINT = "'cuddy doctor' tells what is missing"


def data_root(environment: Mapping[str, str], uid: int) -> str:
    """Where a user's images and containers live: XDG's directory for data."""
    data = environment.get("XDG_DATA_HOME", "")
    return f"{data if data.startswith('/') else f'{home_of(environment, uid)}/.local/share'}/cuddy"


def run_root(environment: Mapping[str, str], uid: int) -> str:
    """Where a user's running state lives: XDG's directory for that, if it is the user's."""
    for directory in (environment.get("XDG_RUNTIME_DIR", ""), f"/run/user/{uid}"):
        if directory.startswith("/") and is_own(directory, uid):
            return f"{directory}/cuddy"
    return f"/tmp/cuddy-run-{uid}"


def home_of(environment: Mapping[str, str], uid: int) -> str:
    """A user's home directory."""
    if environment.get("HOME", "").startswith("/"):
        return environment["HOME"]
    import pwd

    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        hint = "set HOME, or choose a place with --root"
        raise NotPermitted(f"user {uid} has no home directory", hint=hint) from None


def is_own(directory: str, uid: int) -> bool:
    """Whether a directory is the user's, and nobody else's to write to."""
    try:
        status = os.lstat(directory)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not status.st_mode & 0o022


def become_root(run_root: str) -> None:
    """Enter the user's namespace, as the calling process of one thread. The current directory stays
    where it is. Raises NotPermitted, SystemFailure.
    """
    uid = os.geteuid()
    try:
        files.make_directory(run_root)
    except OSError as error:
        raise SystemFailure.from_os("cannot make the directory of running state", error) from error
    if not is_own(run_root, uid):
        raise NotPermitted(
            f"{run_root} is not a directory that only you may write to",
            hint="choose another with --runroot",
        )
    try:
        with files.Lock(f"{run_root}/{RECORD}") as lock:
            if not join(run_root, lock.fd):
                make(lock.fd, uid)
            enrol(lock.fd)
    except OSError as error:
        raise refusal(error) from error


def join(run_root: str, record_fd: int) -> bool:
    """Enter the namespace of a process of this home that lives; False if there is none."""
    for pid, began in candidates(run_root, record_fd):
        pidfd = process.open_exact(pid, began)
        if pidfd < 0:
            continue
        try:
            namespaces.setns(pidfd, namespaces.CLONE_NEWUSER)
        except (ProcessLookupError, PermissionError):
            continue  # it has just ended
        finally:
            os.close(pidfd)
        namespaces.unshare(namespaces.CLONE_NEWNS)
        mount.set_propagation("/", mount.MS_SLAVE | mount.MS_REC)
        return True
    return False


def candidates(run_root: str, record_fd: int) -> Iterator[tuple[int, int]]:
    """Who may be in the namespace: commands that came in, then the monitors of containers."""
    boot, *lines = os.pread(record_fd, MAX_BYTES, 0).decode(errors="replace").split("\n")
    if boot != liveness.boot_id():
        os.ftruncate(record_fd, 0)
        return
    # The latest first: the others have probably ended.
    for line in reversed(lines):
        pid, _, began = line.partition(" ")
        if pid.isdecimal() and began.isdecimal():
            yield int(pid), int(began)
    for name in files.list_directory(run_root):
        pid_of_monitor, began_at, boot_of_it = liveness.read_monitor(f"{run_root}/{name}")
        if pid_of_monitor and boot_of_it == boot:
            yield pid_of_monitor, began_at


def make(record_fd: int, uid: int) -> None:
    """Enter a new namespace. Raises OSError, SystemFailure."""
    uids, gids = subids.granted(names_of(uid))
    if not uids or not gids or subids.missing_programs():
        uids = gids = ()
    complaint = subids.unshare(
        namespaces.CLONE_NEWNS, subids.lay_out(uid, uids), subids.lay_out(os.getegid(), gids)
    )
    if complaint:
        raise SystemFailure(f"cannot map the ids of your user namespace: {complaint}", hint=HINT)
    mount.set_propagation("/", mount.MS_SLAVE | mount.MS_REC)
    os.ftruncate(record_fd, 0)


def name_of(uid: int) -> str:
    """A user's login name; the number if there is none."""
    # Imported here, as below: what it looks into may be a directory service.
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def names_of(uid: int) -> set[str]:
    """What a user may be called in /etc/subuid."""
    return {str(uid), name_of(uid)}


def enrol(record_fd: int) -> None:
    """Write down that we are in."""
    pid = os.getpid()
    line = f"{pid} {files.start_time(pid)}\n"
    known = os.pread(record_fd, MAX_BYTES, 0).decode(errors="replace").splitlines(keepends=True)
    if len(known) > MAX_LINES:
        os.ftruncate(record_fd, 0)
        known[1:] = filter(lives, known[1:])
        os.pwrite(record_fd, "".join(known).encode(), 0)
    boot = [] if known else [f"{liveness.boot_id()}\n"]
    os.pwrite(record_fd, "".join([*boot, line]).encode(), sum(map(len, known)))


def lives(line: str) -> bool:
    """Whether the process of a line is there."""
    pid, _, began = line.strip().partition(" ")
    return pid.isdecimal() and began == str(files.start_time(int(pid)))


def refusal(error: OSError) -> NotPermitted | SystemFailure:
    """Why there is no user namespace for this user, and what to do about it."""
    if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSPC, errno.EUSERS):
        return NotPermitted(
            "this machine does not let you make user namespaces, which cuddy needs without root",
            hint=HINT,
        )
    return SystemFailure.from_os("cannot enter your user namespace", error, hint=HINT)


def is_rootless() -> bool:
    """Whether our power is only over what belongs to a user namespace."""
    return not namespaces.is_initial("user")
