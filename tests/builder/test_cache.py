"""What a step's result depends on, what came of it before, and why not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cuddy.builder import cache, prune
from cuddy.builder.cache import Asked
from cuddy.builder.inputs import Reading
from cuddy.builder.state import Layer
from cuddy.engine.home import Home, open_home
from cuddy.image import cached_steps, snapshots
from cuddy.image import digest as digests

pytestmark = pytest.mark.root


def reading(**contents: str) -> Reading:
    return Reading(digests.of(repr(contents).encode()), tuple(contents.items()))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(str(tmp_path / "root"), str(tmp_path / "run"))


BASE = digests.of(b"parent")
RUN = Asked(
    "RUN", BASE, (("command", "/bin/sh -c make"), ("ENV PATH", "PATH=/bin"), ("ARG TOKEN", "hush")),
    epoch=None, place="app 1", shown="RUN make", from_="debian:12 (sha256:1)",
)  # fmt: skip
COPY = Asked("COPY", BASE, (("target", "/app/"),), reading(a="1", b="2"), place="app 2")


def made(home: Home, word: str) -> Layer:
    chain_id = digests.of(word.encode())
    os.makedirs(snapshots.path(home.storage, chain_id), exist_ok=True)
    return Layer(chain_id, chain_id, 1, "2026-01-02T03:04:05Z")


class TestKeys:
    def test_places_and_texts_are_not_in_them(self) -> None:
        assert cache.key(RUN) == cache.key(RUN._replace(place="x", shown="run make", from_="y"))

    def test_the_order_of_what_is_seen_is_not(self) -> None:
        assert cache.key(RUN) == cache.key(RUN._replace(sees=RUN.sees[::-1]))

    @pytest.mark.parametrize("other", [
        RUN._replace(parent=digests.of(b"another")), RUN._replace(instruction="ADD"),
        RUN._replace(sees=RUN.sees[1:]), RUN._replace(epoch=0), RUN._replace(reading=reading()),
        RUN._replace(sees=(*RUN.sees[:2], ("ARG TOKEN", "hush!"))),
    ])  # fmt: skip
    def test_all_else_is(self, other: Asked) -> None:
        assert cache.key(RUN) != cache.key(other)

    def test_bytes_that_are_no_text_are_fine(self) -> None:
        odd = RUN._replace(sees=(("ENV X", os.fsdecode(b"X=\xff")),), place=os.fsdecode(b"\xff"))
        assert digests.is_digest(cache.key(odd))


class TestHits:
    def test_a_step_is_found_until_its_layer_is_gone(self, home: Home) -> None:
        assert cache.look(home, RUN) is None
        layer = made(home, "x")
        cache.keep(home, RUN, layer)
        assert cache.look(home, RUN) == layer
        snapshots.delete(home.storage, layer.chain_id)
        assert cache.look(home, RUN) is None

    def test_a_step_that_changed_nothing_is_found(self, home: Home) -> None:
        cache.keep(home, RUN, Layer("", "", 0, "now"))
        assert cache.look(home, RUN) == Layer("", "", 0, "now")

    def test_it_is_described_by_what_was_written(self, home: Home) -> None:
        cache.keep(home, RUN, made(home, "x"))
        cache.keep(home, COPY, made(home, "x"))
        found = {step.description for step in cached_steps.list_steps(home.storage)}
        assert found == {"RUN make", "COPY /app/"}

    def test_a_secret_argument_is_nowhere_in_clear(self, home: Home) -> None:
        cache.keep(home, RUN, made(home, "x"))
        found = subprocess.run(["grep", "-r", "hush", home.root], check=False, capture_output=True)
        assert found.returncode == 1, found.stdout


class TestExplanations:
    def explain(self, home: Home, before: Asked, now: Asked) -> list[str]:
        cache.keep(home, before, made(home, "x"))
        return cache.explain(home, now).splitlines()

    def test_never_built_before(self, home: Home) -> None:
        assert cache.explain(home, RUN) == "never built before"
        cache.keep(home, RUN, made(home, "x"))
        other = RUN._replace(place="app 9", shown="RUN make it", parent=digests.of(b"another"))
        assert cache.explain(home, other) == "never built before"

    def test_a_checkout_that_was_moved(self, home: Home) -> None:
        cache.keep(home, RUN, made(home, "x"))
        now = RUN._replace(place="moved 1", sees=RUN.sees[:2])
        assert cache.explain(home, now) == "build argument TOKEN is gone"

    def test_pruned(self, home: Home) -> None:
        assert self.explain(home, RUN, RUN) == [
            "built before, but what came of it is gone from the cache"
        ]

    @pytest.mark.parametrize(
        ("now", "lines"),
        [
            (
                RUN._replace(
                    shown="RUN make all", sees=(("command", "/bin/sh -c make all"), *RUN.sees[1:])
                ),
                ["the instruction has changed, it was: 'RUN make'"],
            ),
            (
                RUN._replace(parent=digests.of(b"2"), from_="debian:12 (sha256:2)"),
                ["the base is 'debian:12 (sha256:2)', it was 'debian:12 (sha256:1)'"],
            ),
            (
                RUN._replace(parent=digests.of(b"2")),
                ["what it stands on has changed: a step above has another result"],
            ),
            (
                RUN._replace(sees=(*RUN.sees[:2], ("ARG TOKEN", "hush hush"))),
                ["build argument TOKEN has another value"],
            ),
            (RUN._replace(sees=RUN.sees[:2]), ["build argument TOKEN is gone"]),
            (
                RUN._replace(sees=(RUN.sees[0], ("ENV PATH", "PATH=/x"), RUN.sees[2])),
                ["environment variable PATH is '/x', it was '/bin'"],
            ),
            (
                RUN._replace(sees=(*RUN.sees, ("user", "me"))),
                ["user is new"],
            ),
            (RUN._replace(epoch=0), ["the timestamp is 0, it was None"]),
        ],
    )
    def test_what_has_changed(self, home: Home, now: Asked, lines: list[str]) -> None:
        assert self.explain(home, RUN, now) == lines

    def test_which_files(self, home: Home) -> None:
        now = COPY._replace(reading=reading(b="3", **{f"f{n}": "1" for n in range(7)}))
        assert self.explain(home, COPY, now) == [
            "changed: b", "new: f0, f1, f2, f3, f4 and 2 more", "gone: a",
        ]  # fmt: skip

    def test_a_table_that_is_there_is_not_written_again(self, home: Home, tmp_path: Path) -> None:
        rows = tmp_path / "rows"
        before = reading(a="1", b="2")
        rows.write_text('[["a","x","1"],["b","x","2"]]')
        cache.keep(
            home, COPY._replace(reading=before._replace(rows_path=str(rows))), made(home, "x")
        )
        assert rows.stat().st_nlink == 2
        rows.unlink()
        assert cache.explain(home, COPY._replace(reading=reading(a="1", b="3"))) == "changed: b"
        prune.prune(home, all=True)
        assert os.listdir(f"{home.build_dir}/inputs") == []

    def test_names_that_would_move_the_cursor_are_quoted(self, home: Home) -> None:
        now = COPY._replace(reading=reading(**{"a": "1", "b": "2", "\x1b[2J\n": "1"}))
        assert self.explain(home, COPY, now) == [r"new: '\x1b[2J\n'"]

    def test_the_nearest_former_run_counts(self, home: Home) -> None:
        """Another project has a step at such a place too, and built later."""
        cache.keep(home, COPY, made(home, "x"))
        cache.keep(home, COPY._replace(reading=reading(z="9")), made(home, "x"))
        now = COPY._replace(reading=reading(a="1", b="3"))
        assert cache.explain(home, now) == "changed: b"

    def test_torn_files_explain_nothing(self, home: Home) -> None:
        cache.keep(home, RUN, made(home, "x"))
        directory = Path(home.build_dir, "inputs")
        [path] = directory.iterdir()
        for text in ("[", "[1,2]", '["a","b","c","d","e",1,[],"f",{}]', "{}", ""):
            path.write_text(text)
            assert cache.explain(home, RUN) == "never built before"
        (Path(home.build_dir) / "salt").write_text("short")
        cache.keep(home, RUN, made(home, "x"))
        assert "gone" in cache.explain(home, RUN)


class TestImages:
    CONFIG: Any = {
        "architecture": "amd64", "os": "linux", "created": "1", "config": {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": []},
        "history": [{"created": "1", "created_by": "RUN x"}],
    }  # fmt: skip

    def test_the_same_but_for_times_is_the_same_image(self, home: Home) -> None:
        from cuddy.image import blobs

        layers = [made(home, "x")]
        image_id = blobs.write(home.storage, b"{}")
        assert cache.image_of(home, self.CONFIG, layers) == ""
        cache.keep_image(home, self.CONFIG, layers, image_id)
        later = {**self.CONFIG, "created": "2",
                 "history": [{"created_by": "RUN x", "created": "2"}]}  # fmt: skip
        assert cache.image_of(home, later, layers) == image_id
        assert cache.image_of(home, {**later, "config": {}}, layers) == ""
        assert cache.image_of(home, later, []) == ""
        blobs.delete(home.storage, image_id)
        assert cache.image_of(home, later, layers) == ""


def test_a_cached_build_imports_nothing_of_weight() -> None:
    code = (
        "import sys; from cuddy.builder import cache; print('\\n'.join(sys.modules))"
    )  # fmt: skip
    out = subprocess.run(
        [sys.executable, "-I", "-S", "-c",
         f"import sys; sys.path.insert(0, {str(Path(cache.__file__).parents[2])!r}); {code}"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert not {"re", "typing", "json", "hashlib", "contextlib", "tempfile"}.intersection(out)
