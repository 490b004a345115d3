"""Restore: a sandbox has the files of one of its snapshots again, and nothing runs in it."""

from __future__ import annotations

import os
import time

from cuddy.engine.sandbox_turn import Turn
from cuddy.errors import Conflict, InvalidArgument, NotRunning, SystemFailure
from cuddy.image import workers
from cuddy.kernel import namespaces, process
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.image.workers import Send

PATIENCE_S = 10.0
EVERYBODY = -1
SIGKILL = 9


def restore(home: Home, name: str, number: int) -> None:
    """Go back to a snapshot; 0 is as it began. Later ones stay. All that runs in it is killed.

    Raises NoSuchContainer, InvalidArgument, NotRunning, Conflict, NotPermitted, SystemFailure.
    """
    with Turn(home, name) as turn:
        snapshots = turn.record["Sandbox"]["Snapshots"]
        chain = find(snapshots, number, name)
        if turn.record["State"]["Paused"]:
            raise Conflict(
                f"sandbox {name} is paused", hint=f"'cuddy unpause {name}' lets it go on"
            )
        end_others(turn)
        try:
            turn.exchange(chain, snapshots)
        except OSError as error:
            raise SystemFailure.from_os("cannot restore the sandbox", error) from error


def find(snapshots: list[list[str]], number: int, name: str) -> list[str]:
    """The layers of a snapshot. Raises InvalidArgument."""
    if not 0 <= number < len(snapshots):
        known = f"it has 0 to {len(snapshots) - 1}" if len(snapshots) > 1 else "it has only 0"
        raise InvalidArgument(f"sandbox {name} has no snapshot {number}", hint=known)
    return snapshots[number]


def end_others(turn: Turn) -> None:
    """Kill all in it but its first process; who is on the way in has to wait. Raises SystemFailure.

    kill(2) of all in a process namespace misses nobody, however fast they fork.
    """
    document = state.read(turn.home.run_root, turn.id)
    deadline, pause_s = time.monotonic() + PATIENCE_S, 0.001
    while turn.others():
        if time.monotonic() > deadline:
            hint = "a process in it may be stuck in the kernel"
            raise SystemFailure(f"cannot end what runs in sandbox {turn.name}", hint=hint)
        init_fd = process.open_exact(document["pid"], document["startTime"])
        is_own = init_fd >= 0 and (
            namespaces.identify(document["pid"], "pid") != namespaces.identify("self", "pid")
        )
        if not is_own:
            raise NotRunning(turn.name)
        try:
            have_killed(init_fd)
        finally:
            os.close(init_fd)
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.05)


def have_killed(init_fd: int) -> None:
    """Have a worker kill them from within their namespace; its first process is not meant."""

    def work(send: Send) -> None:
        namespaces.setns(init_fd, namespaces.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            try:
                if os.getpid() > 1 and os.getppid() == 0:  # we are in there, and our parent is not
                    os.kill(EVERYBODY, SIGKILL)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)

    with workers.Crew() as crew:
        crew.start("end of processes", work).finish()
