"""events: what a container uses, from time to time or once, and when it lacks memory."""

from __future__ import annotations

import select
import sys
import time

from cuddy import files
from cuddy.cli.flags import BOOL, Flag, Kind
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.engine import moments
from cuddy.errors import Conflict, InvalidArgument
from cuddy.kernel.cgroup import Cgroup
from cuddy.kernel.cgroup_oom import OomWatch
from cuddy.runtime import state, statistics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DURATION = Kind("duration", moments.duration)
FLAGS = (
    Flag("interval", "", DURATION, "Time between two statistics", 5_000_000_000),
    Flag("stats", "", BOOL, "Statistics, once"),
)


def show(call: Call) -> int:
    if call.args.interval <= 0:
        raise InvalidArgument("duration interval must be greater than 0")
    document = state.read(call.root, call.id)
    if document["status"] == "stopped":
        raise Conflict(f"container with id {call.id} is not running")
    group = Cgroup(document["cgroupPaths"])
    if call.args.stats:
        write(statistics.event(call.id, group))
    else:
        follow(call, group)
    return 0


def follow(call: Call, group: Cgroup) -> None:
    """Until the container is no more."""
    watch = OomWatch(group.paths)
    poll = select.poll()
    poll.register(watch.fileno(), select.POLLIN)
    interval_s = call.args.interval / 1e9
    due = time.monotonic() + interval_s
    while not watch.is_gone():
        poll.poll(max(0, due - time.monotonic()) * 1000)
        if watch.happened():
            write(statistics.oom_event(call.id))
        if time.monotonic() >= due and not watch.is_gone():
            try:
                found = statistics.event(call.id, group)
            except OSError:
                if watch.is_gone():
                    break  # between the two looks
                raise
            write(found)
            due = time.monotonic() + interval_s
    watch.close()


def write(event: dict[str, Any]) -> None:
    """One line, at once: somebody is waiting for it."""
    sys.stdout.write(files.format_json(event) + "\n")
    sys.stdout.flush()


VERB = Verb(
    "Show what a container uses, and when it lacks memory", show, "<container-id>", FLAGS, 1, 1
)
