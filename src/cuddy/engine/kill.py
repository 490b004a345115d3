"""Kill: send a signal to a running container's first process."""

from __future__ import annotations

from cuddy.engine import container, containers, events, sender, signals, unpause, wait
from cuddy.errors import Conflict, NoSuchContainer, NotRunning, SystemFailure
from cuddy.runtime import kill as runtime_kill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container, Status
    from cuddy.engine.home import Home

SIGKILL = 9
END_TIMEOUT_S = 10
USER, SYSTEM = "user", "system"


def kill(home: Home, name: str, *, signal: int = SIGKILL, by: str = "cuddy kill") -> None:
    """Send a signal; after SIGKILL, wait for the end. Raises NoSuchContainer, NotRunning.

    SIGKILL and the container's stop signal mean that it shall stay stopped, whatever its restart
    policy; other signals are words to the program. One that waits to be restarted gets none.
    """
    record = containers.find(home, name)
    if not record["State"]["Running"]:
        raise NotRunning(name)
    is_last = is_final(record, signal)
    if is_last:
        ask_to_stop(home, record["Id"], USER)
    try:
        send(home, record, signal, by=by)
    except NotRunning:
        if not is_last and not container.read(home, record["Id"])["State"]["Restarting"]:
            raise
        if is_last:  # it has just died, or waits to be restarted: it is enough to knock
            await_end(home, record)
        return
    if signal == SIGKILL:
        await_end(home, record)


def await_end(home: Home, record: Container) -> None:
    """Wait until a container has ended that cannot but end. Raises SystemFailure if it does not."""
    try:
        if containers.read(home, record["Id"])["State"]["Running"]:
            wait.until_end(home, record["Id"], END_TIMEOUT_S)
        now = containers.read(home, record["Id"])["State"]
    except NoSuchContainer:
        return
    if now["Running"] and now["StartedAt"] == record["State"]["StartedAt"]:
        name = container.display_name(record)
        hint = "a process in it may be stuck in the kernel"
        raise SystemFailure(f"tried to kill container {name}, but it did not end", hint=hint)


def is_final(record: Container, signal: int) -> bool:
    """Whether a signal is one that ends the container, by its own account."""
    return signal in (SIGKILL, signals.parse(record["Config"]["StopSignal"]))


def ask_to_stop(home: Home, container_id: str, who: str) -> None:
    """Note that somebody wants the container to end and to stay so, until it is started again.

    Its monitor looks when it ends, and when somebody knocks while it waits to be restarted.
    """

    def change(status: Status) -> None:
        if status.get("StopAskedBy") != USER:
            status["StopAskedBy"] = who

    container.change_status(home, container_id, change, durable=False)


def send(home: Home, record: Container, signal: int, *, by: str, waited_s: float = 0) -> None:
    """Send a signal to init, and let what is paused move if that signal is to end it.

    `by`, and how long it had waited first, is for the exit report. Raises NotRunning.
    """
    try:
        if container.read(home, record["Id"])["State"]["Pid"] == 0:
            raise NotRunning(record["Id"])
        # Noted first: what the signal brings about is noted by another process, and comes later.
        events.emit_container(home, "kill", record, {"signal": str(signal)})
        sender.note(home, record["Id"], signal, by, waited_s=waited_s)
        runtime_kill.kill(home.run_root, record["Id"], signal)
    except (Conflict, NoSuchContainer):
        raise NotRunning(record["Id"]) from None
    if is_final(record, signal):
        unpause.release(home, record)
