"""Stop: ask a container to end, and after a while make it."""

from __future__ import annotations

from cuddy.engine import containers, events, kill, signals, wait
from cuddy.errors import NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

DEFAULT_TIMEOUT_S = 10


def stop(
    home: Home, name: str, *, signal: int | None = None, timeout_s: float | None = None
) -> None:
    """Send the stop signal, wait, then SIGKILL. A container that does not run is left alone.

    `timeout_s`: None as the container says, negative for ever.
    """
    record = containers.find(home, name)
    if not record["State"]["Running"]:
        return
    config = record["Config"]
    if timeout_s is None:
        own = config["StopTimeout"]
        timeout_s = DEFAULT_TIMEOUT_S if own is None else own
    number = signals.parse(config["StopSignal"]) if signal is None else signal
    try:
        kill.send(home, record["Id"], number)
        wait.until_end(home, record["Id"], None if timeout_s < 0 else timeout_s)
        kill.send(home, record["Id"], kill.SIGKILL)
        wait.until_end(home, record["Id"], kill.END_TIMEOUT_S)
    except NotRunning:
        pass  # it has ended, which is what was asked for
    events.emit_container(home, "stop", record)
