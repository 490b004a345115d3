"""Measuring what has to do with images: each engine on a disk of its own, beside one registry."""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench import big_image, disk, report, timing, watch
from bench.engines import Engine, Maker, makers
from bench.image_scenarios import (
    ARCHIVE,
    BIG,
    BLOB,
    COLD,
    FILE,
    FILES,
    HERE,
    MANY,
    NEW,
    ROOTFS,
    SMALL,
    TARBALL,
    TREE,
    WARM,
    ZSTD,
)
from bench.scenarios import Scenario

import images
import registry


def is_asked_for(only: str) -> bool:
    return any(only in each.title for each in (*COLD, *WARM, *watch.WATCHES))


def measure(
    directory: Path, program: list[str], server: registry.Registry, options: argparse.Namespace
) -> None:
    """Everything whose title is asked for."""
    cold = [each for each in COLD if options.only in each.title]
    warm = [each for each in WARM if options.only in each.title]
    names = _Names(directory, server, options.cache)
    bench = _Bench(directory, makers(program), names, options.rounds)
    for scenario in cold:
        report.print_scenario(scenario, bench.measure_cold(scenario))
    if warm:
        bench.measure_warm(warm)
    for watched in watch.WATCHES:
        if options.only in watched.title:
            report.print_watch(watched, bench.watch(watched))


class _Names:
    """What stands in a scenario's words -> what it is; made when it is first needed."""

    def __init__(self, directory: Path, server: registry.Registry, cache: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self.server = server
        self.cache = cache
        self._known: dict[str, str] = {}

    def __getitem__(self, word: str) -> str:
        if word not in self._known:
            self._known[word] = self._make(word)
        return self._known[word]

    def _make(self, word: str) -> str:
        if word == SMALL:
            return self.server.push(images.alpine(), "small")
        if word == BIG:
            return self.server.push(big_image.load(self.cache, "gzip"), "big")
        if word == ZSTD:
            return self.server.push(big_image.load(self.cache, "zstd"), "big-zstd")
        if word in MANY:
            content = images.tar(images.entry("name", word.encode()))
            return self.server.push(images.image([images.layer(content)]), word.lower())
        if word == ARCHIVE:
            return self._archive(self[BIG])
        if word in (ROOTFS, TREE):
            return self._layer(word)
        if word in (BLOB, FILES):
            return self._files(word)
        if word == TARBALL:
            path = f"{self.directory}/tarball"
            blob = Path(self[BLOB])
            subprocess.run(["tar", "-cf", path, "-C", blob.parent, blob.name], check=True)
            return path
        return word

    def _archive(self, image: str) -> str:
        path = f"{self.directory}/archive.tar"
        source = ["--src-tls-verify=false", f"docker://{image}"]
        command = ["skopeo", "--insecure-policy", "copy", "-q", *source]
        subprocess.run([*command, f"docker-archive:{path}:bench/big:latest"], check=True)
        return path

    def _layer(self, word: str) -> str:
        path = self.directory / word.lower()
        with gzip.open(self.cache / "3.gzip") as layer:
            if word == ROOTFS:
                path.write_bytes(layer.read())
            else:
                path.mkdir()
                subprocess.run(["tar", "x", "-C", path], input=layer.read(), check=True)
        return str(path)

    def _files(self, word: str) -> str:
        path = self.directory / word.lower()
        if word == BLOB:
            path.write_bytes(os.urandom(1 << 20) * 200)
            return str(path)
        for number in range(5000):
            place = path / f"{number // 100}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}").write_bytes(os.urandom(number % 8192))
        return str(path)


class _Bench:
    """The engines and the images that they are measured with."""

    def __init__(
        self, directory: Path, engines: dict[str, Maker], names: _Names, rounds: int
    ) -> None:
        self.directory = directory
        self.makers = engines
        self.names = names
        self.rounds = rounds
        self.round = 0

    @contextmanager
    def engine(self, name: str) -> Iterator[Engine]:
        """An engine with an empty store; its daemon, if it has one, is awake."""
        home = self.directory / name
        with disk.new(home), self.makers[name](home) as engine:
            engine.ask("images")
            yield engine
            if ids := engine.ask("ps", "-q").split():
                engine.ask("rm", "-f", *ids)

    def words(self, engine: Engine, words: tuple[str, ...]) -> list[str]:
        own = {FILE: f"{self.directory}/{engine.name}/file"}
        self.round += 1
        words = tuple(word.replace(NEW, f"new{self.round}") for word in words)
        found = [own.get(word) or self.names[word] for word in words]
        here = f"{self.directory}/{engine.name}"
        found = [
            here + word.removeprefix(HERE) if word.startswith(HERE) else word for word in found
        ]
        for place in (TREE, FILES, BLOB, TARBALL):
            found = [
                word.replace(place, self.names[place]) if place in word else word for word in found
            ]
        return found

    def once(self, engine: Engine, scenario: Scenario) -> float:
        """Seconds that it takes, once nothing of what was before it is still being written."""
        subprocess.run(["rm", "-rf", self.directory / engine.name / "file"], check=True)
        is_ours = engine.name == "cuddy" or not scenario.instead
        wanted = scenario.words if is_ours else scenario.instead
        words = engine.words(*self.words(engine, wanted))
        os.sync()
        return timing.run(words)

    def measure_cold(self, scenario: Scenario) -> dict[str, timing.Times]:
        """Every round with a new disk."""

        def work(name: str) -> Callable[[], float]:
            def with_new_disk() -> float:
                with self.engine(name) as engine:
                    for words in scenario.before:
                        engine.ask(*self.words(engine, words))
                    return self.once(engine, scenario)

            return with_new_disk

        return self.interleaved(scenario, {name: work(name) for name in self.makers})

    def measure_warm(self, scenarios: list[Scenario]) -> None:
        """Rounds on disks that stay; what one scenario has prepared is there for the next."""
        prepared = set()
        with ExitStack() as stack:
            engines = [stack.enter_context(self.engine(name)) for name in self.makers]
            for scenario in scenarios:
                works = {}
                for engine in engines:
                    for words in scenario.before:
                        if (engine.name, words) not in prepared:
                            engine.ask(*self.words(engine, words))
                        prepared.add((engine.name, words))
                    works[engine.name] = partial(self.once, engine, scenario)
                report.print_scenario(scenario, self.interleaved(scenario, works))

    def interleaved(
        self, scenario: Scenario, works: dict[str, Callable[[], float]]
    ) -> dict[str, timing.Times]:
        return timing.interleaved(works, max(3, round(self.rounds * scenario.share)))

    def watch(self, watched: watch.Watch) -> dict[str, float]:
        """One figure of every engine."""
        figures = {}
        for name in self.makers:
            with self.engine(name) as engine:
                figures[name] = watched.measure(engine, self.names[BIG])
        return figures
