"""What all containers use just now: counters of which the page makes what happens in a second."""

from __future__ import annotations

from cuddy.api.containers import ITEMS
from cuddy.engine import containers, stats
from cuddy.engine import samples as engine_samples

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.http import Call
    from cuddy.engine.stats import Sample


def samples(call: Call) -> None:
    """One reading of each that runs, by id. Times are nanoseconds, sizes bytes."""
    machine = stats.machine()
    found = {}
    for record in containers.read_all(call.home, memory=ITEMS.records):
        sample = stats.sample(call.home, record, machine)
        if sample.usage:
            found[record["Id"]] = describe(sample)
    call.answer({
        "Machine": {"MemoryBytes": machine.memory_bytes, "Cpus": machine.cpus},
        "Containers": found,
    })  # fmt: skip


def describe(sample: Sample) -> dict[str, Any]:
    """A reading. Pure."""
    usage, moved = sample.usage, engine_samples.traffic(sample)
    return {
        "AtNs": sample.at_ns,
        "CpuNs": usage.get("cpu_ns", 0),
        "MemoryBytes": sample.memory_bytes,
        "MemoryLimitBytes": sample.memory_limit_bytes,
        "Processes": usage.get("pids", 0),
        "ReadBytes": moved.read,
        "WrittenBytes": moved.written,
        "ReceivedBytes": moved.received,
        "SentBytes": moved.sent,
    }
