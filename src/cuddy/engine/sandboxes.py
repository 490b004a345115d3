"""Sandboxes: containers for agents and tests, whose first process only waits for others.

A sandbox is a container in everything: it is listed, executed in, copied to, limited and removed as
one. What it has beyond that stands in its record: on whom its life depends (lifeline.py), and the
snapshots of its files (sandbox_snapshot.py). It begins with a process of ours that needs nothing of
the image (kernel/small_init.py), and its end is its removal.

    create ──▶ exec, cp ... ──▶ snapshot ──▶ 1 ──▶ restore(1)
                                             └───▶ fork: others that begin with its files
"""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import container, containers, removal, sandbox_sweep
from cuddy.errors import InvalidArgument, NoSuchContainer
from cuddy.shapes import TypedDict
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.options import ContainerOptions

WORDS = ("sandbox",)
"""What is shown as its command."""
MAX_PID = (1 << 22) - 1  # proc(5), of pid_max; the library's programs may say any number
MAX_TTL_S = 10 * 365 * 24 * 3600.0


class Sandbox(TypedDict, total=False):
    """What the record of a container says if it is a sandbox."""

    Owner: list[int]  # pid and start time of the process with which it ends; empty: none
    Ends: float  # seconds by CLOCK_BOOTTIME; 0: it may live as long as it likes
    ImageLayers: int  # so many of its layers are its image's
    Snapshots: list[list[str]]  # the layers of each, by chain id; the first is as it began
    Parent: str  # id of the sandbox of which it is a fork, "" of none


def plan(
    options: ContainerOptions, *, owner: int = 0, ttl_s: float | None = None
) -> ContainerOptions:
    """The options of a container that make it a sandbox.

    `owner`: pid of the process with which it ends, 0 for none. `ttl_s`: seconds until it ends, from
    now. Raises InvalidArgument.
    """
    if options.command or options.entrypoint:
        hint = "run commands by exec"
        raise InvalidArgument("a sandbox has no command of its own", hint=hint)
    if options.runtime not in ("", "cuddy"):
        raise InvalidArgument("a sandbox is made by no other runtime than cuddy's own")
    if options.pid_mode:
        raise InvalidArgument("a sandbox has processes of its own", hint="leave out the pid mode")
    sandbox: Sandbox = {
        "Owner": find_owner(owner) if owner else [],
        "Ends": end_after(ttl_s) if ttl_s is not None else 0.0,
        "Snapshots": [],
        "Parent": "",
    }
    return options._replace(
        entrypoint=(), command=WORDS, stop_signal="SIGTERM", init=True, auto_remove=True,
        no_healthcheck=True, tty=False, interactive=False, sandbox=sandbox,
    )  # fmt: skip


def find_owner(pid: int) -> list[int]:
    """A process as the record names it. Raises InvalidArgument."""
    began = files.start_time(pid) if 0 < pid <= MAX_PID else 0
    if not began:
        raise InvalidArgument(f"no process {pid} that the sandbox could belong to")
    return [pid, began]


def end_after(ttl_s: float) -> float:
    """When so many seconds are over, as `Ends` has it. Raises InvalidArgument."""
    if not 0 < ttl_s <= MAX_TTL_S:
        raise InvalidArgument(f"ttl: {ttl_s:g} seconds are no time to live")
    return clock() + ttl_s


def clock() -> float:
    """Seconds since the machine started, those asleep included: what `Ends` counts in."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def find(home: Home, name: str) -> Container:
    """A sandbox by name, id or prefix. Raises NoSuchContainer, InvalidArgument."""
    return check(containers.find(home, name), name)


def check(record: Container, name: str) -> Container:
    """The record, if it is a sandbox's. Raises InvalidArgument."""
    if "Sandbox" not in record:
        hint = "'cuddy sandbox ls' lists those that are"
        raise InvalidArgument(f"container {name} is not a sandbox", hint=hint)
    return record


def list_all(home: Home) -> list[Container]:
    """All sandboxes, newest first."""
    sweep(home)
    return [each for each in containers.list_containers(home, all=True) if "Sandbox" in each]


def sweep(home: Home) -> None:
    """Remove those that were made and not begun by a process that is gone, and layers of nobody.

    All others are removed by their monitor, or as the remains of a dead one.
    """
    for record in containers.read_all(home):
        is_begun = record["State"]["Status"] != "created"
        if "Sandbox" not in record or is_begun or not files.is_abandoned(record.get("Creator", "")):
            continue
        undo = Undo()
        undo.add(discard_unbegun, home, record["Id"])
        undo.run()
    sandbox_sweep.sweep(home)


def discard_unbegun(home: Home, container_id: str) -> None:
    """Remove one, unless it has begun meanwhile."""
    try:
        with container.lock(home, container_id):
            record = containers.read(home, container_id, locked=True)
            if record["State"]["Status"] == "created":
                removal.discard(home, container_id)
    except NoSuchContainer:
        pass  # somebody else was faster


def entrance(home: Home, container_id: str) -> files.Lock:
    """Held while a process is on its way into a sandbox, and while its files are exchanged: who is
    in it then is seen by who looks.
    """
    return files.Lock(f"{home.container_dir(container_id)}/entrance.lock")
