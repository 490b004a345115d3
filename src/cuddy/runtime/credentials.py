"""Giving up power: user, groups, capabilities, limits (credentials(7), capabilities(7)).

Order matters: the bounding set shrinks while CAP_SETPCAP is still effective; the ids change with
"keep capabilities" set, or the kernel would take the permitted set away; the final sets come last.
"""

from __future__ import annotations

import errno
import os
import resource
import stat

from cuddy.errors import InvalidArgument, NotPermitted
from cuddy.kernel import capabilities, process
from cuddy.kernel.capabilities import Sets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from cuddy.runtime.spec import Capabilities, Process, Rlimit, User

KINDS: tuple[Literal["bounding", "effective", "inheritable", "permitted", "ambient"], ...] = (
    "bounding", "effective", "inheritable", "permitted", "ambient",
)  # fmt: skip
NULL_DEVICE = os.makedev(1, 3)
LOWERED_LAST = frozenset(("RLIMIT_NOFILE", "RLIMIT_AS", "RLIMIT_DATA"))
"""Limits on what the way to the program takes more of than the program may be given."""


def choose_sets(spec: Process, warn: Callable[[str], None]) -> Sets:
    """What of the capabilities that the process is to have it can have.

    The rest is said, and no reason not to run (runtime-spec, "process.capabilities").
    """
    present = capabilities.bounding()
    own = capabilities.from_mask(capabilities.permitted() & present)
    sets, missing = fit(spec.get("capabilities", {}), own, present)
    if missing:
        warn(f"ignoring unknown or unavailable capabilities: {' '.join(sorted(missing))}")
    for name in sorted(own.intersection(spec.get("capabilities", {}).get("ambient", ()))):
        if name not in sets.ambient:
            warn(f"can't raise ambient capability {name}: operation not permitted")
    return sets


def fit(wanted: Capabilities, own: frozenset[str], present: int) -> tuple[Sets, set[str]]:
    """The sets as the kernel takes them, within what is our own and within each other; and what
    nobody knows or we have not got. Pure.
    """
    every = set[str]().union(*[wanted.get(kind, ()) for kind in KINDS])
    bounding = own.intersection(wanted.get("bounding", ()))
    permitted = own.intersection(wanted.get("permitted", ()))
    inheritable = bounding.intersection(wanted.get("inheritable", ()))
    effective = permitted.intersection(wanted.get("effective", ()))
    ambient = (permitted & inheritable).intersection(wanted.get("ambient", ()))
    return Sets(present, bounding, permitted, effective, inheritable, ambient), every - own


def become_user(spec: Process, sets: Sets, keep: tuple[str, ...] = ()) -> None:
    """Change to the process's user, groups and capabilities. Raises OSError.

    `keep`: what stays effective until the next execve(2) as well.
    """
    user = spec.get("user", {})
    own_stdio(user)
    capabilities.drop_bounding(sets.bounding, sets.present)
    process.prctl(process.PR_SET_KEEPCAPS, 1)
    signal = process.death_signal()
    change_ids(user)
    if signal:  # which changing ids has cleared: prctl(2)
        process.prctl(process.PR_SET_PDEATHSIG, signal)
    process.prctl(process.PR_SET_KEEPCAPS, 0)
    capabilities.set_sets(
        permitted=sets.permitted.union(keep),
        effective=sets.effective.union(keep),
        inheritable=sets.inheritable,
    )
    capabilities.set_ambient(sets.ambient)
    if spec.get("noNewPrivileges"):
        process.prctl(process.PR_SET_NO_NEW_PRIVS, 1)


def change_ids(user: User) -> None:
    """setgroups, setgid, setuid."""
    uid, gid = user.get("uid", 0), user.get("gid", 0)
    groups = user.get("additionalGids", [])
    try:
        set_groups(groups, gid)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise NotPermitted(f"user {uid}:{gid} does not exist in the container's user namespace",
                           hint="'cuddy doctor' tells how to get more ids") from None  # fmt: skip
    os.umask(user.get("umask", 0o022))


def set_groups(groups: list[int], gid: int) -> None:
    """setgroups(2). Where the primary group is all there is, it may not be there:
    user_namespaces(7).
    """
    try:
        os.setgroups(groups)
    except PermissionError:
        if set(groups) - {gid}:
            raise


