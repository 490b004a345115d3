"""Killed at any moment: pull, load, commit, rmi and prune leave a sound store; a repair goes on.

Only the command itself is killed; what it forked has to die with it. `make soak` does the same a
hundred times a verb: CUDDY_TESTS_KILLS is how often, CUDDY_TESTS_SEED which moments.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import images
from console import ENGINE, Cuddy, gone_on, wait_until
from cuddy import files
from cuddy.image import snapshots
from cuddy.image.storage import Storage
from leaks import processes

pytestmark = [
    pytest.mark.skipif(ENGINE != "cuddy", reason="it is about our store"),
    pytest.mark.slow,
]
KILLS = int(os.environ.get("CUDDY_TESTS_KILLS", "4"))
SEED = int(os.environ.get("CUDDY_TESTS_SEED", "0")) or random.SystemRandom().getrandbits(32)


def big() -> images.BuiltImage:
    """An image of five layers, with many files and some that are large."""
    chance = random.Random(1)
    layers = []
    for number in range(5):
        members = [images.entry(f"d{number}/"), images.entry(f"large{number}", b"")]
        members += [images.entry(f"d{number}/f{n}", chance.randbytes(1000)) for n in range(60)]
        members.append(images.entry(f"d{number}/large", chance.randbytes(1_500_000)))
        layers.append(images.layer(images.tar(*members), "zstd" if number % 2 else "gzip"))
    return images.image(layers)


class Victim:
    """A command that is killed again and again; `prepare` makes that it has something to do."""

    leaves_sound = True

    def __init__(self, cuddy: Cuddy, words: list[str], prepare: Callable[[], object]) -> None:
        self.cuddy = cuddy
        self.words = words
        self.prepare = prepare
        self.chance = random.Random(SEED)
        self.done = 0

    def run(self) -> None:
        self.prepare()
        took_s = self.whole()
        for number in range(KILLS):
            gone_on()
            self.prepare()
            delay_s = self.chance.uniform(0.02, took_s)
            self.kill_after(delay_s)
            when = f"seed {SEED}, kill {number} after {delay_s:.3f} of {took_s:.3f} s"
            if self.leaves_sound:
                self.expect_sound(when)
                self.prepare()
            took_s = min(took_s, self.whole(when))
            if not self.leaves_sound:
                self.expect_sound(when)
        if KILLS >= 50:  # what is wanted is that most are cut off in the middle of their work
            assert self.done <= KILLS / 2, f"{self.done} of {KILLS} were too late"

    def expect_sound(self, when: str) -> None:
        found = self.cuddy("system", "check")
        assert found.code == 0, f"{when}: {found.out}{found.err}"

    def whole(self, when: str = "") -> float:
        """Let the command do all its work; how long it took."""
        began = time.monotonic()
        result = self.cuddy(*self.words, timeout=240)
        assert result.code == 0, f"{when}, then: {result.err}"
        assert os.listdir(self.cuddy.root / "tmp") == [], when
        return time.monotonic() - began

    def kill_after(self, delay_s: float) -> None:
        before = set(processes())
        with self.cuddy.start(*self.words, stdin=subprocess.DEVNULL) as process:
            try:
                process.communicate(timeout=delay_s)
                self.done += 1
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
        wait_until(lambda: not set(processes()) - before, what="its workers live on")


@pytest.fixture
def small(tmp_path: Path) -> Cuddy:
    """The program with a Home of its own, and one small image in it."""
    cuddy = Cuddy(tmp_path / "root", tmp_path / "run")
    layer = images.layer(images.tar(images.entry("file", b"text")))
    images.install(Storage(str(cuddy.root)), images.image([layer]), "small")
    return cuddy


@pytest.fixture
def storage(small: Cuddy) -> Storage:
    return Storage(str(small.root))


def forget(cuddy: Cuddy, *names: str) -> None:
    """Let an image not be there, nor what an interrupted command has left of it."""
    for name in names:
        cuddy("rmi", "-f", name)


def test_pull(small: Cuddy, registry) -> None:
    name = registry.push(big(), "killed")
    chance = random.Random(SEED + 1)

    def prepare() -> None:
        forget(small, name)
        if chance.random() < 0.5:  # the other half goes on with what the last one left
            small.ok("image", "prune", "-f")

    Victim(small, ["pull", "-q", name], prepare).run()
    small.ok("image", "inspect", name)


def test_load(small: Cuddy, storage: Storage, tmp_path: Path) -> None:
    images.install(storage, big(), "killed")
    archive = tmp_path / "archive.tar"
    small.ok("save", "-o", archive, "killed")

    def prepare() -> None:
        forget(small, "killed")
        small.ok("image", "prune", "-f")

    Victim(small, ["load", "-q", "-i", str(archive)], prepare).run()


def test_rmi(small: Cuddy, storage: Storage) -> None:
    built = big()
    Victim(small, ["rmi", "-f", "killed"], lambda: images.install(storage, built, "killed")).run()


def test_prune(small: Cuddy, storage: Storage) -> None:
    built = big()

    def prepare() -> None:
        images.install(storage, built, "killed")
        small("rmi", "small")

    Victim(small, ["image", "prune", "-af"], prepare).run()


def test_commit(small: Cuddy) -> None:
    container_id = small.ok("create", "small", "cmd")
    upper = small.root / "containers" / container_id / "upper"
    chance = random.Random(1)
    for number in range(150):
        (upper / f"f{number}").write_bytes(chance.randbytes(20_000))

    def prepare() -> None:
        forget(small, "killed")
        small.ok("image", "prune", "-f")

    Victim(small, ["commit", container_id, "killed"], prepare).run()


def test_a_repair(small: Cuddy, storage: Storage) -> None:
    """Half a repair is not sound, but the next one ends it."""
    image = images.install(storage, big(), "killed")
    layers = [snapshots.path(storage, chain_id) for chain_id in image.chain_ids]

    def damage() -> None:
        files.remove_tree(layers[1])
        (Path(layers[2]) / "stray").touch()
        (Path(layers[3]) / "large3").unlink(missing_ok=True)
        (small.root / "stray").touch()

    repair = Victim(small, ["system", "check", "--repair"], damage)
    repair.leaves_sound = False
    repair.run()
