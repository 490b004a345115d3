"""Starts from a warm process: `Engine.run` in a program beside commands that do the same.

What a program does now is call a command for each container: runc's or crun's with a bundle that is
ready (no image, no log, no removal of anything), docker's or podman's with an image. All take turns
in one run. The floor is what the kernel takes for the namespaces alone, asked by unshare(1).
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import engines as peers
from bench import timing
from bench.timing import Times

import cuddy

TITLE = "library"
THREADS, EACH = 4, 5
FLOOR = ("unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "true")
HYBRID = 'umount -l /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
"""crun refuses hosts with both cgroup versions: it gets a view of one."""


def measure(directory: Path, program: list[str], image: str, rounds: int) -> None:
    """Print a table: one container after the other, and from four threads at once."""
    directory.mkdir(exist_ok=True)
    with peers.running(directory, program) as engines:
        for engine in engines:
            engine.ask("pull", image)
        ours = directory / "cuddy"
        with cuddy.Engine(root=ours / "root", run_root=ours / "run") as library:
            works = make_works(directory, engines, image, library)
            for work in works.values():
                work()
            show("one after the other", timing.interleaved(works, rounds))
            show("from four threads", timing.interleaved(four(works), max(3, rounds // 3)))


def make_works(
    directory: Path, engines: list[peers.Engine], image: str, library: cuddy.Engine
) -> dict[str, Callable[[], float]]:
    """By name: how a no-op container is run once, and how long that took."""

    def run() -> float:
        began = time.perf_counter()
        library.run(image, "true", network="none", check=True)
        return time.perf_counter() - began

    works = {"library": run, "floor": timing.work(FLOOR)}
    words = ("run", "--rm", "--network", "none", image, "true")
    works |= {each.name: timing.work(each.words(*words)) for each in engines}
    runtimes = [name for name in ("runc", "crun") if shutil.which(name)]
    if runtimes:
        ours = next(each for each in engines if each.name == "cuddy")
        bundle = make_bundle(directory / "bundle", ours, image, runtimes[0])
    for runtime in runtimes:
        if found := runtime_work(runtime, directory, bundle):
            works[runtime] = found
    return works


def runtime_work(runtime: str, directory: Path, bundle: Path) -> Callable[[], float] | None:
    """How a runtime runs the bundle; None if it cannot on this machine."""
    enter = ("unshare", "--mount", "sh", "-c", HYBRID, "sh") if runtime == "crun" else ()
    number = iter(range(10**9))

    def run() -> float:
        words = ("--root", str(directory / runtime), "run", "-b", str(bundle), f"b{next(number)}")
        return timing.run((*enter, runtime, *words))

    try:
        run()
    except RuntimeError as error:
        print(f"{runtime} is left out: {error}")
        return None
    return run


def make_bundle(directory: Path, engine: peers.Engine, image: str, runtime: str) -> Path:
    """The image's files, and a runtime's own idea of a config."""
    root = directory / "rootfs"
    root.mkdir(parents=True)
    name = engine.ask("create", "--network", "none", image, "true")
    archive = directory / "root.tar"
    engine.ask("export", "-o", str(archive), name)
    subprocess.run(["tar", "-xf", archive, "-C", root], check=True)
    subprocess.run([runtime, "spec"], cwd=directory, check=True)
    config = json.loads((directory / "config.json").read_text())
    config["process"] |= {"args": ["true"], "terminal": False}
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def four(works: dict[str, Callable[[], float]]) -> dict[str, Callable[[], float]]:
    """The same from threads: seconds for each container."""

    def together(work: Callable[[], float]) -> Callable[[], float]:
        def run() -> float:
            began = time.perf_counter()
            with ThreadPoolExecutor(THREADS) as pool:
                for _ in pool.map(lambda _: work(), range(THREADS * EACH)):
                    pass
            return (time.perf_counter() - began) / (THREADS * EACH)

        return run

    return {name: together(work) for name, work in works.items()}


def show(title: str, times: dict[str, Times]) -> None:
    """Medians and least in milliseconds, and the library's ratio to each."""
    print(f"\n{f'warm, {title}: ms':32}{'median':>10}{'least':>10}{'library to it':>16}")
    for name, each in sorted(times.items(), key=lambda pair: statistics.median(pair[1].rounds)):
        ratio = times["library"].ratio_to(each)
        print(f"  {name:30}{each.median * 1000:10.1f}{each.least * 1000:10.1f}{ratio:16.2f}")
    print(f"  load {os.getloadavg()[0]:.1f}", flush=True)
