"""A container's life: it begins, is held up, and ends. What needs no doing is told by 304."""

from __future__ import annotations

from cuddy.engine import containers, kill, pause, restart, signals, start, stop, unpause
from cuddy.errors import Conflict, InvalidArgument, NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call

NO_BODY = 7
"""Bytes: no JSON object that says anything is shorter."""


def start_(call: Call) -> None:
    """Have its program begin; answered when it has."""
    said = call.headers.get("content-length", "0")
    if said.isdecimal() and int(said) > NO_BODY:
        raise InvalidArgument(
            "starting container with non-empty request body was deprecated since API v1.22 and"
            " removed in v1.24"
        )
    state = containers.find(call.home, call.ref)["State"]
    if state["Running"] and not state["Paused"]:
        return call.answer(status=304)
    start.start(call.home, call.ref)
    return call.answer(status=204)


def stop_(call: Call) -> None:
    """Ask it to end, and after `t` seconds make it; answered when it has."""
    signal, timeout_s = wanted_end(call)
    if not containers.find(call.home, call.ref)["State"]["Running"]:
        return call.answer(status=304)
    stop.stop(call.home, call.ref, signal=signal, timeout_s=timeout_s)
    return call.answer(status=204)


def restart_(call: Call) -> None:
    """Stop it if it runs, and start it."""
    signal, timeout_s = wanted_end(call)
    restart.restart(call.home, call.ref, signal=signal, timeout_s=timeout_s)
    call.answer(status=204)


def wanted_end(call: Call) -> tuple[int | None, float | None]:
    """The signal that is to end it, and how long to wait; None: as the container says."""
    signal = signals.parse(call.text("signal")) if call.text("signal") else None
    return signal, call.number("t")


def kill_(call: Call) -> None:
    """Send a signal."""
    signal = signals.parse(call.text("signal") or "KILL")
    try:
        kill.kill(call.home, call.ref, signal=signal)
    except NotRunning:
        container_id = containers.find_id(call.home, call.ref)
        told = f"cannot kill container: {call.ref}: container {container_id} is not running"
        raise Conflict(told) from None
    call.answer(status=204)


def pause_(call: Call) -> None:
    """No process of it moves from here on."""
    pause.pause(call.home, call.ref)
    call.answer(status=204)


def unpause_(call: Call) -> None:
    """Its processes move again."""
    unpause.unpause(call.home, call.ref)
    call.answer(status=204)
