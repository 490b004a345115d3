"""Try: run a command on a copy-on-write view of this machine, and decide later on what it did.

The command has the caller's ids, directory, terminal and environment, and the host's network and
processes. It is not kept from anything but files: who is hostile needs a container. As root it has
a container's powers, or it could undo the view.
"""

from __future__ import annotations

import _signal
import errno
import os

from cuddy import files
from cuddy.engine import defaults, trial_plan, trial_view, trials
from cuddy.errors import (
    CommandNotExecutable,
    CommandNotFound,
    NoSuchTrial,
    SystemFailure,
)
from cuddy.kernel import capabilities, idmap, namespaces, process
from cuddy.kernel.idmap import IdRange
from cuddy.kernel.mount import list_mounts
from cuddy.shapes import NamedTuple
from cuddy.undo import Shield, Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

    from cuddy.engine.home import Home
    from cuddy.engine.trials import Trial

MORE_POWERS = frozenset((
    "CAP_IPC_LOCK", "CAP_LEASE", "CAP_NET_ADMIN", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
))  # fmt: skip
"""What root's command has besides a container's powers: nothing that reaches files another way, as
CAP_DAC_READ_SEARCH does: by open_by_handle_at(2), past the view through any descriptor of a file.
"""
DISKS = frozenset(("CAP_MKNOD",))
"""And what a container has because its devices are limited otherwise."""
NOT_FOUND, NOT_EXECUTABLE, OTHER = b"f", b"x", b"o"


class Caller(NamedTuple):
    """Who asks, from where."""

    uid: int
    gid: int
    cwd: str
    environment: Mapping[str, str]

    @property
    def places(self) -> list[str]:
        """Where the caller has files."""
        named = (self.environment.get(name, "") for name in ("HOME", "XDG_RUNTIME_DIR"))
        return [path for path in (self.cwd, *named) if path.startswith("/")]


def run(home: Home, name: str, words: list[str], caller: Caller) -> tuple[Trial, int]:
    """Run a command in a trial of that name, new or not; its exit code.

    Raises Conflict, CommandNotFound, CommandNotExecutable, SystemFailure.
    """
    try:
        trial = trials.read(home, name) if name else trials.create(home, "", caller.uid)
    except NoSuchTrial:
        trial = trials.create(home, name, caller.uid)
    where = trials.where(home, trial["Name"])
    with trials.Turn(home, trial["Name"]):
        trial = trials.read(home, trial["Name"])  # others may have had their turn meanwhile
        with Undo() as undo:
            if not trial["Parts"]:
                undo.add(trials.remove, home, trial["Name"])  # if nothing is run in it
                prepare(home, trial, caller)
            trial["Commands"].append(words)
            trial["ExitCode"] = -1
            trials.write(home, trial)
            trial["ExitCode"] = attend(where, trial, words, caller)
        trials.write(home, trial)
    return trial, trial["ExitCode"]


def prepare(home: Home, trial: Trial, caller: Caller) -> None:
    """Decide what the view shows, and make what it writes to. Raises SystemFailure."""
    where = trials.where(home, trial["Name"])
    try:
        for directory in trials.DIRECTORIES:
            # Of a preparation that was killed.
            files.clear_directory(f"{where}/{directory}", but=())
        parts = trial_view.decide((home.root, home.run_root), caller.places)
        trial["Mounts"] = [[point.target, point.device, point.root] for point in list_mounts()]
        trial["Copied"] = trial_view.prepare(where, parts)
        trial["Parts"] = [list(part) for part in parts]
    except OSError as error:
        raise SystemFailure.from_os("cannot prepare the view of this machine", error) from error


def attend(where: str, trial: Trial, words: list[str], caller: Caller) -> int:
    """Run the command, and wait for all that it leaves running; its exit code.

        we ── keeper ── command ── ...

    The keeper has the trial's lock as we do, and is there until nothing of the command is: so
    whoever kills us, nobody decides on a trial in which something still runs.
    """
    heard, say = os.pipe2(os.O_CLOEXEC)
    with Shield():  # until there is somebody whom signals can go to
        us, keeper = os.getpid(), os.fork()
        if keeper == 0:
            os.close(heard)
            keep(where, trial, words, caller, say, us)
        os.close(say)
        before = heed(keeper)
    try:
        complaint = hear(heard)
        _, status = os.waitpid(keeper, 0)
    finally:
        os.close(heard)
        for number, handler in before.items():
            _signal.signal(number, handler)
    refuse(complaint, words[0])
    return process.exit_code(status)


