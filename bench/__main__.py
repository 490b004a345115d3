"""`make bench`: cuddy against docker and podman where they are installed, in one interleaved run.

    python -m bench [--rounds N] [--many N] [--only WORD] [--cuddy PATH] [--cache DIRECTORY]

Absolute times say little about another machine; the ratios do. Peers that are not installed are
left out, and so are the budgets that ask for them.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "src")]

from bench import (  # noqa: E402
    api_work,
    big_image,
    build_work,
    crowd,
    image_work,
    many,
    network,
    network_image,
    report,
    timing,
    users,
    warm,
)
from bench.engines import Engine, makers, running  # noqa: E402
from bench.scenarios import (  # noqa: E402
    ASIDE,
    CONNECT,
    IMAGE,
    KEEP_LINES,
    LASTING,
    LIFE,
    LINES,
    NAMED,
    NETWORK,
    PRINT_LINES,
    SCENARIOS,
    C,
    Scenario,
)

import images  # noqa: E402
import isolation  # noqa: E402
import registry  # noqa: E402
from console import PROGRAM  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--many", type=int, default=50, help="containers to run at once")
    parser.add_argument("--only", default="", help="scenarios with this in their title")
    parser.add_argument("--cuddy", default="", help="the program (default: the source tree)")
    parser.add_argument(
        "--cache", type=Path, default=ROOT / ".try/bench", help="where the big image is kept"
    )
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: needs root")
    if not isolation.is_inside():
        if image_work.is_asked_for(options.only):
            big_image.make(options.cache)  # needs the network, which ends here
        if network.is_asked_for(options.only):
            network_image.make(options.cache)
        return isolation.enter([sys.executable, "-m", "bench", *sys.argv[1:]])
    directory = Path(isolation.directory())
    served = registry.serve(directory)
    server = next(served)
    program = [os.path.abspath(options.cuddy)] if options.cuddy else PROGRAM
    report.print_header(list(makers(program)))
    if options.only in report.IMPORT:
        report.print_import(timing.measure_import(ROOT / "src", options.rounds * 2))
    measure_containers(directory, program, server.push(images.alpine(), "bench"), options)
    if options.only in ("", api_work.TITLE):
        image = server.push(images.alpine(), "bench")
        api_work.measure(directory / "api", program, image, options.rounds)
    if options.only in ("", warm.TITLE):
        image = server.push(images.alpine(), "bench")
        warm.measure(directory / "warm", program, image, options.rounds)
    if image_work.is_asked_for(options.only):
        image_work.measure(directory / "disks", program, server, options)
    if build_work.is_asked_for(options.only):
        build_work.measure(directory / "builds", program, server, options)
    if network.is_asked_for(options.only):
        network.measure(directory / "network", program, options)
    next(served, None)
    return 0


def measure_containers(
    directory: Path, program: list[str], image: str, options: argparse.Namespace
) -> None:
    scenarios = [each for each in SCENARIOS if options.only in each.title]
    are_many = [each for each in many.KINDS if options.many and options.only in each]
    is_crowd = options.only in crowd.SCENARIO.title
    has_users = options.only in users.TITLE
    if not (scenarios or are_many or is_crowd or has_users):
        return
    with running(directory, program) as engines:
        for engine in engines:
            prepare(engine, image)
        for scenario in scenarios:
            report.print_scenario(scenario, measure(scenario, engines, image, options.rounds))
        if has_users:
            users.measure(engines, image, options.rounds)
        for title in are_many:
            report.print_many(
                title,
                [
                    many.measure(engine, [*many.KINDS[title], image], options.many)
                    for engine in engines
                ],
            )
        if is_crowd:
            found = crowd.measure(engines, image, options.rounds)
            report.print_scenario(crowd.SCENARIO, found)


def prepare(engine: Engine, image: str) -> None:
    """The image, a running container, one with a long log, and fifty in all."""
    print(f"{shlex.join(engine.prefix[:1])}: {engine.version()}", file=sys.stderr)
    engine.ask("pull", image)
    engine.ask("run", "-d", "--name", C, image, "sleep", "100000")
    words = ["run", "-d", "--name", LINES, "--network", "none", *KEEP_LINES]
    engine.ask(*words, image, "sh", "-c", PRINT_LINES)
    engine.ask("run", "-d", "--name", LIFE, image, "sleep", "100000")
    for name in (NETWORK, LASTING, ASIDE):
        engine.ask("network", "create", name)
    engine.ask("run", "-d", "--name", NAMED, "--network", NETWORK, image, "sleep", "100000")
    engine.ask(*CONNECT)
    for _ in range(46):
        engine.ask("create", "--network", "none", image, "true")
    engine.ask("wait", LINES)


def measure(
    scenario: Scenario, engines: list[Engine], image: str, rounds: int
) -> dict[str, timing.Times]:
    works = {engine.name: prepared_work(scenario, engine, image) for engine in engines}
    return timing.interleaved(works, max(3, round(rounds * scenario.share)))


def prepared_work(scenario: Scenario, engine: Engine, image: str) -> Callable[[], float]:
    """A function that does what comes before a scenario and then measures it."""
    words, *before = [
        engine.words(*(image if word == IMAGE else word for word in command))
        for command in (scenario.words, *scenario.before)
    ]

    def work() -> float:
        for command in before:
            timing.run(command)
        return timing.run(words)

    return work


if __name__ == "__main__":
    sys.exit(main())
