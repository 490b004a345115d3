"""What of the build cache goes, in which order, and what stays: images, running builds, mounts."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import images
from console import Cuddy
from cuddy import files
from cuddy.builder import cache, cache_mounts, du, layers, prune
from cuddy.builder.cache import Asked
from cuddy.builder.cache_mounts import Wish
from cuddy.builder.du import MOUNT, REGULAR, Piece
from cuddy.builder.prune import ANYTHING, NO_LIMITS, Filters, Limits
from cuddy.builder.state import Layer
from cuddy.engine.home import Home
from cuddy.errors import InvalidArgument, WrongArguments
from cuddy.image import blobs, cached_steps, changeset, index, snapshots, store
from cuddy.image import digest as digests

pytestmark = pytest.mark.root


def piece(name: str, used: int = 0, *parents: str, size: int = 10, **more: object) -> Piece:
    plain = Piece(name, REGULAR, name, parents, "", used, 1, size, ())
    return plain._replace(**more)  # type: ignore[arg-type]


def chosen(pieces: list[Piece], limits: Limits = NO_LIMITS, filters: Filters = ANYTHING,
           *, free: int = 0, all: bool = False) -> str:  # fmt: skip
    return "".join(each.id for each in prune.choose(pieces, filters, limits, free, all=all))


class TestWhatGoes:
    """Pieces are named by one letter each."""

    CHAIN = [piece("a", 1), piece("b", 2, "a"), piece("c", 3, "b"), piece("z", 2)]

    def test_everything_without_a_limit(self) -> None:
        assert sorted(chosen(self.CHAIN)) == ["a", "b", "c", "z"]

    def test_what_was_not_used_for_longest_first_and_children_before_parents(self) -> None:
        assert chosen(self.CHAIN) == "zcba"
        assert chosen(self.CHAIN, Limits(reserved=15)) == "zcb"

    def test_a_parent_is_in_use_with_its_child(self) -> None:
        pieces = [piece("a", 1), piece("b", 9, "a"), piece("z", 5)]
        assert chosen(pieces, Limits(most=20)) == "z"

    def test_nothing_below_the_limit(self) -> None:
        assert chosen(self.CHAIN, Limits(most=40)) == ""
        assert chosen(self.CHAIN, Limits(reserved=40)) == ""

    def test_free_space_of_the_disk(self) -> None:
        assert chosen(self.CHAIN, Limits(min_free=100), free=100) == ""
        assert chosen(self.CHAIN, Limits(min_free=100), free=85) == "zc"
        assert chosen(self.CHAIN, Limits(min_free=100, reserved=30), free=0) == "z"
        assert chosen(self.CHAIN, Limits(min_free=100, most=15), free=95) == "zcb"

    def test_shared_and_internal_ones_only_with_all(self) -> None:
        pieces = [piece("s", is_shared=True), piece("i", type=du.INTERNAL), piece("p")]
        assert chosen(pieces) == "p"
        assert sorted(chosen(pieces, all=True)) == ["i", "p", "s"]

    def test_what_is_shared_takes_nothing(self) -> None:
        pieces = [piece("s", is_shared=True, size=1000), piece("p", 2)]
        assert chosen(pieces, Limits(most=10), all=True) == ""

    def test_not_what_is_busy_nor_what_that_stands_on(self) -> None:
        pieces = [piece("a"), piece("b", 0, "a", is_busy=True), piece("c")]
        assert chosen(pieces) == "c"

    @pytest.mark.parametrize(("condition", "ids"), [
        (("id", "c"), "c"), (("id", "b"), ""), (("type", "regular"), "zcba"),
        (("type", MOUNT), ""), (("type!", MOUNT), "zcba"), (("description", "z"), "z"),
        (("description~", "c"), "c"), (("description!", "z"), "cba"), (("mutable", "true"), ""),
        (("immutable", "1"), "zcba"), (("private", "0"), ""), (("inuse", "false"), "zcba"),
        (("parents", "b"), "c"),
    ])  # fmt: skip
    def test_filters(self, condition: tuple[str, str], ids: str) -> None:
        assert chosen(self.CHAIN, filters=prune.parse_filters([condition], None)) == ids

    def test_until(self) -> None:
        assert chosen(self.CHAIN, filters=Filters((), 3)) == "z"
        assert chosen(self.CHAIN, filters=Filters((), 4)) == "zcba"

    def test_filters_nobody_knows(self) -> None:
        with pytest.raises(WrongArguments, match="invalid filter 'colour'"):
            prune.parse_filters([("colour", "red")], None)
        with pytest.raises(InvalidArgument, match="invalid filter 'shared=perhaps'"):
            prune.parse_filters([("shared", "perhaps")], None)

    @given(
        st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 30)), max_size=12),
        st.integers(0, 200),
    )
    def test_any_forest(self, shape: list[tuple[int, int, int]], most: int) -> None:
        """Whatever stands on what, even in a circle: children go first, and enough goes."""
        pieces = [
            piece(f"{n:x}", used, f"{parent:x}", size=size)
            for n, (used, parent, size) in enumerate(shape)
        ]
        gone = prune.choose(pieces, ANYTHING, Limits(most=most), 0, all=True)
        left = {each.id for each in pieces}
        for each in gone:
            left.remove(each.id)
            assert not [p for p in pieces if p.id in left and each.id in p.parents and p != each]
        is_forest = all(int(p.parents[0], 16) <= int(p.id, 16) for p in pieces)
        if is_forest and most:
            assert sum(p.size_bytes for p in pieces if p.id in left) <= most

    def test_a_long_chain(self) -> None:
        pieces = [piece(str(n), n, str(n - 1)) for n in range(3000)]
        assert len(prune.choose(pieces, ANYTHING, NO_LIMITS, 0, all=False)) == 3000


def home_of(cuddy: Cuddy) -> Home:
    return Home(str(cuddy.root), str(cuddy.run_root))


def make(home: Home, word: str, parent: str = "", *, age_s: int = 0) -> Asked:
    """A cached step whose layer is a megabyte."""
    aside = f"{home.tmp_dir}/{word}"
    os.mkdir(aside)
    Path(aside, word).write_bytes(os.urandom(1_000_000))
    diff_id = digests.of(b"".join(changeset.make(aside, changeset.nothing)))
    chain_id = layers.chain_id_of([parent] if parent else [], diff_id)
    snapshots.commit(home.storage, aside, chain_id)
    asked = Asked("RUN", parent, (("command", word),), place=word)
    cache.keep(home, asked, Layer(chain_id, diff_id, 1_000_000, files.now()))
    stamp = (int(time.time()) - age_s) * cached_steps.SECOND + 1
    os.utime(cached_steps.path(home.storage, cache.key(asked)), ns=(stamp, stamp))
    return asked


def layer_of(home: Home, asked: Asked) -> str:
    step = cached_steps.read(home.storage, cache.key(asked))
    assert step
    return step.chain_id


class TestInAHome:
    def test_by_size_the_old_ones_go(self, fresh: Cuddy) -> None:
        home = home_of(fresh)
        first = make(home, "first", age_s=500)
        second = make(home, "second", layer_of(home, first), age_s=400)
        other = make(home, "other", age_s=450)
        pruned = prune.prune(home, limits=Limits(most=2_500_000))
        assert [each.description for each in pruned.pieces] == ["RUN other"]
        assert 1_000_000 < pruned.freed_bytes < 1_100_000
        assert cache.look(home, first) and cache.look(home, second)
        assert cache.look(home, other) is None
        assert cache.explain(home, other) == "never built before"

    def test_nothing_is_left(self, fresh: Cuddy) -> None:
        home = home_of(fresh)
        make(home, "x")
        with cache_mounts.take(home, Wish("apt")) as taken:
            Path(taken.path, "file").touch()
        Path(home.storage.steps_dir, "torn.json").write_text("{")
        prune.prune(home, all=True)
        assert du.du(home) == []
        assert [os.listdir(f"{home.build_dir}/{n}") for n in ("steps", "inputs", "mounts")] == [
            []
        ] * 3
        assert "prune" in fresh.ok("events", "--since", "1h", "--until", "0s")

    def test_images_keep_their_layers(self, fresh: Cuddy) -> None:
        home = home_of(fresh)
        image = store.resolve(home.storage, "alpine")
        entry = index.manifest(home.storage, image.manifest)["layers"][-1]
        asked = Asked("RUN", "", (("command", "x"),))
        chain_id = image.chain_ids[-1]
        cache.keep(home, asked, Layer(chain_id, chain_id, 1, "", entry))
        assert prune.prune(home).pieces == []
        assert len(prune.prune(home, all=True).pieces) == 1
        assert fresh.ok("run", "--rm", "--net", "none", "alpine", "echo", "1") == "1"

    def test_containers_keep_theirs(self, fresh: Cuddy) -> None:
        """A container whose image was forced away stands on a layer that only a step names."""
        home = home_of(fresh)
        image = store.resolve(home.storage, "alpine")
        fresh.ok("create", "--name", "one", "--net", "none", "alpine", "echo", "here")
        chain_id = image.chain_ids[-1]
        cache.keep(home, Asked("RUN", ""), Layer(chain_id, chain_id, 1, ""))
        fresh.ok("rmi", "-f", "alpine")
        prune.prune(home, all=True)
        assert fresh.ok("start", "-a", "one") == "here"

    @pytest.mark.parametrize("what", ["container", "image"])
    def test_who_cannot_say_what_it_needs_keeps_everything(self, fresh: Cuddy, what: str) -> None:
        home = home_of(fresh)
        image = store.resolve(home.storage, "alpine")
        if what == "container":
            container = fresh.ok("create", "--net", "none", "alpine", "true")
            path = Path(home.container_dir(container), "container.json")
        else:
            path = Path(blobs.path(home.storage, image.manifest["digest"]))
        chain_id = image.chain_ids[-1]
        cache.keep(home, Asked("RUN", ""), Layer(chain_id, chain_id, 1, ""))
        text = path.read_text()
        path.write_text("{")
        assert prune.prune(home, all=True).why_kept
        path.write_text(text)
        assert fresh.ok("run", "--rm", "--net", "none", "alpine", "echo", "1") == "1"

    def test_a_running_build_keeps_what_it_stands_on(self, fresh: Cuddy) -> None:
        home = home_of(fresh)
        asked = make(home, "x")
        path = snapshots.path(home.storage, layer_of(home, asked))
        with store.lease(home.storage):
            pruned = prune.prune(home, all=True)
            assert pruned.why_kept
            assert os.path.isdir(path)
        assert not os.path.exists(path)

    def test_a_cache_mount_in_use_stays(self, fresh: Cuddy) -> None:
        home = home_of(fresh)
        with cache_mounts.take(home, Wish("apt")), cache_mounts.take(home, Wish("npm")) as npm:
            npm.close()
            [row] = prune.prune(home, all=True).pieces
            assert row.description == "cache mount npm"
        assert [each.id for each in cache_mounts.list_mounts(home)] == ["apt"]

    def test_a_failed_step_stays_while_somebody_looks_at_it(self, fresh: Cuddy) -> None:
        home = home_of(fresh)
        where = Path(home.build_dir, "failed/1")
        where.mkdir(parents=True)
        with files.Lock(str(where / "lock")):
            assert prune.prune(home, all=True).pieces == []
        assert prune.prune(home).pieces == []
        assert [each.type for each in prune.prune(home, all=True).pieces] == [du.INTERNAL]
        assert not where.exists()

    def test_two_prunes_and_a_build_at_once(self, fresh: Cuddy) -> None:
        """Whoever has a lease can rely on what the cache has told."""
        home = home_of(fresh)
        pids = []
        for _ in range(2):
            pid = os.fork()
            if pid == 0:
                for _ in range(30):
                    prune.prune(home, all=True)
                os._exit(0)
            pids.append(pid)
        hits = 0
        for number in range(100):
            with store.lease(home.storage):
                asked = Asked("RUN", "", (("command", "x"),))
                found = cache.look(home, asked)
                if found:
                    hits += 1
                else:
                    found = Layer(*[digests.of(f"{number}".encode())] * 2, 0, "")
                    os.mkdir(snapshots.path(home.storage, found.chain_id))
                    cache.keep(home, asked, found)
                time.sleep(0.001)
                assert snapshots.has(home.storage, found.chain_id)
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
        assert os.listdir(home.tmp_dir) == []


class TestThroughTheCommandLine:
    def test_image_prune_and_check_respect_the_cache(self, fresh: Cuddy) -> None:
        home = home_of(fresh)
        asked = make(home, "x")
        fresh.ok("image", "prune", "-f", "-a")
        assert cache.look(home, asked)
        assert "belong to no image" not in fresh("system", "check").out
        fresh.ok("system", "check", "--repair")
        assert cache.look(home, asked)
        assert not list(Path(home.root).glob("lost/*"))

    def test_check_forgets_a_layer_that_is_damaged(self, fresh: Cuddy) -> None:
        home = home_of(fresh)
        whole, damaged = make(home, "whole"), make(home, "damaged")
        path = Path(snapshots.path(home.storage, layer_of(home, damaged)))
        (path / "damaged").write_bytes(b"")  # as a power cut can leave it
        Path(home.storage.steps_dir, "torn.json").write_text("{")
        told = fresh("system", "check")
        assert told.code == 1
        assert "RUN damaged: its layer" in told.out
        assert "1 of its records lead to nothing" in told.out
        assert cache.look(home, damaged)
        fresh.ok("system", "check", "--repair")
        assert cache.look(home, damaged) is None
        assert not path.exists()
        assert cache.look(home, whole)
        assert fresh.ok("system", "check").strip() == "sound"

    def test_df_and_system_prune_count_it(self, fresh: Cuddy) -> None:
        home = home_of(fresh)
        make(home, "x")
        with cache_mounts.take(home, Wish("apt")) as taken:
            Path(taken.path, "file").write_bytes(os.urandom(500_000))
            row = next(
                line for line in fresh.ok("system", "df").splitlines() if "Build Cache" in line
            )
            assert row.split()[2:4] == ["2", "1"]
            assert row.split()[4].startswith("1.5")
        verbose = fresh.ok("system", "df", "-v")
        assert "Build cache usage: 1.5" in verbose
        assert "exec.cachemount" in verbose
        assert "Content that no image needs: 0B" in verbose
        images.install(home.storage, images.image([]), "empty")
        gone = fresh.ok("system", "prune", "-f")
        assert "Deleted build cache objects:" in gone
        assert "Total reclaimed space: 1.5" in gone
        assert "Build Cache     0         0" in fresh.ok("system", "df")

    def test_rmi_leaves_it(self, fresh: Cuddy) -> None:
        home = home_of(fresh)
        image = store.resolve(home.storage, "alpine")
        chain_id = image.chain_ids[-1]
        cache.keep(home, Asked("COPY", ""), Layer(chain_id, chain_id, 1, ""))
        assert chain_id not in fresh.ok("rmi", "alpine")
        assert cache.look(home, Asked("COPY", ""))
        assert "x" not in fresh("run", "alpine").out
