"""`ps -a` where there are very many containers: 1,000 that were created and never ran."""

from __future__ import annotations

import subprocess

from bench import timing
from bench.engines import Engine
from bench.scenarios import Scenario

SCENARIO = Scenario("crowd: ps -a, 1,000 created", ("ps", "-a"), 1.0, "docker")
COUNT = 1000
CLIENTS = 4


def measure(engines: list[Engine], image: str, rounds: int) -> dict[str, timing.Times]:
    """Create them with docker and with us, and list them in turns."""
    compared = [engine for engine in engines if engine.name in ("cuddy", SCENARIO.against)]
    for engine in compared:
        create(engine.words("create", "--network", "none", image, "true"))
    works = {engine.name: timing.work(engine.words(*SCENARIO.words)) for engine in compared}
    return timing.interleaved(works, rounds)


def create(words: list[str]) -> None:
    """COUNT containers, from a few clients at once."""
    busy: list[subprocess.Popen[bytes]] = []
    for _ in range(COUNT):
        if len(busy) == CLIENTS:
            busy.pop(0).wait()
        busy.append(subprocess.Popen(words, stdout=subprocess.DEVNULL))
    for client in busy:
        client.wait()