def own_stdio(user: User) -> None:
    """Give standard streams that we made to the user, so that /dev/stdout can be opened again.

    Devices that are no terminals belong to everybody and stay root's.
    """
    for fd in (0, 1, 2):
        status = os.fstat(fd)
        if status.st_rdev == NULL_DEVICE or status.st_uid == user.get("uid", 0):
            continue
        if stat.S_ISFIFO(status.st_mode) or os.isatty(fd):
            try:
                os.fchown(fd, user.get("uid", 0), status.st_gid)
            except OSError:
                pass  # a stream of the caller's that may not change hands: only a comfort


def set_limits(rlimits: list[Rlimit], warn: Callable[[str], None], pid: int = 0) -> None:
    """prlimit(2) for each; a limit above what we may raise to is clamped, and said so.

    What would hinder us is not lowered yet (`lower_limits`). `pid`: whose limits; 0 for our own.
    """
    for limit in rlimits:
        number = getattr(resource, limit["type"], None)
        if number is None or not limit["type"].startswith("RLIMIT_"):
            raise InvalidArgument(f"unknown resource limit {limit['type']!r}")
        soft, hard = as_rlim(limit["soft"]), as_rlim(limit["hard"])
        if limit["type"] in LOWERED_LAST:
            now = resource.prlimit(pid, number)
            soft, hard = max(soft, now[0], key=as_count), max(hard, now[1], key=as_count)
        try:
            resource.prlimit(pid, number, (soft, hard))
        except (ValueError, PermissionError):
            _, ceiling = resource.prlimit(pid, number)
            clamped = min(as_count(soft), as_count(ceiling)), min(as_count(hard), as_count(ceiling))
            resource.prlimit(pid, number, (as_rlim(clamped[0]), as_rlim(clamped[1])))
            name = limit["type"].removeprefix("RLIMIT_").lower()
            warn(f"ulimit {name}: {limit['hard']} is above what this host allows, using {ceiling}")


def lower_limits(rlimits: list[Rlimit]) -> None:
    """Those of LOWERED_LAST, for which nobody needs power: nothing is opened or made after this."""
    for limit in rlimits:
        if limit["type"] in LOWERED_LAST:
            number = getattr(resource, limit["type"])
            _, ceiling = resource.getrlimit(number)
            soft = min(as_rlim(limit["soft"]), ceiling, key=as_count)
            hard = min(as_rlim(limit["hard"]), ceiling, key=as_count)
            resource.setrlimit(number, (soft, hard))


def as_count(value: int) -> int:
    """A limit as a number that compares: unlimited is the largest."""
    return (1 << 64) - 1 if value == resource.RLIM_INFINITY else value


def as_rlim(value: int) -> int:
    """A limit as `resource` wants it: the largest 64-bit number, or -1, is RLIM_INFINITY."""
    return resource.RLIM_INFINITY if value < 0 or value >= (1 << 63) - 1 else value


def set_oom_score(score: int, warn: Callable[[str], None], pid: int | str = "self") -> None:
    """Write oom_score_adj; lowering it needs CAP_SYS_RESOURCE and is only warned about."""
    path = f"/proc/{pid}/oom_score_adj"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except PermissionError:
        # In a user namespace what cannot be dumped is not root's, not even one's own: proc(5).
        process.prctl(process.PR_SET_DUMPABLE, 1)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        finally:
            process.prctl(process.PR_SET_DUMPABLE, 0)
    try:
        if int(os.read(fd, 16)) == score:
            return
        os.pwrite(fd, str(score).encode(), 0)
    except PermissionError:
        warn(f"oom_score_adj {score}: this host does not let us lower it")
    finally:
        os.close(fd)


def find_program(name: str, environment: list[str], cwd: str) -> str:
    """The path that execvp(3) would run, searched in the container's own PATH.

    Raises FileNotFoundError or PermissionError as execvp would.
    """
    directories = [cwd] if "/" in name else search_path(environment)
    refused = False
    for directory in directories:
        path = os.path.join(directory or cwd, name)
        try:
            status = os.stat(path)
        except PermissionError:
            refused = True
            continue
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and os.access(path, os.X_OK, effective_ids=True):
            return path
        # In PATH a directory of that name is passed over; named by its path it was meant.
        refused |= stat.S_ISREG(status.st_mode) or "/" in name
    if refused:
        raise PermissionError(13, "permission denied", name)
    where = "no such file or directory" if "/" in name else "executable file not found in $PATH"
    raise FileNotFoundError(2, where, name)


def search_path(environment: list[str]) -> list[str]:
    """PATH of an environment; none at all if it is not set, as runc has it."""
    for entry in reversed(environment):
        if entry.startswith("PATH="):
            return entry[5:].split(":")
    return []
