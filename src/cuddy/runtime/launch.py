"""The last steps before a program runs in a container, the same for its first process and for
`exec`: working directory, the program's path, giving up power, and the springboard.
"""

from __future__ import annotations

import errno
import fcntl
import os

from cuddy.errors import CommandNotExecutable, CommandNotFound, CuddyError, SystemFailure
from cuddy.kernel import process, resolve, seccomp, springboard
from cuddy.runtime import credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable, Iterable
    from typing import NoReturn, TypeVar

    from cuddy.kernel.capabilities import Sets
    from cuddy.kernel.springboard import Leap
    from cuddy.runtime.filters import Filter
    from cuddy.runtime.handshake import Channel
    from cuddy.runtime.scheduling import Plan
    from cuddy.runtime.spec import Linux, Process

    Taker = TypeVar("Taker")

SCHEDULING = frozenset(
    ("scheduler", "ioPriority", "execCPUAffinity", "memoryPolicy", "personality")
)
"""Fields of process and linux that scheduling.py knows."""

WITH_LISTENER = (
    seccomp.SECCOMP_FILTER_FLAG_NEW_LISTENER | seccomp.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
)
"""Flags of a filter that asks somebody; a call it asks nobody about fails with ENOSYS."""


def enter_cwd(cwd: str, *, make: bool) -> bool:
    """The working directory, made if missing and asked for, and inside the root (CVE-2024-21626).

    False if we may not enter it: perhaps its user may, whom we are not yet. Raises
    CommandNotExecutable if it may not be made, SystemFailure if it cannot.
    """
    try:
        if make:
            make_directory(cwd)
        os.chdir(cwd)
        inside = os.getcwd().startswith("/")
    except PermissionError:
        return False
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CommandNotExecutable(
            f'chdir to cwd ("{cwd}") failed: {(error.strerror or "").lower()}',
            hint="--workdir names one that is in the container",
        ) from None
    except OSError as error:
        raise SystemFailure.from_os(f"cannot enter the working directory {cwd}", error) from error
    if not inside:
        raise SystemFailure(f"the working directory {cwd} lies outside the container")
    return True


def enter_cwd_as_user(cwd: str) -> None:
    """The same as its user. Raises SystemFailure."""
    if not enter_cwd(cwd, make=False):
        raise SystemFailure(
            f'chdir to cwd ("{cwd}") failed: permission denied',
            hint="neither root nor the user may enter it",
        )


