"""The cache of real builds: why a step was done, who shares it, what takes it away."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from console import ENGINE, Cuddy
from cuddy.image import cached_steps, snapshots
from cuddy.image.storage import Storage
from registry import Registry

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it is about our cache")

DOCKERFILE = """\
FROM alpine AS make
ARG VERSION=1
WORKDIR /src
COPY . .
RUN sleep 0.1; cat *.txt > /made; echo $VERSION >> /made
FROM alpine
COPY --from=make /made /made
RUN date +%N > /when
"""


class Place:
    """A home and a context."""

    def __init__(self, cuddy: Cuddy, context: Path) -> None:
        self.cuddy = cuddy
        self.context = context
        self.storage = Storage(str(cuddy.root))

    def build(self, *words: str) -> str:
        """The id of what is built."""
        return self.cuddy.ok("build", "-q", *words, str(self.context))

    def told(self, *words: str) -> str:
        """What a build tells."""
        result = self.cuddy("build", "--progress", "plain", *words, str(self.context))
        assert result.code == 0, result.err
        return result.out + result.err

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A build that goes on by itself."""
        command = [*self.cuddy.program, "build", "-q", *words, str(self.context)]
        return subprocess.Popen(
            command, env=self.cuddy.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def is_sound(self) -> bool:
        """Whether nothing is broken; what belongs to nobody may be there."""
        return self.cuddy("system", "check").code == 0


@pytest.fixture
def place(fresh: Cuddy, tmp_path: Path) -> Place:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / ".dockerignore").write_text("Dockerfile\n")
    for name in "ab":
        (context / f"{name}.txt").write_text(name)
    return Place(fresh, context)


class TestWhy:
    def test_the_file_that_has_changed_is_named(self, place: Place) -> None:
        first = place.build()
        assert place.build() == first
        (place.context / "a.txt").write_text("other")
        (place.context / "c.txt").write_text("new")
        told = place.told("--explain-cache")
        assert "changed: a.txt" in told
        assert "new: c.txt" in told

    def test_the_argument_is_named_and_its_value_is_not(self, place: Place) -> None:
        place.build("--build-arg", "VERSION=hush1")
        told = place.told("--explain-cache", "--build-arg", "VERSION=hush2")
        assert "build argument VERSION has another value" in told
        found = subprocess.run(
            ["grep", "-rl", "hush", f"{place.cuddy.root}/build/steps",
             f"{place.cuddy.root}/build/inputs"],
            check=False, capture_output=True,
        )  # fmt: skip
        assert found.returncode == 1, found.stdout

    def test_the_base_is_named(self, place: Place) -> None:
        place.build()
        place.cuddy.ok("create", "--name", "changed", "alpine", "touch", "/new")
        place.cuddy.ok("start", "-a", "changed")
        place.cuddy.ok("commit", "changed", "alpine")
        assert "the base is 'alpine (" in place.told("--explain-cache")

    def test_another_checkout_that_had_nothing_to_do_can_tell_too(self, place: Place) -> None:
        place.build()
        other = Place(place.cuddy, place.context.parent / "other")
        shutil.copytree(place.context, other.context)
        other.build()
        (other.context / "Dockerfile").write_text(DOCKERFILE.replace("/made;", "/made; true;"))
        assert "the instruction has changed, it was: 'RUN sleep" in other.told("--explain-cache")

    def test_at_first_there_is_nothing_to_compare_with(self, place: Place) -> None:
        assert "never built before" in place.told("--explain-cache")


class TestWhatTakesIt:
    def test_not_rmi_nor_image_prune(self, place: Place) -> None:
        first = place.build("-t", "x")
        place.cuddy.ok("rmi", "x")
        place.cuddy.ok("image", "prune", "-f")
        assert place.is_sound()
        before = {step.chain_id for step in cached_steps.list_steps(place.storage)}
        second = place.build("-t", "x")
        assert {step.chain_id for step in cached_steps.list_steps(place.storage)} == before
        if first != second:  # its config went with it; its layers did not
            assert place.cuddy.inspect(second)["RootFS"]["Layers"]

    def test_builder_prune_does_and_the_image_stays(self, place: Place) -> None:
        place.build("-t", "x")
        place.cuddy.ok("builder", "prune", "-af")
        assert list(cached_steps.list_steps(place.storage)) == []
        assert place.cuddy.ok("run", "--rm", "--net", "none", "x", "cat", "/made") == "ab1"
        assert place.is_sound()

    def test_prunes_while_it_builds(self, place: Place) -> None:
        with place.start("-t", "x") as building:
            while building.poll() is None:
                place.cuddy.ok("builder", "prune", "-af")
                place.cuddy.ok("image", "prune", "-f")
            assert building.returncode == 0, building.stderr and building.stderr.read()
            assert building.stdout and building.stdout.read().startswith(b"sha256:")
        assert place.cuddy.ok("run", "--rm", "--net", "none", "x", "cat", "/made") == "ab1"
        assert place.is_sound()

    def test_damage_costs_nothing_but_the_step(self, place: Place) -> None:
        place.build()
        for path in Path(place.storage.steps_dir).iterdir():
            path.write_text(path.read_text()[:40])
        assert place.build()
        for step in list(cached_steps.list_steps(place.storage)):
            if step.chain_id and not step.blob:
                snapshots.delete(place.storage, step.chain_id)
        assert place.build()


def test_two_builds_at_the_same_time(place: Place) -> None:
    """Both are right, whoever does a step; afterwards there is nothing to do."""
    running = [place.start("-t", f"x{number}") for number in range(3)]
    for each in running:
        assert each.wait() == 0, each.stderr and each.stderr.read()
        for stream in (each.stdout, each.stderr):
            if stream:
                stream.close()
    for number in range(3):
        out = place.cuddy.ok("run", "--rm", "--net", "none", f"x{number}", "cat", "/made")
        assert out == "ab1"
    assert place.build() == place.build()
    assert place.is_sound()


def test_killed_at_any_moment_the_cache_is_usable(place: Place) -> None:
    dice = random.Random(int(os.environ.get("CUDDY_TESTS_SEED", "1")))
    for _ in range(4):
        with place.start() as building:
            time.sleep(dice.random() * 0.5)
            building.send_signal(signal.SIGKILL)
    assert place.is_sound()
    place.build("-t", "x")
    assert place.cuddy.ok("run", "--rm", "--net", "none", "x", "cat", "/made") == "ab1"
    place.cuddy.ok("image", "prune", "-f")
    assert place.is_sound()
    assert os.listdir(place.storage.tmp_dir) == []


class TestElsewhere:
    @pytest.mark.parametrize("kind", ["registry", "inline"])
    def test_a_cache_goes_to_another_home(
        self, place: Place, home_in: object, registry: Registry, tmp_path: Path, kind: str
    ) -> None:
        there = Place(home_in(tmp_path / "there"), place.context)  # type: ignore[operator]
        name = registry.name("built", os.urandom(4).hex())
        to, from_ = {
            "registry": (f"type=registry,ref={name},mode=max", f"type=registry,ref={name}"),
            "inline": ("type=inline", name),
        }[kind]
        first = place.build("--cache-to", to, "-t", name)
        if kind == "inline":
            place.cuddy.ok("push", name)
        second = there.build("--cache-from", from_, "-t", "y")
        layers = [home.inspect(name)["RootFS"]["Layers"]
                  for home, name in ((place.cuddy, first), (there.cuddy, second))]  # fmt: skip
        assert layers[0] == layers[1]
        assert there.cuddy.ok("run", "--rm", "--net", "none", "y", "cat", "/made") == "ab1"
        assert there.is_sound()
