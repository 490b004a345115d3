"""Stop: ask a container to end, and after a while make it."""

from __future__ import annotations

from cuddy.engine import containers, events, kill, signals, unpause, wait
from cuddy.errors import NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

DEFAULT_TIMEOUT_S = 10


def stop(
    home: Home,
    name: str,
    *,
    signal: int | None = None,
    timeout_s: float | None = None,
    who: str = kill.USER,
    by: str = "cuddy stop",
) -> None:
    """Send the stop signal, wait, then SIGKILL. A container that does not run is left alone.

    `timeout_s`: None as the container says, negative for ever. `who` asks: a user, or the system
    that halts, after which a boot starts it again; `by` which command, for the exit report.
    """
    record = containers.find(home, name)
    if not record["State"]["Running"]:
        return
    config = record["Config"]
    if timeout_s is None:
        own = config["StopTimeout"]
        timeout_s = DEFAULT_TIMEOUT_S if own is None else own
    number = signals.parse(config["StopSignal"]) if signal is None else signal
    kill.ask_to_stop(home, record["Id"], who)
    try:
        kill.send(home, record, number, by=by)
        unpause.release(home, record)
        wait.until_end(home, record["Id"], None if timeout_s < 0 else timeout_s)
        kill.send(home, record, kill.SIGKILL, by=by, waited_s=timeout_s)
        kill.await_end(home, record)
    except NotRunning:
        # It has ended, or waits to be restarted: it is enough to knock.
        kill.await_end(home, record)
    events.emit_container(home, "stop", record)
