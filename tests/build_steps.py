"""Steps of builds without a builder: programs run by `build_run` on a root of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from child import in_child
from console import Cuddy, children_of
from cuddy.engine import build_run
from cuddy.engine.home import Home
from cuddy.engine.options import ContainerOptions
from cuddy.image import snapshots, store
from cuddy.kernel import namespaces, overlay

T = TypeVar("T")


class Ran(NamedTuple):
    """What came of a step."""

    code: int
    out: str
    err: str
    warnings: list[str]


class Root:
    """A root of the image `alpine` with an upper directory of its own."""

    def __init__(self, cuddy: Cuddy, directory: Path) -> None:
        self.home = Home(str(cuddy.root), str(cuddy.run_root))
        self.upper, self.work = directory / "upper", directory / "work"
        self.path = directory / "root"
        for each in (self.upper, self.work, self.path):
            each.mkdir(parents=True)

    def within(self, work: Callable[[], T]) -> T:
        """Do something in a child that has the root mounted."""

        def mounted() -> T:
            image = store.resolve(self.home.storage, "alpine")
            plan = snapshots.prepare(
                self.home.storage, list(image.chain_ids), str(self.upper), str(self.work),
                str(self.path),
            )  # fmt: skip
            # As the builder's: at its end any other writes out all that anybody has written, and
            # keeps who mounted it from ending meanwhile.
            overlay.perform(overlay.volatile(plan))
            return work()

        return in_child(mounted, unshare=namespaces.CLONE_NEWNS)

    def run(self, *words: str, mounts: tuple[Any, ...] = (), **options: Any) -> Ran:
        """Run a program as a step."""
        return self.within(lambda: self.step(*words, mounts=mounts, **options))

    def step(self, *words: str, mounts: tuple[Any, ...] = (), **options: Any) -> Ran:
        """The same for who is in the child already."""
        out: dict[int, bytes] = {1: b"", 2: b""}
        warnings: list[str] = []

        def take(stream: int, data: bytes) -> None:
            out[stream] += data

        container = ContainerOptions("", command=words, entrypoint=(), **options)
        wanted = build_run.RunOptions(str(self.path), container, mounts)
        code = build_run.run(self.home, wanted, take, warnings.append)
        return Ran(code, out[1].decode(), out[2].decode(), warnings)

    def written(self) -> list[str]:
        """The files that are in the upper directory, but for directories that were there before."""
        found = []
        for where, _, files in os.walk(self.upper):
            if where != str(self.upper) and not is_copy(where):
                found.append(where)
            found += [f"{where}/{name}" for name in files]
        return sorted(each.removeprefix(str(self.upper)) for each in found)


def kill_worker(pid: int) -> None:
    """Kill a child of `within` in the middle of its work, and who waits for it."""
    for each in (*children_of(pid), pid):
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:
            pass
    os.waitpid(pid, 0)


def is_copy(path: str) -> bool:
    """Whether overlayfs has copied a directory up that a layer below has."""
    return "trusted.overlay.origin" in os.listxattr(path)
