"""Clients that are there before a container begins: they miss nothing of it."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from console import ENGINE, Cuddy, monitor_of, wait_until
from cuddy.engine import guest, wait
from cuddy.engine.attach import Attachment
from cuddy.engine.home import Home
from cuddy.errors import InvalidArgument, NoSuchContainer

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it asks the engine itself")


@pytest.fixture
def engine(cuddy: Cuddy) -> Iterator[Home]:
    yield Home(str(cuddy.root), str(cuddy.run_root))
    assert not list(cuddy.root.glob("containers/*/waiting/*"))


def read_all(attachment: Attachment) -> dict[int, bytes]:
    """What comes until the end, by stream."""
    found = {1: b"", 2: b""}
    try:
        while True:
            select.select([attachment], [attachment] if attachment.wants_write() else [], [], 20)
            attachment.flush()
            for stream, data in attachment.receive():
                found[stream] += data
    except EOFError:
        return found


def attend(engine: Home, name: str, *, stdin: bool = False) -> Attachment:
    return guest.attach_early(engine, name, stdin=stdin, stdout=True, stderr=True)


def test_the_first_byte_and_the_last_reach_everybody_who_waited(cuddy: Cuddy, engine: Home) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "sh", "-c", "echo out; echo err >&2; exit 3")
    with closing(attend(engine, "box")) as one, closing(attend(engine, "box")) as other:
        cuddy.ok("start", "box")
        for attachment in (one, other):
            assert read_all(attachment) == {1: b"out\n", 2: b"err\n"}
            assert attachment.exit_code == 3


def test_what_was_sent_before_the_beginning_is_read(cuddy: Cuddy, engine: Home) -> None:
    cuddy.ok("create", "--name", "box", "-i", "alpine", "cat")
    with closing(attend(engine, "box", stdin=True)) as attachment:
        assert attachment.send(b"x" * 100_000) == 100_000
        assert attachment.send(b"later") == 0
        attachment.close_stdin()
        cuddy.ok("start", "box")
        assert read_all(attachment)[1] == b"x" * 100_000


def test_a_guest_hears_of_the_removal_and_of_a_start_that_fails(cuddy: Cuddy, engine: Home) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "no-such-command")
    with closing(attend(engine, "box")) as attachment:
        assert cuddy("start", "box").code == 1
        assert read_all(attachment) == {1: b"", 2: b""}
        assert attachment.exit_code is None
    with closing(attend(engine, "box")) as attachment:
        cuddy.ok("rm", "box")
        assert read_all(attachment) == {1: b"", 2: b""}


def test_guests_that_died_or_never_come_do_not_keep_a_container_from_starting(
    cuddy: Cuddy, engine: Home
) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "echo", "hello")
    pid = os.fork()
    if pid == 0:
        attend(engine, "box")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    idle = attend(engine, "box")
    cuddy.ok("start", "box")
    assert cuddy.ok("wait", "box") == "0"
    with closing(idle):
        assert read_all(idle)[1] == b"hello\n"


def test_what_dead_guests_left_is_swept(cuddy: Cuddy, engine: Home) -> None:
    container = cuddy.ok("create", "alpine", "true")
    pid = os.fork()
    if pid == 0:
        attend(engine, container)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert len(os.listdir(engine.waiting_dir(container))) == 1
    with closing(attend(engine, container)):
        assert len(os.listdir(engine.waiting_dir(container))) == 1


@pytest.mark.parametrize(("condition", "code"), [("next-exit", 7), ("removed", 7)])
def test_an_end_within_a_moment_is_not_missed(
    cuddy: Cuddy, engine: Home, condition: str, code: int
) -> None:
    cuddy.ok("create", "--name", "box", "--rm", "alpine", "sh", "-c", "exit 7")
    with wait.Expectation(engine, "box", condition) as expectation:
        cuddy.ok("start", "box")
        wait_until(lambda: not cuddy.ok("ps", "-aq"))
        assert expectation.wait() == code


def test_removed_means_gone_whatever_ends_before(cuddy: Cuddy, engine: Home) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "sh", "-c", "exit 5")
    with wait.Expectation(engine, "box", "removed") as expectation:
        told: list[int] = []
        waiter = threading.Thread(target=lambda: told.append(expectation.wait()))
        waiter.start()
        for _ in range(2):
            cuddy.ok("start", "box")
            cuddy.ok("wait", "box")
        assert not told
        cuddy.ok("rm", "box")
        waiter.join(20)
        assert told == [5]


def test_not_running_is_true_at_once_or_with_the_end(cuddy: Cuddy, engine: Home) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "sleep", "100")
    with wait.Expectation(engine, "box") as expectation:
        assert expectation.wait() == 0
    cuddy.ok("start", "box")
    with wait.Expectation(engine, "box", "not-running") as expectation:
        os.kill(monitor_of(cuddy, "box"), signal.SIGKILL)
        assert expectation.wait() == 137


def test_what_cannot_be_waited_for_is_said(cuddy: Cuddy, engine: Home) -> None:
    with pytest.raises(NoSuchContainer):
        wait.Expectation(engine, "nothing", "removed")
    cuddy.ok("create", "--name", "box", "alpine", "true")
    with pytest.raises(InvalidArgument, match='invalid condition: "stopped"'):
        wait.Expectation(engine, "box", "stopped")
