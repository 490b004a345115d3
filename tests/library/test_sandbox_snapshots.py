"""The files of sandboxes: as they were, in others, and what has changed of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from behind import of_library
from console import Cuddy, wait_until
from cuddy import CuddyError, Engine, Sandbox
from cuddy.errors import Conflict, InvalidArgument

MARK = b"snapshot".hex()


@pytest.fixture
def box(engine: Engine) -> Iterator[Sandbox]:
    with Sandbox("alpine", engine=engine, network="none", pids=200) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def no_layer_is_left(cuddy: Cuddy) -> Iterator[None]:
    yield
    wait_until(lambda: layers(cuddy) == [])


def layers(cuddy: Cuddy) -> list[str]:
    return [name for name in os.listdir(f"{cuddy.root}/layers") if name.startswith(MARK)]


def words(box: Sandbox) -> str:
    return box.read("/words").decode()


def test_it_goes_back_to_any_of_its_snapshots(box: Sandbox) -> None:
    box.write("/words", "one")
    assert box.snapshot() == 1
    box.write("/words", "two")
    box.exec("rm -r /etc")
    assert box.snapshot() == 2
    box.restore(1)
    assert words(box) == "one"
    assert box.exec("ls /etc/passwd").exit_code == 0
    box.restore(2)
    assert words(box) == "two"
    box.restore()
    assert box.exec("ls /words").exit_code == 1
    box.write("/words", "three")
    assert box.snapshot() == 3
    box.restore(2)
    box.restore(3)
    assert words(box) == "three"
    with pytest.raises(InvalidArgument, match="it has 0 to 3"):
        box.restore(4)


def test_zero_is_as_it_began_with_its_files(engine: Engine) -> None:
    with Sandbox("alpine", engine=engine, network="none", files={"/words": "seed"}) as box:
        box.exec("rm /words")
        box.restore(0)
        assert words(box) == "seed"


def test_what_is_mounted_in_it_stays(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("outside")
    tmp_path.chmod(0o755)
    with Sandbox(
        "alpine", engine=engine, network="none", volumes={str(tmp_path): "/mnt/deep/er"},
        tmpfs=["/quick"], workdir="/work/here", user="1000", hostname="name",
    ) as box:  # fmt: skip
        before = box.exec("cat /proc/mounts").stdout
        box.exec("touch /quick/words")
        box.snapshot()
        for _ in range(2):
            assert box.exec("ls /quick").stdout == "words\n"
            assert box.exec("cat /mnt/deep/er/words").stdout == "outside"
            assert box.exec("hostname").stdout == "name\n"
            assert box.exec("cat /etc/hostname").stdout == "name\n"
            assert box.exec("pwd").stdout == "/work/here\n"
            assert box.exec(["sh", "-c", "echo > /dev/null; ls /dev/pts/ptmx"]).exit_code == 0
            after = box.exec("cat /proc/mounts").stdout
            assert places(after) == places(before)
            box.restore(0)


def places(mounts: str) -> list[str]:
    return sorted(line.split()[1] for line in mounts.splitlines())


def test_the_host_sees_nothing_of_it(box: Sandbox) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    box.write("/words", "one")
    box.snapshot()
    box.restore(0)
    box.restore(1)
    assert Path("/proc/self/mountinfo").read_text() == before
    assert box.exec("ls -a /").stdout.split() == sorted(box.exec("ls -a /").stdout.split())
    assert "/rootfs" not in box.exec("cat /proc/mounts").stdout


def test_a_snapshot_does_not_change_with_what_runs(box: Sandbox) -> None:
    loop = ["sh", "-c", "(while :; do echo line >> /words; done) >/dev/null 2>&1 &"]
    box.exec(loop)
    wait_until(lambda: box.exec("test -s /words").exit_code == 0)
    number = box.snapshot()
    [fork] = box.fork(snapshot=number)
    with fork:
        size = len(fork.read("/words"))
        wait_until(lambda: len(box.read("/words")) > size, what="it stands still")
        assert len(fork.read("/words")) == size
        box.restore(number)
        assert len(box.top().rows) == 1
        assert len(box.read("/words")) == size
        box.write("/words", "alive")
        assert len(fork.read("/words")) == size


def test_a_storm_of_forks_does_not_survive_a_restore(box: Sandbox) -> None:
    box.exec(["sh", "-c", "(yes 1 | xargs -P 60 -n 1 sleep) >/dev/null 2>&1 &"])
    box.exec(["sh", "-c", "(yes | xargs -P 60 -n 1 true) >/dev/null 2>&1 &"])
    wait_until(lambda: len(box.top().rows) > 5)
    box.restore()
    assert len(box.top().rows) == 1
    assert box.exec("echo there").stdout == "there\n"


def test_forks_begin_with_its_files_and_stay_when_it_goes(
    engine: Engine, box: Sandbox, cuddy: Cuddy
) -> None:
    box.write("/words", "common")
    box.exec("ln -s /words /link")
    one, two = box.fork(2)
    assert one.name != two.name and one.exec("hostname").stdout != two.exec("hostname").stdout
    one.write("/words", "one")
    assert (words(one), words(two), words(box)) == ("one", "common", "common")
    box.close()
    assert words(two) == "common"
    assert two.exec("readlink /link").stdout == "/words\n"
    [three] = two.fork()
    two.close()
    assert words(three) == "common"
    assert len(layers(cuddy)) == 1
    three.restore(0)
    assert words(three) == "common"
    three.close()
    one.close()
    assert engine.sandboxes.list() == []


def test_a_fork_can_begin_with_an_earlier_snapshot(box: Sandbox) -> None:
    box.write("/words", "one")
    box.snapshot()
    box.write("/words", "two")
    (early,), (first,) = box.fork(snapshot=1), box.fork(snapshot=0)
    with early, first:
        assert words(early) == "one"
        assert first.exec("ls /words").exit_code == 1


def test_many_snapshots_stand_on_each_other(box: Sandbox) -> None:
    for number in range(1, 90):
        box.write(f"/words{number}", str(number))
        assert box.snapshot() == number
    assert box.exec("cat /words1 /words45 /words89").stdout == "14589"
    box.restore(45)
    assert box.exec("cat /words1 /words45 /words89").stdout == "145"
    [fork] = box.fork(snapshot=89)
    with fork:
        assert fork.exec("cat /words1 /words45 /words89").stdout == "14589"


def test_changes_are_told_since_the_image_or_a_snapshot(box: Sandbox) -> None:
    def told(since: int | None = None) -> list[str]:
        return [f"{each.letter} {each.path}" for each in box.diff(since)]

    box.write("/one", "1")
    box.snapshot()
    box.write("/two", "2")
    box.exec("rm /etc/passwd")
    box.snapshot()
    box.exec("rm /one")
    assert told() == ["C /etc", "D /etc/passwd", "A /two"]
    assert told(0) == told()
    assert told(1) == ["C /etc", "D /etc/passwd", "A /two", "D /one"]
    assert told(2) == ["D /one"]
    box.restore(1)
    assert told(1) == []
    assert told(2) == ["C /etc", "A /etc/passwd", "D /two"]


def test_the_host_as_an_image_has_snapshots_too(engine: Engine) -> None:
    with Sandbox("host", engine=engine, network="none") as box:
        box.write("/words", "one")
        box.write("/etc/own", "1")
        box.exec("rm /usr/bin/env")
        box.snapshot()
        box.exec("rm /etc/own /words")
        box.snapshot()
        assert box.exec("ls /words /etc/own /usr/bin/env").exit_code != 0
        box.restore(1)
        assert (words(box), box.read("/etc/own")) == ("one", b"1")
        assert box.exec("ls /usr/bin/env").exit_code != 0
        changes = {f"{each.letter} {each.path}" for each in box.diff()}
        assert {"A /words", "A /etc/own", "D /usr/bin/env"} <= changes
        [fork] = box.fork()
        with fork:
            assert words(fork) == "one"
        box.restore(0)
        assert box.exec("ls /usr/bin/env").exit_code == 0
        assert box.exec("cat /etc/shadow").stdout.count("*") > 0
        assert os.path.exists("/usr/bin/env")


def test_volumes_of_an_image_are_part_of_its_files(engine: Engine, cuddy: Cuddy) -> None:
    with engine.containers.create("alpine", network="none") as plain:
        cuddy.ok("commit", "--change", "VOLUME /data", plain.id, "with-volume")
    with Sandbox("with-volume", engine=engine, network="none") as box:
        box.write("/data/words", "kept")
        [fork] = box.fork()
        with fork:
            assert fork.read("/data/words") == b"kept"
    engine.images.remove("with-volume")


def test_a_paused_one_has_snapshots_but_cannot_be_restored(box: Sandbox) -> None:
    box.write("/words", "one")
    box.pause()
    box.snapshot()
    with pytest.raises(Conflict):
        box.restore(0)
    box.unpause()
    assert words(box) == "one"


@pytest.mark.parametrize("verb", ["snapshot", "restore", "fork"])
def test_the_process_behind_may_be_killed_at_any_moment(
    engine: Engine, cuddy: Cuddy, verb: str
) -> None:
    """Each time while it works; nothing changes by what is taken back or finished."""
    engine.sandboxes.list()  # the process behind the test's own engine is there now
    others, before = of_library(), "0"
    with Engine(root=cuddy.root, run_root=cuddy.run_root) as mine:
        box = Sandbox("alpine", engine=mine, network="none", files={"/words": "0"})
        seen = engine.sandboxes.get(box.id)
        for turn in range(1, 9):
            caller = threading.Thread(target=attempt, args=(box, verb))
            caller.start()
            time.sleep(0.004 * turn)
            for pid in of_library() - others:
                if parent(pid) not in others:  # those are spares of the test's own engine
                    kill(pid)
            caller.join()
            assert words(seen) == before
            assert seen.snapshot() >= turn
            seen.write("/words", str(turn))
            seen.restore(seen.snapshot())
            before = str(turn)
    for each in engine.sandboxes.list():  # forks that were finished are the program's own
        each.close()
    assert not engine.sandboxes.list()


def attempt(box: Sandbox, verb: str) -> None:
    """Do it; whoever does it may be killed meanwhile."""
    try:
        if verb == "snapshot":
            box.snapshot()
        elif verb == "restore":
            box.restore(box.snapshot())
        else:
            box.fork(2)
    except CuddyError:
        pass  # as expected now and then


def parent(pid: int) -> int:
    """The pid of its parent; 0 if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it has just ended