def make_directory(path: str) -> None:
    """A working directory that nobody has made yet. Raises OSError, SystemFailure."""
    try:
        os.makedirs(path, 0o755, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise SystemFailure(f"Cannot mkdir: {path} is not a directory") from None


def look_up(spec: Process) -> str:
    """The path of the program to run. Raises CommandNotFound, CommandNotExecutable."""
    name = spec["args"][0]
    looking = f"stat {name}: " if "/" in name else ""  # as Go's exec.LookPath has it
    try:
        return credentials.find_program(name, spec.get("env", []), spec["cwd"])
    except PermissionError:
        raise CommandNotExecutable(f'exec: "{name}": permission denied') from None
    except OSError as error:
        raise CommandNotFound(f'exec: "{name}": {looking}{error.strerror}') from None


def check_labels(spec: Process, mount_label: str = "") -> None:
    """What a security module is to do for the process or its mounts, it must be there to do.

    Before anything is made. Raises SystemFailure.
    """
    label = spec.get("selinuxLabel", "")
    if profile_of(spec) or label or mount_label:
        # Imported here: few have one, and inside the container nothing can be imported.
        from cuddy.kernel import lsm

        lsm.check(profile_of(spec), label or mount_label)


def profile_of(spec: Process) -> str:
    """The AppArmor profile to announce; where there is no AppArmor, everybody is unconfined."""
    profile = spec.get("apparmorProfile", "")
    if profile != "unconfined":
        return profile
    from cuddy.kernel import lsm

    return profile if lsm.has_apparmor() else ""


def plan_scheduling(spec: Process, linux: Linux) -> Plan | None:
    """How the process is to be scheduled; mostly None: nobody says. Raises InvalidArgument."""
    if SCHEDULING.isdisjoint(spec) and SCHEDULING.isdisjoint(linux):
        return None
    from cuddy.runtime import scheduling  # here: few ask for any of it

    return scheduling.plan(spec, linux)


def open_proc(spec: Process) -> int:
    """While procfs is the host's: it, for a process with a profile or label; -1 without one."""
    if not (spec.get("apparmorProfile") or spec.get("selinuxLabel")):
        return -1
    from cuddy.kernel import lsm  # which `check_labels` has loaded

    return lsm.open_proc() if profile_of(spec) or spec.get("selinuxLabel") else -1


def open_attribute(spec: Process, proc_fd: int) -> int:
    """Where `run` announces profile or label, -1 without one. Takes over what `open_proc`
    returned.
    """
    if proc_fd < 0:
        return -1
    from cuddy.kernel import lsm  # which `check_labels` has loaded

    try:
        return lsm.open_attribute(proc_fd, spec.get("apparmorProfile", ""))
    finally:
        os.close(proc_fd)


def run(
    spec: Process, channel: Channel, springboard_fd: int, filter: Filter, attribute_fd: int,
    sets: Sets, letter_box: socket | None = None,
    *, preserve_fds: int = 0, is_in_cwd: bool = True, program: str = "",
) -> NoReturn:  # fmt: skip
    """Give up power and become the program. Raises if it cannot.

    `attribute_fd`: from `open_attribute`; `sets`: from `credentials.choose_sets`; `preserve_fds`:
    how many from 3 on the program keeps; `letter_box`: of a filter with a listener; `is_in_cwd`:
    what `enter_cwd` said; `program`: its path, if that is not to be looked up.
    """
    give_up_power(spec, sets, filter)
    if not is_in_cwd:
        enter_cwd_as_user(spec["cwd"])
    path = program or look_up(spec)
    if attribute_fd >= 0:
        from cuddy.kernel import lsm  # which `check_labels` has loaded

        lsm.announce(attribute_fd, spec.get("apparmorProfile", ""), spec.get("selinuxLabel", ""))
    process.close_on_exec_from(3 + preserve_fds)
    leap = springboard.aim(springboard_fd, path, spec["args"], with_home(spec))
    credentials.lower_limits(spec.get("rlimits", []))
    jump(leap, filter, channel.fileno(), letter_box)


def give_up_power(spec: Process, sets: Sets, filter: Filter) -> None:
    """Become the process's user, with no more power than that has; after it, `jump`.

    The filter is the very last thing, and need not allow anything that setting up takes. Without
    no_new_privs, loading it takes CAP_SYS_ADMIN, which is kept until then: the springboard's
    execve(2) makes the sets anew from the bounding, inheritable and ambient ones, which have been
    the container's before (capabilities(7), "Transformation of capabilities during execve").
    """
    takes_power = bool(filter.program) and not spec.get("noNewPrivileges")
    credentials.become_user(spec, sets, keep=("CAP_SYS_ADMIN",) if takes_power else ())


def jump(leap: Leap, filter: Filter, status_fd: int, letter_box: socket | None = None) -> NoReturn:
    """The filter, and the program. Raises if it cannot be."""
    os.set_inheritable(status_fd, True)
    if filter.program:
        load_filter(filter, leap, status_fd, letter_box)
    springboard.leap(leap)


def load_filter(filter: Filter, leap: Leap, status_fd: int, letter_box: socket | None) -> None:
    """The filter, with doors for what comes before the program where it could be in the way.

    The pointers of the leap are nobody's after it; its landing marks a descriptor that is gone
    then close-on-exec. The program's own execve(2) is the profile's affair.
    """
    doors = []
    if filter.tight:
        landing = (status_fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        doors += [seccomp.Door("execveat", leap.arguments), seccomp.Door("fcntl", landing)]
    if not letter_box:
        seccomp.load(seccomp.with_doors(filter.program, doors), filter.flags & ~WITH_LISTENER)
        return
    from cuddy.runtime import listener  # which the creator has loaded

    letter = listener.collect(letter_box)
    program = seccomp.with_doors(filter.program, [*doors, letter.door()])
    letter.send(seccomp.load(program, filter.flags))


def with_home(spec: Process) -> list[str]:
    """The environment; HOME is the user's in the container's passwd(5) if nobody said otherwise."""
    # Of several with one name the last counts, as runc has it: execve(2) would pass on all.
    variables = {entry.partition("=")[0]: entry for entry in spec.get("env", [])}
    if variables.get("HOME", "HOME=") == "HOME=":
        variables.pop("HOME", "")
        variables["HOME"] = f"HOME={find_home(spec.get('user', {}).get('uid', 0))}"
    return list(variables.values())


def find_home(uid: int) -> str:
    """A user's home directory, / if there is none."""
    root_fd = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        accounts = resolve.read_in_root(root_fd, "/etc/passwd")
    except OSError:
        return "/"
    finally:
        os.close(root_fd)
    for line in accounts.split(b"\n"):
        fields = line.split(b":")
        if len(fields) >= 6 and fields[2] == b"%d" % uid:
            return os.fsdecode(fields[5]).replace("\0", "") or "/"
    return "/"


def take(
    steps: Iterable[Callable[[Taker], None]], taker: Taker, channel: Channel, name: str
) -> NoReturn:
    """Take every step, in a process that was cloned for it. A failure names its step; nothing ever
    returns into the creator's code. `name`: of all of them together.
    """
    try:
        for step in steps:
            name = step.__name__
            step(taker)
    except BaseException as error:
        report(channel, name, error)
    finally:
        os._exit(1)


def report(channel: Channel, step: str, error: BaseException) -> None:
    """Tell the creator why there will be no container."""
    kind = "error"
    if isinstance(error, CommandNotFound):
        kind = "not found"
    elif isinstance(error, CommandNotExecutable):
        kind = "not executable"
    if isinstance(error, CuddyError):
        text = str(error)
    elif isinstance(error, OSError):
        reason = os.strerror(error.errno) if error.errno else str(error)
        text = f"container init, step {step}: {error.filename or ''}: {reason.lower()}"
    else:
        text = f"container init, step {step}: {type(error).__name__}: {error}"
    try:
        channel.send(kind, text)
        if kind != "error":
            channel.receive()  # until it has looked at our root, to see why
    except OSError as lost:
        if lost.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
            raise


def expect_go(channel: Channel) -> None:
    """Wait for the creator's "go"; without it there is nobody to report to."""
    if channel.receive().kind != "go":
        os._exit(1)