def heed(pid: int) -> dict[int, Any]:
    """Keys of the terminal are for the command; who ends us means it as well. What was before."""

    def pass_on(number: int, _: object) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # it has just ended, and so does what is left of it

    handlers = dict.fromkeys((_signal.SIGINT, _signal.SIGQUIT), _signal.SIG_IGN)
    handlers |= dict.fromkeys((_signal.SIGTERM, _signal.SIGHUP), pass_on)
    return {number: _signal.signal(number, handler) for number, handler in handlers.items()}


class Left(Exception):
    """Who started us is gone."""


def leave(number: int, frame: object) -> NoReturn:
    """The handler for that."""
    raise Left


def keep(
    where: str, trial: Trial, words: list[str], caller: Caller, say: int, starter: int
) -> NoReturn:
    """The keeper: waits for the command, then ends what it has left running, as nobody else would.

    When who started us is gone, so is the command.
    """
    code = 128 + _signal.SIGKILL
    try:
        process.prctl(process.PR_SET_CHILD_SUBREAPER, 1)
        _signal.signal(_signal.SIGUSR1, leave)
        process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGUSR1)
        if os.getppid() != starter:
            raise Left
        child = os.fork()
        if child == 0:
            begin(where, trial, words, caller, say)
        os.close(say)
        heed(child)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        _, status = os.waitpid(child, 0)
        code = process.exit_code(status)
    finally:
        try:
            _signal.signal(_signal.SIGUSR1, _signal.SIG_IGN)
            end_rest()
        finally:
            os._exit(code)


def hear(fd: int) -> bytes:
    """What the child says before it becomes the command: mostly nothing."""
    said = b""
    while part := os.read(fd, 4096):
        said += part
    return said


def refuse(complaint: bytes, program: str) -> None:
    """Raise what a child has said."""
    kind, text = complaint[:1], os.fsdecode(complaint[1:])
    if kind == NOT_FOUND:
        raise CommandNotFound(f"{program}: {text}")
    if kind == NOT_EXECUTABLE:
        raise CommandNotExecutable(f"{program}: {text}")
    if complaint:
        raise SystemFailure(f"cannot make the view of this machine: {text}")


def end_rest() -> None:
    """End what the command has left running: the view ends with it, and nobody else would."""
    while True:
        try:
            for pid in children():
                os.kill(pid, _signal.SIGKILL)
            if os.waitpid(-1, 0)[0] == 0:
                return
        except ChildProcessError:
            return


def children() -> list[int]:
    """Our own children, those included that were left to us."""
    us = os.getpid()
    with open(f"/proc/self/task/{us}/children") as file:
        return [int(word) for word in file.read().split()]


def begin(where: str, trial: Trial, words: list[str], caller: Caller, say: int) -> NoReturn:
    """The child: into the view, then the command."""
    kind = OTHER
    try:
        process.reset_signals()
        parts = [trial_plan.Part(*part) for part in trial["Parts"]]
        trial_view.enter(where, parts, warn)
        become(caller)
        # Not before: a change of ids clears it (prctl(2)).
        process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
        os.chdir(caller.cwd)
        kind = NOT_FOUND
        os.execvpe(words[0], words, dict(caller.environment))
    except OSError as error:
        if kind == NOT_FOUND and error.errno not in (errno.ENOENT, errno.ENOTDIR):
            kind = NOT_EXECUTABLE
        what = f": {error.filename}" if kind == OTHER and error.filename else ""
        os.write(say, kind + f"{error.strerror}{what}".encode(errors="replace")[:2000])
    finally:
        os._exit(126)


def warn(path: str) -> None:
    """Tell the user of what is shown read-only."""
    said = f"cuddy: {path!r} is read-only in here: no overlay over it is possible\n"
    os.write(2, said.encode(errors="backslashreplace"))


def become(caller: Caller) -> None:
    """The caller again: of root's powers those of a container; in a user namespace its own ids."""
    if caller.uid == 0 and namespaces.is_initial("user"):
        kept = (defaults.CAPABILITIES - DISKS | MORE_POWERS) & capabilities.own()
        capabilities.drop_bounding(kept, capabilities.bounding())
        capabilities.set_sets(permitted=kept, effective=kept, inheritable=())
        return
    if caller.uid == 0:
        return
    namespaces.unshare(namespaces.CLONE_NEWUSER)
    idmap.deny_setgroups()
    uids, gids = [IdRange(caller.uid, 0, 1)], [IdRange(caller.gid, 0, 1)]
    idmap.write_maps(os.getpid(), uids, gids)
