"""A cold pull, watched: how much memory it takes at most, and when it first says something."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.engines import Engine

SAMPLE_EVERY_S = 0.02


class Watch(NamedTuple):
    """A figure of one run, and the most that it may be."""

    title: str
    measure: Callable[[Engine, str], float]
    budget: float


def peak_memory_mb(engine: Engine, image: str) -> float:
    """The most that the processes of a pull, or a daemon's growth, take at once: PSS in MB."""
    before = memory_bytes(tree(engine.daemon_pid)) if engine.daemon_pid else 0
    most = 0
    with open(os.devnull, "r+b") as null:
        command = subprocess.Popen(
            engine.words("pull", image), stdin=null, stdout=null, stderr=null
        )
    while command.poll() is None:
        pids = tree(command.pid) | (tree(engine.daemon_pid) if engine.daemon_pid else set())
        most = max(most, memory_bytes(pids) - before)
        time.sleep(SAMPLE_EVERY_S)
    if command.returncode:
        raise RuntimeError(f"{engine.name} pull {image}: {command.returncode}")
    return most / 1e6


def tree(pid: int) -> set[int]:
    """A process and all its descendants."""
    found, pending = set(), [pid]
    while pending:
        found.add(pid := pending.pop())
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                pending += map(int, children.read_text().split())
            except OSError:
                pass  # it has just ended
    return found


def memory_bytes(pids: set[int]) -> int:
    """Proportional set sizes: what processes share is counted once."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024


def first_words_s(engine: Engine, image: str) -> float:
    """Seconds until a pull shows something at a terminal."""
    command = engine.words("pull", image)
    terminal, inner = pty.openpty()
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    try:
        select.select([terminal], [], [], 30)
        took = time.perf_counter() - began
        while process.poll() is None or select.select([terminal], [], [], 0)[0]:
            os.read(terminal, 1 << 16)
    except OSError:  # EIO: nobody has the other side any more
        pass
    finally:
        os.close(terminal)
    if process.wait():
        raise RuntimeError(f"{' '.join(command)}: {process.returncode}")
    return took


WATCHES = (
    Watch("pull, cold, MB at most", peak_memory_mb, 100),
    Watch("pull, cold, s until words", first_words_s, 0.3),
)
