"""The long half of a monitor's life: it watches over the running container, buries it, and starts
it again if its restart policy says so.

All it needs to know stands in files and in the descriptors of `Held`, so that it can be taken up by
a fresh process: after a while without anything to do the monitor executes `small_sleeper.py`, a
program of a few hundred bytes, and that executes `wake` here when something happens. Same pid, same
parent of the container's init, same mount namespace; no memory for containers that just run.
"""

from __future__ import annotations

import _socket
import os
import sys
import time

from cuddy import files
from cuddy.engine import container, logwriter
from cuddy.engine.home import Home
from cuddy.engine.relay import Relay, Streams
from cuddy.errors import CuddyError
from cuddy.kernel import process
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.held_ports import HeldPorts
    from cuddy.engine.logwriter import LogWriter
    from cuddy.engine.owner import Owner
    from cuddy.engine.relay import HoldPorts

FIRST_IDLE_S = 4.0
MAX_IDLE_S = 128.0
"""Idle time before going to sleep: each waking doubles it, so that a container that says something
now and then is not taken up and put down all the time."""

SETTLED_S = 3.0
"""After which a container is taken for one that stays: less than it takes to fall asleep."""

WAKE = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from cuddy.engine.watch import wake; wake(sys.argv[2])"
)


class Held(NamedTuple):
    """The descriptors that a monitor keeps while its container runs.

    A sleeping one may be woken by another version of this program: a field that is added comes
    last and has a default, and none is ever taken away or moved.
    """

    pidfd: int
    listener: int
    stdin: int  # -1: none
    outputs: list[list[int]]  # [descriptor, stream] of each
    holders: list[int]  # sockets that keep published ports from others
    carrier: int = -1  # our end of what leads to the port proxy; -1: there is none
    owner: int = -1  # pidfd of the process that a sandbox belongs to; -1: to none
    ends: float = 0.0  # when its time is up: see lifeline.py


def watch(
    home: Home,
    container_id: str,
    held: Held,
    *,
    clients: Sequence[tuple[int, int]] = (),
    owner: Owner | None = None,
    log: LogWriter | None = None,
    record: Container | None = None,
    idle_s: float | None = FIRST_IDLE_S,
    is_new: bool = True,
) -> None:
    """Relay until the container has ended for good.

    `clients`: descriptors of sockets of those that are there already, and what they want. `owner`:
    who has to be there for it to run. `log` and `record`: as the birth has opened and read them.
    `is_new`: the monitor is where its command started it.
    """
    record = record or container.read(home, container_id)
    held = hold_owner(record, held)
    relay = open_relay(home, record, held, log or logwriter.reopen_writer(record))
    for fd, wants in clients:
        relay.add(_socket.socket(fileno=fd)).wants = wants
    if owner:
        relay.serve_owner(owner)
    if is_new:
        relay.chore, relay.chore_due = leave_session, time.monotonic() + SETTLED_S
    life: Held | None = held
    while life:
        while not relay.run(life.pidfd, idle_s=idle_s):
            sleep(home, container_id, life, relay, idle_s or 0)
            idle_s = None  # it cannot be done here: stay awake
        os.close(life.pidfd)
        relay.hold([])
        # Imported here, as below: one that was woken may only have something to relay.
        from cuddy.engine import burial

        delay_s = burial.bury(home, container_id, relay)
        life = None if delay_s is None else live_again(home, record, relay, delay_s)
        idle_s = FIRST_IDLE_S


def hold_owner(record: Container, held: Held) -> Held:
    """What is held, and on what a sandbox's life depends."""
    if "Sandbox" not in record:
        return held
    # Imported here, as below: most containers depend on nobody.
    from cuddy.engine import lifeline

    return lifeline.hold(record, held)


def open_relay(home: Home, record: Container, held: Held, log: LogWriter) -> Relay:
    """A relay for what is held."""
    listener, ports = _socket.socket(fileno=held.listener), holding(home, record["Id"])
    once = record["Config"]["StdinOnce"]
    if "Sandbox" not in record:
        relay = Relay(open_streams(record, held), log, listener, ports, stdin_once=once)
    else:
        from cuddy.engine import lifeline

        tethered = lifeline.Tethered(
            open_streams(record, held), log, listener, ports, stdin_once=once
        )
        tethered.tie(home, record["Id"], held)
        relay = tethered
    relay.hold(held.holders, held.carrier)
    return relay


def holding(home: Home, container_id: str) -> HoldPorts:
    """How the container's ports are held."""

    def hold(holders: list[int], carrier: int) -> HeldPorts:
        # Imported here: most containers publish nothing.
        from cuddy.engine import held_ports

        return held_ports.HeldPorts(home.ports_path(container_id), holders, carrier)

    return hold


def leave_session() -> None:
    """Most containers are gone before: whoever stays does not depend on who started it."""
    from cuddy.engine import session

    session.leave()


