"""Samples: what all containers use, again and again, as rows of plain numbers.

    sampler = samples.Sampler(home)
    sampler.look()                 # nothing is per second yet
    ...                            # a second later
    for row in sampler.look().rows:
        row.name, row.cpu_percent, row.per_s.received

For whoever shows many containers for long: records are read again only when they have changed, and
what happens per second lies between this look and the one before. `stats` has one container's
readings in detail, and what Docker's API makes of them.
"""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import container, ps, stats
from cuddy.engine.memory import Memory
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.stats import Sample


class Traffic(NamedTuple):
    """What went through its own network interfaces, and to and from block devices, in bytes."""

    received: float = 0
    sent: float = 0
    read: float = 0
    written: float = 0


class Row(NamedTuple):
    """One container. What it uses is zero where nothing runs."""

    id: str
    name: str
    image: str
    status: str  # created, running, paused, restarting, removing, exited, dead
    health: str = ""  # starting, healthy, unhealthy; "": nobody looks after it
    exit_code: int = 0  # of its last life
    restarts: int = 0
    created_ns: int = 0  # since the epoch, as all moments here
    started_ns: int = 0  # 0: never
    finished_ns: int = 0  # 0: never
    cpu_percent: float = 0.0  # 100 is one processor
    memory_bytes: int = 0
    memory_limit_bytes: int = 0  # its own limit, or the machine's memory
    pids: int = 0
    pids_limit: int = 0  # 0: none
    total: Traffic = Traffic()  # since it started
    per_s: Traffic = Traffic()

    @property
    def is_running(self) -> bool:
        """Whether it has processes, and so can be measured."""
        return self.status in ("running", "paused")


class Look(NamedTuple):
    """All containers at one moment, newest first."""

    at_ns: int
    cpus: int
    memory_bytes: int  # of the machine
    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()  # what is wrong with containers that cannot be shown


class Sampler:
    """Looks at all containers of a home, and remembers what it saw last."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._records = Memory()
        self._last: dict[str, tuple[str, Sample]] = {}  # by id: when it was started, and then

    def look(self, *, all: bool = True) -> Look:
        """The containers as they are now; `all`: those too that do not run."""
        found = ps.ps(self._home, all=all, memory=self._records)
        host = stats.machine()
        rows, before, self._last = [], self._last, {}
        for record in found.containers:
            now = stats.sample(self._home, record, host)
            started = record["State"]["StartedAt"]
            last_started, last = before.get(record["Id"], ("", None))
            if now.usage:
                self._last[record["Id"]] = started, now
            rows.append(row(record, last if last_started == started else None, now))
        problems = tuple(map(str, found.unreadable))
        return Look(time.time_ns(), host.cpus, host.memory_bytes, tuple(rows), problems)


def row(record: Container, before: Sample | None, now: Sample) -> Row:
    """A container's row of two samples of the same life. Pure."""
    state = record["State"]
    health = (state.get("Health") or {}).get("Status") or "none"
    moved = traffic(now)
    return Row(
        record["Id"],
        container.display_name(record),
        record["Config"].get("Image") or record["Image"],
        state["Status"],
        "" if health == "none" else health,
        state["ExitCode"],
        record["RestartCount"],
        moment(record["Created"]),
        moment(state["StartedAt"]),
        moment(state["FinishedAt"]),
        stats.cpu_percent(before, now) if before else 0.0,
        now.memory_bytes,
        now.memory_limit_bytes,
        now.usage.get("pids", 0),
        now.usage.get("pids_limit") or 0,
        moved,
        rate(before, now, moved) if before else Traffic(),
    )


def traffic(sample: Sample) -> Traffic:
    """All that has been moved until then. Pure."""
    networks, devices = sample.networks.values(), sample.usage.get("io", ())
    return Traffic(
        sum(each.rx_bytes for each in networks),
        sum(each.tx_bytes for each in networks),
        sum(each.read_bytes for each in devices),
        sum(each.written_bytes for each in devices),
    )


def rate(before: Sample, now: Sample, moved: Traffic) -> Traffic:
    """What was moved each second since. Never negative: a counter goes with what it is of. Pure."""
    elapsed_s = (now.at_ns - before.at_ns) / 1e9
    if elapsed_s <= 0:
        return Traffic()
    return Traffic(*(max(0.0, b - a) / elapsed_s for a, b in zip(traffic(before), moved)))


def moment(stamp: str) -> int:
    """A time of a record in nanoseconds since the epoch; 0 if it has not come, or is none."""
    if stamp == container.NEVER:
        return 0
    try:
        return files.parse_time(stamp)
    except (ValueError, IndexError):
        return 0
