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
from cuddy.errors import CuddyError
from cuddy.kernel import sockets
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from cuddy.engine.home import Home
    from cuddy.engine.nursery import Order


def main(home: Home, order: Order, attached: int, channel: _socket.socket) -> NoReturn:
    """The monitor's whole life; never returns into the caller's code.

    `attached`: descriptor of a client's socket, or -1. `channel`: where the command waits.
    """
    code = 1
    try:
        title = f"cuddy monitor {order.container_id[:12]}"
        background.leave(title, {attached, channel.fileno()})
        live(home, order, attached, channel)
        code = 0
    except BaseException as error:
        watch.note_crash(home, order.container_id, error)
    finally:
        os._exit(code)


def live(home: Home, order: Order, attached: int, channel: _socket.socket) -> None:
    """The birth that was ordered, then whatever lives follow; the end of the last is the end."""
    container_id = order.container_id
    run_dir = home.run_dir(container_id)
    size = (order.rows, order.columns) if order.rows else None
    delivery = birth.Delivery(home, container_id, size=size, again=False)
    listener: _socket.socket | None = None
    clients = [(attached, order.wants)] if attached >= 0 else []
    try:
        with Undo() as undo:
            undo.add(lambda: burial.clear(home, container_id, listener))
            files.make_directory(run_dir)
            liveness.record_monitor(run_dir)
            listener = listen(run_dir)
            clients += guests(home, container_id)
            delivery.give(undo)
    except (CuddyError, OSError, ValueError) as error:
        problem = burial.explain(error)
        burial.record_failure(home, delivery.record, problem)
        report(channel, background.failure(problem))
        return
    report(channel, {"warnings": delivery.warnings})
    assert listener
    held = watch.Held(
        delivery.pidfd, listener.detach(), delivery.stdin, delivery.outputs, delivery.holders
    )
    watch.watch(
        home, container_id, held,
        clients=clients, log=delivery.log, record=delivery.record,
    )  # fmt: skip


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
