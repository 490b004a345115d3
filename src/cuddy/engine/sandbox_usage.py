"""What a sandbox has used so far, beside what it may."""

from __future__ import annotations

from cuddy.engine import sandboxes
from cuddy.errors import NoSuchContainer, NotRunning
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

BILLION = 10**9


class Usage(NamedTuple):
    """Of all that has run in it. What nothing on this host counts is None, and so is no limit."""

    memory_bytes: int | None  # just now
    memory_peak_bytes: int | None
    memory_limit_bytes: int | None
    oom_kills: int  # processes that the kernel has killed for want of memory
    cpu_s: float | None
    cpus_limit: float | None
    throttled_s: float | None  # for so long it was held back by the limit of its CPUs
    throttled_periods: int | None
    pids: int | None  # processes and threads just now
    pids_peak: int | None
    pids_limit: int | None


def usage(home: Home, name: str) -> Usage:
    """Read it. Raises NoSuchContainer, InvalidArgument, NotRunning."""
    record = sandboxes.find(home, name)
    try:
        group = Cgroup(state.read(home.run_root, record["Id"])["cgroupPaths"])
    except NoSuchContainer:
        raise NotRunning(name) from None
    found = group.stats()
    config = record["HostConfig"]
    cpu_ns, throttled_ns = found.get("cpu_ns"), found.get("throttled_ns")
    return Usage(
        found.get("memory_bytes"),
        found.get("memory_peak_bytes"),
        config.get("Memory") or None,
        group.oom_kills(),
        None if cpu_ns is None else cpu_ns / BILLION,
        config["NanoCpus"] / BILLION if config.get("NanoCpus") else None,
        None if throttled_ns is None else throttled_ns / BILLION,
        found.get("throttled_periods"),
        found.get("pids"),
        found.get("pids_peak"),
        config.get("PidsLimit") or None,
    )


def oom_kills(home: Home, container_id: str) -> int:
    """How many processes of a container the kernel has killed for want of memory; 0 if nobody
    counts.
    """
    try:
        return Cgroup(state.read(home.run_root, container_id)["cgroupPaths"]).oom_kills()
    except (NoSuchContainer, OSError, ValueError, KeyError):
        return 0
