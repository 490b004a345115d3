"""Many containers: starts per second, memory while they run, and how fast they go."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from typing import NamedTuple

from bench import watch
from bench.engines import Engine
from bench.scenarios import NETWORK

KINDS = {
    "many at once": (),
    "many at once, a network and a port": ("--network", NETWORK, "-p", "80"),
}
"""By title: what they get."""
CLIENTS = 4
SETTLE_S = 8  # until monitors with nothing to do sleep: docs/decisions/0040


class Many(NamedTuple):
    """What one engine did with `count` containers."""

    engine: str
    count: int
    starts_per_s: float
    starts_per_s_4_clients: float
    last_to_first: float  # median of the last ten starts to that of the first ten
    engine_bytes_each: float
    remove_s: float


def measure(engine: Engine, what: list[str], count: int) -> Many:
    """Start them from one client, weigh and remove them; then again from four clients.

    `what`: flags and image.
    """
    words = engine.words("run", "-d", *what, "sleep", "100000")
    took, ids = [], []
    before = all_pids()
    for _ in range(count):
        began = time.perf_counter()
        ids.append(subprocess.check_output(words, text=True).strip())
        took.append(time.perf_counter() - began)
    time.sleep(SETTLE_S)
    own = set(engine.ask("inspect", "--format", "{{.State.Pid}}", *ids).split())
    memory = watch.memory_bytes(all_pids() - before - set(map(int, own))) / count
    remove_s = remove(engine, ids)
    began = time.perf_counter()
    ids = start_from_clients(words, count)
    four = count / (time.perf_counter() - began)
    remove(engine, ids)
    growth = statistics.median(took[-10:]) / statistics.median(took[:10])
    return Many(engine.name, count, count / sum(took), four, growth, memory, remove_s)


def all_pids() -> set[int]:
    """Every process of the session."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def remove(engine: Engine, ids: list[str]) -> float:
    began = time.perf_counter()
    engine.ask("rm", "-f", *ids)
    return time.perf_counter() - began


def start_from_clients(words: list[str], count: int) -> list[str]:
    """Keep four clients busy until `count` containers have been started."""
    ids: list[str] = []
    busy: list[subprocess.Popen[str]] = []
    for _ in range(count):
        if len(busy) == CLIENTS:
            ids.append(busy.pop(0).communicate()[0].strip())
        busy.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
    return ids + [client.communicate()[0].strip() for client in busy]
