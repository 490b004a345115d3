"""state.json: what is stored, and what the kernel says of it (runtime-spec, runtime.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cuddy.errors import Conflict, NoSuchContainer
from cuddy.files import start_time
from cuddy.runtime import delete, kill, start, state

OWN = {"pid": os.getpid(), "startTime": start_time(os.getpid())}


@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / "box").mkdir()
    return str(tmp_path)


def write(root: str, **fields: Any) -> None:
    document: Any = {"ociVersion": "1.2.0", "id": "box", "bundle": "/b", "cgroupPaths": {}}
    state.write(root, document | OWN | fields)


def make_gate(root: str) -> str:
    path = f"{root}/box/{state.FIFO}"
    os.mkfifo(path)
    return path


class TestStatus:
    def test_without_a_process_it_is_being_created(self, root: str) -> None:
        write(root, pid=0)
        assert state.read(root, "box")["status"] == "creating"

    def test_behind_its_gate_it_is_created(self, root: str) -> None:
        write(root)
        make_gate(root)
        assert state.read(root, "box")["status"] == "created"

    def test_without_a_gate_it_runs(self, root: str) -> None:
        write(root)
        assert state.read(root, "box")["status"] == "running"

    def test_when_its_process_is_gone_it_has_stopped(self, root: str) -> None:
        write(root, startTime=OWN["startTime"] + 1)
        make_gate(root)
        assert state.read(root, "box")["status"] == "stopped"

    def test_without_a_state_there_is_no_container(self, root: str) -> None:
        for container_id in ("box", "other"):
            with pytest.raises(NoSuchContainer):
                state.read(root, container_id)

    def test_it_is_for_its_owner_only(self, root: str) -> None:
        write(root)
        assert os.stat(f"{root}/box/state.json").st_mode & 0o777 == 0o600


def test_others_are_shown_what_the_specification_has(root: str) -> None:
    write(root, startTime=1, hooks={})
    assert state.public(state.read(root, "box")) == {
        "ociVersion": "1.2.0", "id": "box", "bundle": "/b", "pid": 0, "status": "stopped",
    }  # fmt: skip


class TestStart:
    def test_it_opens_the_gate_once(self, root: str) -> None:
        write(root)
        gate = make_gate(root)
        waiting = os.open(gate, os.O_RDONLY | os.O_NONBLOCK)
        start.start(root, "box")
        assert os.read(waiting, 10) == b"1"
        os.close(waiting)
        with pytest.raises(Conflict, match="already running"):
            start.start(root, "box")

    def test_with_nobody_behind_the_gate_it_has_stopped(self, root: str) -> None:
        write(root, startTime=1)
        make_gate(root)
        with pytest.raises(Conflict, match="stopped"):
            start.start(root, "box")


class TestKillAndDelete:
    def test_a_process_of_the_same_pid_is_not_killed(self, root: str) -> None:
        write(root, startTime=OWN["startTime"] + 1)
        with pytest.raises(Conflict, match="not running"):
            kill.kill(root, "box", 9)

    def test_a_running_container_is_not_deleted(self, root: str) -> None:
        write(root)
        with pytest.raises(Conflict, match="not stopped: running"):
            delete.delete(root, "box")
        assert os.listdir(root) == ["box"]

    def test_a_stopped_one_is(self, root: str) -> None:
        write(root, startTime=1)
        delete.delete(root, "box")
        assert os.listdir(root) == []

    def test_one_that_was_half_made_goes_by_force_only(self, root: str) -> None:
        make_gate(root)
        with pytest.raises(NoSuchContainer):
            delete.delete(root, "box")
        delete.delete(root, "box", force=True)
        delete.delete(root, "box", force=True)
        assert os.listdir(root) == []
