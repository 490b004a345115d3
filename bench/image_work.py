"""Measuring what has to do with images: each engine on a disk of its own, beside one registry."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench import big_image, disk, report, timing, watch
from bench.engines import Engine, Maker, makers
from bench.image_scenarios import BIG, COLD, SMALL, WARM, ZSTD
from bench.scenarios import Scenario

import images
import registry

Names = dict[str, str]
"""What stands in a scenario's words -> what it is for the engine."""


def is_asked_for(only: str) -> bool:
    return any(only in each.title for each in (*COLD, *WARM, *watch.WATCHES))


def measure(
    directory: Path, program: list[str], server: registry.Registry, options: argparse.Namespace
) -> None:
    names = {
        SMALL: server.push(images.alpine(), "small"),
        BIG: server.push(big_image.load(options.cache, "gzip"), "big"),
        ZSTD: server.push(big_image.load(options.cache, "zstd"), "big-zstd"),
    }
    bench = _Bench(directory, makers(program), names, options.rounds)
    for scenario in COLD:
        if options.only in scenario.title:
            report.print_scenario(scenario, bench.measure_cold(scenario))
    warm = [scenario for scenario in WARM if options.only in scenario.title]
    if warm:
        bench.measure_warm(warm)
    for watched in watch.WATCHES:
        if options.only in watched.title:
            report.print_watch(watched, bench.watch(watched))


class _Bench:
    """The engines and the images that they are measured with."""

    def __init__(
        self, directory: Path, engines: dict[str, Maker], names: Names, rounds: int
    ) -> None:
        self.directory = directory
        self.makers = engines
        self.names = names
        self.rounds = rounds

    @contextmanager
    def engine(self, name: str) -> Iterator[Engine]:
        """An engine with an empty store; its daemon, if it has one, is awake."""
        home = self.directory / name
        with disk.new(home), self.makers[name](home) as engine:
            engine.ask("images")
            yield engine

    def words(self, scenario: Scenario) -> list[str]:
        return [self.names.get(word, word) for word in scenario.words]

    def measure_cold(self, scenario: Scenario) -> dict[str, timing.Times]:
        """Every round with a new disk. A peer that cannot do it at all is left out."""

        def work(name: str) -> Callable[[], float]:
            def once() -> float:
                with self.engine(name) as engine:
                    os.sync()
                    return timing.run(engine.words(*self.words(scenario)))

            return once

        works = {name: work(name) for name in self.makers}
        return timing.interleaved(works, max(3, round(self.rounds * scenario.share)))

    def measure_warm(self, scenarios: list[Scenario]) -> None:
        """Rounds on a disk that stays, with the big image in every store."""
        with ExitStack() as stack:
            engines = [stack.enter_context(self.engine(name)) for name in self.makers]
            for engine in engines:
                engine.ask("pull", self.names[BIG])
            for scenario in scenarios:
                works = {
                    engine.name: timing.work(engine.words(*self.words(scenario)))
                    for engine in engines
                }
                rounds = max(3, round(self.rounds * scenario.share))
                report.print_scenario(scenario, timing.interleaved(works, rounds))

    def watch(self, watched: watch.Watch) -> dict[str, float]:
        """One figure of every engine."""
        figures = {}
        for name in self.makers:
            with self.engine(name) as engine:
                figures[name] = watched.measure(engine, self.names[BIG])
        return figures
