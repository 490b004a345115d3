"""Measuring whole commands so that the figures can be believed on a noisy machine.

The engines take turns within each round, and the ratio of two engines is the median of the ratios
within rounds: when the machine slows down, both sides of a ratio do.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Times(NamedTuple):
    """What one engine took for one thing, a figure per round, in seconds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def least(self) -> float:
        return min(self.rounds)

    def ratio_to(self, other: Times) -> float:
        return statistics.median(a / b for a, b in zip(self.rounds, other.rounds, strict=True))


def run(command: Sequence[str]) -> float:
    """Seconds that a command takes from outside; its output is thrown away. Raises if it fails."""
    with open(os.devnull, "r+b") as null:
        began = time.perf_counter()
        result = subprocess.run(command, stdin=null, stdout=null, stderr=subprocess.PIPE)
        took = time.perf_counter() - began
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.decode().strip()}")
    return took


def work(command: Sequence[str]) -> Callable[[], float]:
    """A function that runs the command once."""
    return lambda: run(command)


def interleaved(works: dict[str, Callable[[], float]], rounds: int) -> dict[str, Times]:
    """As `take_turns`, for works that return one figure."""
    return {name: Times(tuple(values)) for name, values in take_turns(works, rounds).items()}


def take_turns(works: dict[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Let every engine work once a round, each round beginning with another one; all results.

    A peer that cannot do it at all is left out; cuddy, which comes first, has to.
    """
    names = []
    for name, work in works.items():
        try:
            work()  # what only the first run pays for
            names.append(name)
        except RuntimeError as error:
            if not names:
                raise
            print(f"left out: {str(error)[-300:]}", file=sys.stderr)
    found: dict[str, list[T]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(works[name]())
    return found


def measure_import(source: Path, rounds: int) -> dict[str, Times]:
    """A bare interpreter, and one that imports cuddy."""
    bare = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(source)!r})"]
    with_cuddy = [*bare[:-1], f"{bare[-1]}; import cuddy"]
    return interleaved({"bare": work(bare), "cuddy": work(with_cuddy)}, rounds)
