"""Cache mounts: who shares one, who waits for one, and what a kill leaves of it."""

from __future__ import annotations

import os
import random
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from cuddy import files
from cuddy.builder import cache_mounts
from cuddy.builder.cache_mounts import LOCKED, PRIVATE, SHARED, Claim, Wish
from cuddy.engine.home import Home, open_home
from cuddy.errors import InvalidArgument

pytestmark = pytest.mark.root


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(str(tmp_path / "root"), str(tmp_path / "run"))


def in_child(action: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def busy(home: Home) -> list[str]:
    return sorted(each.id for each in cache_mounts.list_mounts(home) if each.is_busy)


def test_what_is_in_it_is_there_for_the_next(home: Home) -> None:
    with cache_mounts.take(home, Wish("apt")) as taken:
        Path(taken.path, "x").write_text("1")
    with cache_mounts.take(home, Wish("apt")) as taken:
        assert Path(taken.path, "x").read_text() == "1"
        assert busy(home) == ["apt"]
    [found] = cache_mounts.list_mounts(home)
    assert (found.id, found.uses, found.is_busy) == ("apt", 1, False)
    assert time.time() - found.last_used_ns / 1e9 < 60
    assert files.parse_time(found.created)


@pytest.mark.parametrize("id", ["../../x", "/etc", "a/../../../b", ".", "..", "x\n", "\0"])
def test_an_id_is_no_path(home: Home, id: str) -> None:
    """CVE-2024-9675: it led out of where caches are."""
    with cache_mounts.take(home, Wish("plain")) as plain:
        top = Path(plain.path).parent.parent
    with cache_mounts.take(home, Wish(id)) as taken:
        path = Path(taken.path)
        assert path.resolve() == path
        assert path.parent.parent == top


def test_another_owner_mode_or_origin_is_another_directory(home: Home) -> None:
    wishes = [Wish("a"), Wish("a", uid=5), Wish("a", mode=0o700), Wish("a", origin="x"), Wish("b")]
    paths = set()
    for wish in wishes:
        with cache_mounts.take(home, wish) as taken:
            paths.add(taken.path)
    assert len(paths) == len(wishes)


def test_a_new_one_has_its_owner_mode_and_content(home: Home) -> None:
    def fill(path: str) -> None:
        Path(path, "first").write_text("1")

    with cache_mounts.take(home, Wish("a", uid=5, gid=6, mode=0o750), fill) as taken:
        status = os.stat(taken.path)
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (5, 6, 0o750)
        assert Path(taken.path, "first").read_text() == "1"
        os.chmod(taken.path, 0o777)
    with cache_mounts.take(home, Wish("a", uid=5, gid=6, mode=0o750), fill) as taken:
        assert os.stat(taken.path).st_mode & 0o7777 == 0o777


def test_shared_ones_are_had_together(home: Home) -> None:
    with cache_mounts.take(home, Wish("a")) as one, cache_mounts.take(home, Wish("a")) as two:
        assert one.path == two.path


def test_private_ones_are_had_alone(home: Home) -> None:
    wish = Wish("a", PRIVATE)
    with cache_mounts.take(home, wish) as one, cache_mounts.take(home, wish) as two:
        assert one.path != two.path
        second = two.path
    with cache_mounts.take(home, wish) as one, cache_mounts.take(home, wish) as two:
        assert two.path == second, "a third was made"


def test_who_locks_waits(home: Home) -> None:
    def work() -> None:
        for number in range(20):
            with cache_mounts.take(home, Wish("a", LOCKED)) as mine:
                path = Path(mine.path, "inside")
                path.touch(exist_ok=False)  # nobody else is
                time.sleep(number / 20000)
                path.unlink()

    children = [in_child(work) for _ in range(3)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]


def test_who_was_killed_holds_nothing(home: Home) -> None:
    reader, writer = os.pipe()

    def hold() -> None:
        with cache_mounts.take(home, Wish("a", LOCKED)):
            os.write(writer, b"x")
            time.sleep(99)

    child = in_child(hold)
    os.read(reader, 1)
    assert busy(home) == ["a"]
    os.kill(child, 9)
    os.waitpid(child, 0)
    with cache_mounts.take(home, Wish("a", LOCKED)):
        pass
    os.close(reader)
    os.close(writer)


def test_two_that_want_the_same_ones_do_not_wait_for_each_other(home: Home) -> None:
    wishes = [(Wish(name, LOCKED), None) for name in "abcd"]

    def work(order: int) -> None:
        for _ in range(100):
            for taken in cache_mounts.take_all(home, wishes[::order]):
                taken.close()

    children = [in_child(lambda n=n: work(n)) for n in (1, -1)]  # type: ignore[misc]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]


def test_one_instruction_may_want_one_twice(home: Home) -> None:
    wishes = [(Wish("a", sharing), None) for sharing in (SHARED, LOCKED, LOCKED, PRIVATE)]
    taken = cache_mounts.take_all(home, wishes)
    assert len({each.path for each in taken[:3]}) == 1
    assert taken[3].path != taken[0].path
    for each in taken:
        each.close()
    assert busy(home) == []


def test_a_mode_nobody_knows_is_refused(home: Home) -> None:
    with pytest.raises(InvalidArgument, match="sharing mode 'mine'"):
        cache_mounts.take(home, Wish("a", "mine"))


def test_one_that_cannot_be_filled_never_was(home: Home) -> None:
    def fill(_: str) -> None:
        raise InvalidArgument("no such stage")

    with pytest.raises(InvalidArgument):
        cache_mounts.take(home, Wish("a"), fill)
    assert list(cache_mounts.list_mounts(home)) == []
    assert os.listdir(home.tmp_dir) == []


def test_killed_anywhere_it_is_whole_or_not_there(home: Home) -> None:
    def fill(path: str) -> None:
        for name in "abc":
            Path(path, name).write_text(name)

    dice = random.Random(1)
    for round_ in range(40):
        child = in_child(lambda n=round_: cache_mounts.take(home, Wish(str(n)), fill).close())  # type: ignore[misc]
        time.sleep(dice.random() / 300)
        os.kill(child, 9)
        os.waitpid(child, 0)
    open_home(home.root, home.run_root)
    assert os.listdir(home.tmp_dir) == []
    for each in cache_mounts.list_mounts(home):
        assert sorted(os.listdir(f"{each.path}/data")) == ["a", "b", "c"]
        assert not each.is_busy


def test_one_pruned_under_the_eyes_of_who_takes_it_is_made_anew(home: Home) -> None:
    stop = Path(home.root, "stop")

    def take() -> None:
        while not stop.exists():
            with cache_mounts.take(home, Wish("a")) as taken:
                assert os.path.isdir(taken.path)

    child = in_child(take)
    pruned = 0
    while pruned < 30 and os.waitpid(child, os.WNOHANG) == (0, 0):
        path = f"{home.build_dir}/mounts/{cache_mounts.name_of(Wish('a'))}"
        with Claim(path) as claim:
            if claim.is_free:
                aside = f"{home.tmp_dir}/{files.name_temporary()}"
                os.rename(path, aside)
                files.remove_tree(aside)
                pruned += 1
    stop.touch()
    assert pruned == 30
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("what", ["", "[", "[1]", '{"id":7}'])
def test_one_without_a_record_is_listed_and_taken_all_the_same(home: Home, what: str) -> None:
    with cache_mounts.take(home, Wish("a")) as taken:
        path = Path(taken.path).parent / "mount.json"
    path.write_text(what) if what else path.unlink()
    with cache_mounts.take(home, Wish("a")) as again:
        assert again.path == taken.path
    assert len(list(cache_mounts.list_mounts(home))) == 1