def open_streams(record: Container, held: Held) -> Streams:
    """The container's streams as the relay has them."""
    outputs = {pair[0]: pair[1] for pair in held.outputs}
    return Streams(held.stdin, outputs, tty=record["Config"]["Tty"])


def live_again(home: Home, record: Container, relay: Relay, delay_s: float) -> Held | None:
    """Another life, after a while; None if it is not to be: then all is cleared."""
    from cuddy.engine import burial

    container_id = record["Id"]

    def is_unwanted() -> bool:
        return bool(container.read_status(home, container_id).get("StopAskedBy"))

    undo = Undo()
    if not is_unwanted() and relay.wait_out(delay_s, is_unwanted):
        try:
            return deliver(home, record, relay, undo)
        except (CuddyError, OSError, ValueError) as error:
            # First the record: what is taken back then is what says that we live.
            code = burial.give_up(home, container_id, burial.explain(error))
            undo.run()
    else:
        code = burial.give_up(home, container_id)
    burial.leave(home, record, relay, {"ExitCode": code, "OOMKilled": False})
    return None


def deliver(home: Home, record: Container, relay: Relay, undo: Undo) -> Held:
    """A birth like the first, with the clients that are there. Raises as it does."""
    from cuddy.engine import birth, rootfs

    rootfs.umount_root(home, record, again=True)
    delivery = birth.Delivery(home, record["Id"], size=None, again=True)
    delivery.give(undo)
    held = Held(
        delivery.pidfd, relay.listener.fileno(), delivery.stdin, delivery.outputs, delivery.holders
    )
    assert delivery.log
    relay.begin(open_streams(delivery.record, held), delivery.log, delivery.holders)
    return held


def sleep(home: Home, container_id: str, held: Held, relay: Relay, idle_s: float) -> None:
    """Become the sleeper. Returns only where that is not possible."""
    from cuddy.kernel import small_sleeper, springboard  # here: most are gone before

    now = held._replace(
        stdin=relay.streams.stdin,
        outputs=[[fd, s] for fd, s in relay.streams.outputs.items()],
        holders=relay.ports.holders if relay.ports else [],
        carrier=relay.ports.carrier if relay.ports else -1,
    )
    source = __file__.rpartition("/cuddy/")[0]
    order = files.format_json([*home, container_id, *now, min(idle_s * 2, MAX_IDLE_S)])
    watched = [now.pidfd, now.listener, *relay.streams.outputs]
    kept = {*watched, now.stdin, *now.holders, now.carrier, now.owner} - {-1}
    for fd in kept:
        os.set_inheritable(fd, True)
    others = [*(relay.ports.watched() if relay.ports else ()), *({now.owner} - {-1})]
    left_s = None
    if now.ends:
        from cuddy.engine import sandboxes  # here, as above: few have an end

        left_s = max(now.ends - sandboxes.clock(), 0)
    program = small_sleeper.assemble(
        watched, others, f"{home.run_dir(container_id)}/exit",
        timeout_s=left_s, goes_on=not now.ends and now.owner < 0,
    )  # fmt: skip
    sleeper_fd = -1
    try:
        sleeper_fd = springboard.seal(program)
        waking = [sys.executable, "-I", "-S", "-c", WAKE, source, order]
        os.execv(f"/proc/self/fd/{sleeper_fd}", waking)
    except OSError:
        for fd in kept:
            os.set_inheritable(fd, False)
        if sleeper_fd >= 0:
            os.close(sleeper_fd)


def title(container_id: str) -> str:
    """What ps(1) shows for a monitor."""
    return f"cuddy monitor {container_id[:12]}"


def wake(order: str) -> None:
    """Where the sleeper's successor begins, with what `sleep` had to remember."""
    root, run_root, container_id, *held, idle_s = files.parse_json(order)
    process.set_title(title(container_id))
    descriptors = recall(held)
    outputs = [fd for fd, _ in descriptors.outputs]
    single = (*descriptors[:3], descriptors.carrier, descriptors.owner)
    for fd in (*single, *outputs, *descriptors.holders):
        if fd >= 0:
            os.set_inheritable(fd, False)
    home = Home(root, run_root)
    try:
        watch(home, container_id, descriptors, idle_s=idle_s, is_new=False)
    except BaseException as error:
        note_crash(home, container_id, error)
        raise


def recall(values: list[Any]) -> Held:
    """What is held, as this or another version of this program has written it: see `Held`."""
    return Held(*values[: len(Held._fields)])


def note_crash(home: Home, container_id: str, error: BaseException) -> None:
    """A mistake in the monitor is cuddy's own: keep the traceback where a bug report finds it."""
    import traceback

    text = "".join(traceback.format_exception(error))
    files.write(f"{home.container_dir(container_id)}/monitor.crash", text.encode(), durable=False)
