"""The process that runs a container's health checks, while it does so.

A probe is an exec like any other: with a control group of its own, and killed with all it has
started when its time is up. Between probes the process is as small as Python gets
(`health_waiter`).
"""

from __future__ import annotations

import os
import select
import time

from cuddy import files
from cuddy.engine import container, events, exec, health, health_waiter
from cuddy.engine.health_waiter import Life
from cuddy.engine.options import ExecOptions
from cuddy.errors import (
    CommandNotExecutable,
    CommandNotFound,
    Conflict,
    InvalidArgument,
    NoSuchContainer,
    NotPermitted,
    SystemFailure,
)
from cuddy.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container, Status
    from cuddy.engine.exec_session import ExecSession
    from cuddy.engine.health import Result
    from cuddy.engine.home import Home

SHORT_NS = 3 * health.SECOND
"""Up to here the process stays as it is: to execute the waiter would cost more than it saves."""


def wake(order: str) -> None:
    """Where the waiter's successor begins: a probe is due."""
    life = Life(*files.parse_json(order))
    process.set_title(f"cuddy health {life.container_id[:12]}")
    while True:
        init_fd = process.open_exact(life.pid, life.began)
        if init_fd < 0:
            return
        delay_ns = attend(life)
        if delay_ns > SHORT_NS:
            health_waiter.become_waiter(life, init_fd, delay_ns)
        poll = select.poll()
        poll.register(init_fd, select.POLLIN)
        if poll.poll(delay_ns / health.MS):
            return
        os.close(init_fd)


def attend(life: Life) -> int:
    """One probe, unless the container stands still; nanoseconds until the next."""
    record = container.read(life.home, life.container_id)
    config = record["Config"]
    elapsed_ns = time.monotonic_ns() - life.started_ns
    if not record["State"]["Paused"]:
        result = probe(life.home, record)
        if result:
            note(life, record, result, elapsed_ns)
    status = health.of(container.read(life.home, life.container_id)).get("Status", "")
    return health.delay_ns(config, status, time.monotonic_ns() - life.started_ns)


def probe(home: Home, record: Container) -> Result | None:
    """Run the check; nothing if the container is in no state for it."""
    config, start = record["Config"], files.now()
    timeout_ns = health.value(config, "Timeout")
    options = ExecOptions(tuple(health.command(config)), timeout_s=timeout_ns / health.SECOND)
    try:
        session = exec.exec_attached(home, record["Id"], options)
        output = listen(session)
        code = session.wait()
    except (NoSuchContainer, Conflict):
        return None
    except (
        CommandNotExecutable, CommandNotFound, InvalidArgument, NotPermitted, SystemFailure,
    ) as error:  # fmt: skip
        return health.Result(
            start, files.now(), -1, health.output_text(str(error).encode("utf-8", "replace"))
        )
    if session.timed_out:
        text = health.output_text(output, timed_out_ns=timeout_ns)
        return health.Result(start, files.now(), -1, text)
    return health.Result(start, files.now(), code, health.output_text(output))


def listen(session: ExecSession) -> bytes:
    """What the probe writes until it has ended; of too much only the beginning."""
    output = b""
    poll = select.poll()
    poll.register(session, select.POLLIN)
    try:
        while True:
            poll.poll()
            for _, data in session.receive():
                output = (output + data)[: health.MAX_OUTPUT_BYTES + 1]
    except EOFError:
        return output
    finally:
        session.close()


def note(life: Life, record: Container, result: Result, elapsed_ns: int) -> None:
    """Write a result down, and tell of a change. A life that is over keeps what it had."""
    changes: list[str] = []

    def change(status: Status) -> None:
        state = status["State"]
        if state["Pid"] != life.pid or state["Paused"] or not state.get("Health"):
            return
        before = state["Health"]["Status"]
        state["Health"] = health.judge(state["Health"], record["Config"], result, elapsed_ns)
        if state["Health"]["Status"] != before:
            changes.append(state["Health"]["Status"])

    container.change_status(life.home, life.container_id, change, durable=False)
    for status in changes:
        events.emit_container(life.home, f"health_status: {status}", record)
