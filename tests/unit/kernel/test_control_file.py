"""One-line files, and what reading them says when they are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuddy.kernel import control_file


def test_a_missing_file_reads_as_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "pids.max")
    assert control_file.read(path) is None
    assert control_file.read_number(path) is None
    assert control_file.read_keyed(path) == {}
    assert control_file.read_numbers(path) == []


def test_max_is_no_number(tmp_path: Path) -> None:
    path = tmp_path / "pids.max"
    path.write_text("max\n")
    assert control_file.read(str(path)) == "max"
    assert control_file.read_number(str(path)) is None
    path.write_text("-1\n")
    assert control_file.read_number(str(path)) == -1


def test_a_keyed_file_is_a_dict(tmp_path: Path) -> None:
    path = tmp_path / "memory.events"
    path.write_text("low 0\noom_kill 3\n8:0 Read 7\nodd\nname text\n")
    assert control_file.read_keyed(str(path)) == {"low": 0, "oom_kill": 3, "8:0 Read": 7}


def test_a_failed_write_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="warp.max"):
        control_file.write(str(tmp_path / "warp.max"), "1")
    assert not (tmp_path / "warp.max").exists()
