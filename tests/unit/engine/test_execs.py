"""The files of running execs are believed only with their process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from cuddy import files
from cuddy.engine import execs
from cuddy.kernel.cgroup import Cgroup

ONE, TWO = "1" * execs.ID_LENGTH, "2" * execs.ID_LENGTH


def test_one_that_runs_is_listed_until_it_is_forgotten(tmp_path: Path) -> None:
    assert execs.running(str(tmp_path)) == []
    execs.record(str(tmp_path), TWO, os.getpid())
    execs.record(str(tmp_path), ONE, os.getpid())
    assert execs.running(str(tmp_path)) == [ONE, TWO]
    execs.forget(str(tmp_path), ONE)
    execs.forget(str(tmp_path), ONE)
    assert execs.running(str(tmp_path)) == [TWO]


def test_a_pid_that_another_process_has_now_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "execs").mkdir()
    (tmp_path / "execs" / ONE).write_text(f"{os.getpid()} 12345")
    assert execs.running(str(tmp_path)) == []


def test_nonsense_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "execs").mkdir()
    for number, text in enumerate(("", "x", "1", "1 2 3", "\0", "-1 0")):
        (tmp_path / "execs" / f"{number}".rjust(execs.ID_LENGTH, "a")).write_text(text)
    (tmp_path / "execs" / "short").write_text(f"{os.getpid()} 1")
    assert execs.running(str(tmp_path)) == []


def test_what_has_ended_is_swept_and_what_runs_is_not(tmp_path: Path) -> None:
    child = subprocess.Popen(["sleep", "100"])
    execs.record(str(tmp_path), ONE, child.pid)
    execs.record(str(tmp_path), TWO, os.getpid())
    child.kill()
    child.wait()
    (tmp_path / "execs" / f"{ONE}.{child.pid}-1-abc.tmp").touch()
    execs.sweep(str(tmp_path), Cgroup({}))
    assert files.list_directory(str(tmp_path / "execs")) == [TWO]
