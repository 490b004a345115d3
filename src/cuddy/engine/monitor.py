"""The process that owns a running container: parent of its init, holder of its mounts and streams.

    nursery ── order ──▶ main ── birth ── "started" ──▶ watch ... ── burial
                                   ▲                                   │
                                   └────────── restart policy ─────────┘     (watch.py)

One per container. It outlives the command that started it, and nothing outlives it: init dies with
it, the mounts are in its private namespace, and the rest carries the container's id (remains.py).
"""

from __future__ import annotations

import _socket
import os

from cuddy import files
from cuddy.engine import background, birth, burial, liveness, watch
from cuddy.errors import CuddyError, NotRunning
from cuddy.kernel import process, sockets
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.logwriter import LogWriter
    from cuddy.engine.nursery import Order
    from cuddy.engine.owner import Owner


def main(home: Home, order: Order, attached: int, channel: _socket.socket) -> NoReturn:
    """The monitor's whole life; never returns into the caller's code.

    `attached`: descriptor of a client's socket, or -1. `channel`: where the command waits.
    """
    code = 1
    try:
        background.leave(watch.title(order.container_id), {attached, channel.fileno()})
        live(home, order, attached, channel)
        code = 0
    except BaseException as error:
        watch.note_crash(home, order.container_id, error)
    finally:
        os._exit(code)


def live(home: Home, order: Order, attached: int, channel: _socket.socket) -> None:
    """The birth that was ordered, then whatever lives follow; the end of the last is the end."""
    size = (order.rows, order.columns) if order.rows else None
    try:
        begun = begin(home, order.container_id, size=size)
    except CuddyError as error:
        report(channel, background.failure(error))
        return
    report(channel, {"warnings": begun.warnings})
    clients = [(attached, order.wants)] if attached >= 0 else []
    follow(home, begun, clients=clients)


class Begun(NamedTuple):
    """A container whose first life has begun, in its monitor."""

    record: Container
    log: LogWriter
    held: watch.Held
    guests: list[tuple[int, int]]
    warnings: list[str]


def begin(
    home: Home, container_id: str, *, size: tuple[int, int] | None = None,
    settle: Callable[[], object] = int,
) -> Begun:  # fmt: skip
    """Be the monitor of a container, and bring it to life. Raises what keeps it from living, when
    that has been written down.

    `settle`: called when it lives; what it raises takes all back.
    """
    run_dir = home.run_dir(container_id)
    delivery = birth.Delivery(home, container_id, size=size, again=False)
    listener: _socket.socket | None = None
    try:
        with Undo() as undo:
            undo.add(lambda: burial.clear(home, container_id, listener))
            files.make_directory(run_dir)
            liveness.record_monitor(run_dir)
            listener = listen(run_dir)
            found = guests(home, container_id)
            delivery.give(undo)
            settle()
    except (CuddyError, OSError, ValueError) as error:
        problem = burial.explain(error)
        burial.record_failure(home, delivery.record, problem)
        raise problem from None
    assert delivery.log
    held = watch.Held(
        delivery.pidfd, listener.detach(), delivery.stdin, delivery.outputs, delivery.holders
    )
    return Begun(delivery.record, delivery.log, held, found, delivery.warnings)


def follow(
    home: Home, begun: Begun, *, clients: Sequence[tuple[int, int]] = (),
    owner: Owner | None = None,
) -> None:  # fmt: skip
    """The rest of what began."""
    watch.watch(
        home, begun.record["Id"], begun.held,
        clients=[*clients, *begun.guests], owner=owner, log=begun.log, record=begun.record,
    )  # fmt: skip


def attend(home: Home, begun: Begun, owner: Owner) -> None:
    """The same in the process of the client for whom it runs."""
    container_id = begun.record["Id"]
    process.set_title(watch.title(container_id))
    owner.end = lambda: end(home, begun.record)
    try:
        follow(home, begun, owner=owner)
    except BaseException as error:
        watch.note_crash(home, container_id, error)
        raise


def end(home: Home, record: Container) -> None:
    """Nobody wants it any more."""
    from cuddy.engine import kill  # most are there until the end

    try:
        kill.send(home, record, kill.SIGKILL, by="who ran it")
    except NotRunning:
        pass  # it has just ended


def guests(home: Home, container_id: str) -> list[tuple[int, int]]:
    """Those who have been waiting for the container to begin, as its first clients."""
    room = home.waiting_dir(container_id)
    if not os.path.isdir(room):
        return []
    # Imported here: only clients of the API wait.
    from cuddy.engine import waiting_room

    return waiting_room.admit(room)


def report(channel: _socket.socket, value: dict[str, object]) -> None:
    """One answer to the command that started us, which may be gone."""
    try:
        channel.send(files.format_json(value).encode(), _socket.MSG_NOSIGNAL)
    except OSError:
        pass
    channel.close()


def listen(run_dir: str) -> _socket.socket:
    """The monitor's socket, in a directory only root may enter."""
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    os.fchmod(listener.fileno(), 0o600)  # what bind(2) gives the file
    with sockets.Directory(run_dir) as way:
        listener.bind(f"{way}/monitor.sock")
    listener.listen(64)
    listener.setblocking(False)
    return listener
