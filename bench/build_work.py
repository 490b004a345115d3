"""Measuring builds: a small multi-stage project and a context of 5,000 files, DESIGN.md, "Budgets".

BuildKit and docker's classic builder are two peers with one daemon. Each builder has a copy of the
projects of its own, on the disk of its engine, since some rounds change a file.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench import disk, report, timing
from bench.engines import Engine, makers
from bench.scenarios import Scenario

import images
import registry

PROJECT, FILES = "project", "files"
COUNT = 5000
DOCKERFILE = """\
FROM {image} AS sources
WORKDIR /src
COPY src .
RUN for n in $(seq 40); do sed "s/NAME/part$n/" part.txt > "part$n.out"; done

FROM sources AS checked
RUN cat part*.out | md5sum > /checked

FROM sources AS packed
RUN tar -cf /packed.tar part*.out

FROM {image}
ENV MODE=production PORT=8080
RUN adduser -D app 2>/dev/null || echo app:x:1000:1000::/:/bin/sh >> /etc/passwd
COPY --from=packed /packed.tar /srv/
COPY --from=checked /checked /srv/
RUN tar -C /srv -xf /srv/packed.tar && rm /srv/packed.tar
USER app
EXPOSE 8080
CMD ["sh", "/srv/main.sh"]
RUN echo "{last}" > /tmp/last
"""
WITH_FILES = """\
FROM {image}
COPY . /files/
RUN ls /files | wc -l > /tmp/count
"""


class Builder(NamedTuple):
    """What is measured: an engine, which of its builders, and where its projects are."""

    name: str
    engine: Engine
    projects: Path
    image: str


Change = Callable[[Builder, int], None]


class Build(NamedTuple):
    """A scenario: which project is built, how, and what is changed before each round."""

    scenario: Scenario
    project: str
    flags: tuple[str, ...]
    change: Change


def nothing(builder: Builder, number: int) -> None:
    """Leave everything as it was."""


def last_line(builder: Builder, number: int) -> None:
    """Let the last instruction be another."""
    text = DOCKERFILE.format(image=builder.image, last=f"{builder.name} {number}")
    (builder.projects / PROJECT / "Dockerfile").write_text(text)


def one_file(builder: Builder, number: int) -> None:
    """Let one file of the many be another."""
    (builder.projects / FILES / f"{number % 50}/{number % 100}").write_text(f"new {number}\n")


BUILDS = (
    Build(
        Scenario("build, cold, multi-stage", (), 1.0, share=0.34),
        PROJECT,
        ("--no-cache",),
        nothing,
    ),
    Build(Scenario("build, cached", (), 1.0), PROJECT, (), nothing),
    Build(Scenario("build, last line changed", (), 1.0, share=0.67), PROJECT, (), last_line),
    Build(Scenario("build, 5,000 files, unchanged", (), 1.0, share=0.67), FILES, (), nothing),
    Build(Scenario("build, 5,000 files, one changed", (), 1.0, share=0.34), FILES, (), one_file),
)


def is_asked_for(only: str) -> bool:
    return any(only in each.scenario.title for each in BUILDS)


def measure(
    directory: Path, program: list[str], server: registry.Registry, options: argparse.Namespace
) -> None:
    """Every build whose title is asked for, the builders in turns."""
    directory.mkdir()
    image = server.push(images.with_history(images.alpine()), "build")
    with ExitStack() as stack:
        builders: list[Builder] = []
        for name, make in makers(program).items():
            home = directory / name
            stack.enter_context(disk.new(home))
            engine = stack.enter_context(make(home))
            engine.ask("pull", image)
            names = ("buildkit", "classic") if name == "docker" else (name,)
            builders += [Builder(each, engine, home / f"for-{each}", image) for each in names]
        for builder in builders:
            lay_out(builder)
        report.print_header([builder.name for builder in builders])
        for build in BUILDS:
            if options.only in build.scenario.title:
                works = {each.name: Work(build, each) for each in builders}
                rounds = max(3, round(options.rounds * build.scenario.share))
                report.print_scenario(build.scenario, timing.interleaved(works, rounds))


class Work:
    """One builder's part in a scenario; called once a round."""

    def __init__(self, build: Build, builder: Builder) -> None:
        self.build = build
        self.builder = builder
        self.number = 0

    def __call__(self) -> float:
        """Seconds that the build takes."""
        build, builder = self.build, self.builder
        self.number += 1
        build.change(builder, self.number)
        os.environ["DOCKER_BUILDKIT"] = "0" if builder.name == "classic" else "1"
        words = ["build", *build.flags, "-t", f"bench/{build.project}-{builder.name}"]
        os.sync()
        return timing.run(builder.engine.words(*words, str(builder.projects / build.project)))


def lay_out(builder: Builder) -> None:
    """Write the projects of a builder."""
    project = builder.projects / PROJECT
    (project / "src").mkdir(parents=True)
    (project / "src/part.txt").write_text("NAME of many\n" * 500)
    (project / "src/main.sh").write_text("echo ready\n")
    last_line(builder, 0)
    files = builder.projects / FILES
    for number in range(COUNT):
        place = files / str(number % 50)
        place.mkdir(parents=True, exist_ok=True)
        (place / str(number)).write_bytes(os.urandom(number % 8192))
    (files / "Dockerfile").write_text(WITH_FILES.format(image=builder.image))
