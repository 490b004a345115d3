"""Execs that one process makes and another starts, looks at and resizes."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, wait_until
from cuddy import files
from cuddy.engine import containers, exec, exec_life, exec_records
from cuddy.engine.exec_session import ExecSession
from cuddy.engine.home import Home
from cuddy.engine.options import ExecOptions
from cuddy.errors import CommandNotFound, Conflict, InvalidArgument, NoSuchExec, NotRunning

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="it asks the engine itself")


@pytest.fixture
def engine(cuddy: Cuddy) -> Iterator[Home]:
    """A Home with a running container named `box`."""
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    before = children()
    yield Home(str(cuddy.root), str(cuddy.run_root))
    cuddy("rm", "-f", "box")
    for keeper in children() - before:
        with suppress(ChildProcessError):
            os.waitpid(keeper, 0)


def children() -> set[int]:
    """This process's own."""
    return set(map(int, Path("/proc/self/task", str(os.getpid()), "children").read_text().split()))


def room_of(engine: Home) -> str:
    return engine.execs_dir(containers.find_id(engine, "box"))


def life_of(engine: Home, exec_id: str) -> exec_life.Life:
    return exec_life.read(room_of(engine), exec_id)


def create(engine: Home, *words: str, **options: bool) -> str:
    return exec_records.create(engine, "box", ExecOptions(words, **options))


def start(engine: Home, exec_id: str) -> ExecSession:
    record = exec_records.read(engine, exec_id)
    exec_records.claim(engine, record)
    return exec.exec_attached(engine, record.name, record.options, recorded=exec_id)


def read_all(session: ExecSession) -> bytes:
    found = b""
    try:
        while True:
            select.select([session], [], [], 20)
            found += b"".join(data for _, data in session.receive())
    except EOFError:
        return found


def test_what_it_is_and_how_it_ended_can_be_read(cuddy: Cuddy, engine: Home) -> None:
    exec_id = create(engine, "sh", "-c", "read x; exit 7", interactive=True)
    before = exec_records.document(engine, exec_id)
    assert (before["Running"], before["ExitCode"], before["Pid"]) == (False, None, 0)
    assert before["ProcessConfig"]["entrypoint"] == "sh"
    assert before["ProcessConfig"]["arguments"] == ["-c", "read x; exit 7"]
    with closing(start(engine, exec_id)) as session:
        during = exec_records.document(engine, exec_id)
        assert during["Running"]
        assert during["Pid"] > 1
        assert exec_id in cuddy.inspect("box")["ExecIDs"]
        session.send(b"x\n")
        assert read_all(session) == b""
        after = exec_records.document(engine, exec_id)
        assert (after["Running"], after["ExitCode"]) == (False, 7)
    actions = cuddy.ok("events", "--since", "1h", "--until", "0s", "--filter", "container=box")
    for action in ("exec_create: sh -c", "exec_start: sh -c", "exec_die"):
        lines = [line for line in actions.splitlines() if f" {action}" in line and exec_id in line]
        assert len(lines) == 1, action


def test_it_is_started_once(engine: Home) -> None:
    exec_id = create(engine, "sleep", "100")
    record = exec_records.read(engine, exec_id)
    with closing(start(engine, exec_id)):
        with pytest.raises(Conflict, match="is already running"):
            exec_records.claim(engine, record)
        os.kill(life_of(engine, exec_id).pid, signal.SIGKILL)
        wait_until(lambda: life_of(engine, exec_id).exit_code == 137)
    with pytest.raises(Conflict, match="has already run"):
        exec_records.claim(engine, record)


def test_a_program_that_is_not_there_has_an_exit_code(engine: Home) -> None:
    exec_id = create(engine, "no-such-command")
    with pytest.raises(CommandNotFound):
        start(engine, exec_id)
    assert life_of(engine, exec_id) == exec_life.Life(True, False, 0, 127)


def test_whoever_killed_the_keeper_has_ended_it(engine: Home) -> None:
    exec_id = create(engine, "sleep", "100")
    with closing(start(engine, exec_id)) as session:
        path = Path(room_of(engine), f"{exec_id}.life")
        os.kill(files.read_json(str(path))[0], signal.SIGKILL)
        read_all(session)
        life = wait_until(lambda: life_of(engine, exec_id).exit_code)
        assert life == 137


def test_another_process_resizes_its_terminal(engine: Home) -> None:
    exec_id = create(engine, "sh", "-c", "read x; stty size", tty=True, interactive=True)
    with closing(start(engine, exec_id)) as session:
        exec_records.resize(engine, exec_id, 33, 77)
        time.sleep(0.05)
        session.send(b"x\n")
        assert b"33 77" in read_all(session)
    with pytest.raises(Conflict):
        exec_records.resize(engine, exec_id, 1, 1)


def test_without_the_container_there_is_none(cuddy: Cuddy, engine: Home) -> None:
    exec_id = create(engine, "true")
    for unknown in ("f" * 64, "../x", "", f"{exec_id}x"):
        with pytest.raises(NoSuchExec):
            exec_records.read(engine, unknown)
    with pytest.raises(InvalidArgument):
        create(engine)
    cuddy.ok("kill", "box")
    with pytest.raises(NotRunning):
        exec_records.claim(engine, exec_records.read(engine, exec_id))
    with pytest.raises(NotRunning):
        create(engine, "true")
    cuddy.ok("rm", "box")
    with pytest.raises(NoSuchExec):
        exec_records.read(engine, exec_id)


def test_old_records_are_swept(engine: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Path(room_of(engine))
    ended, waiting = create(engine, "true"), create(engine, "true")
    with closing(start(engine, ended)) as session:
        read_all(session)
    monkeypatch.setattr(exec_records, "SWEEP_EVERY_S", 0)
    exec_records.sweep(str(room))
    assert {path.stem for path in room.glob("*.json")} >= {ended, waiting}
    monkeypatch.setattr(exec_records, "KEPT_S", 0)
    exec_records.sweep(str(room))
    assert [path.name for path in room.iterdir()] == ["swept"]
