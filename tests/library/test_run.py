"""`run`: what a command in a container did, as a value or an error."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from console import TIME_FACTOR, Cuddy
from cuddy import CommandFailed, Engine, Timeout
from cuddy.errors import CommandNotFound, InvalidArgument, NoSuchImage


def test_what_a_command_writes_and_how_it_ends_is_the_result(engine: Engine) -> None:
    words = ["sh", "-c", "echo out; echo err >&2; exit 3"]
    result = engine.run("alpine", words, network="none")
    assert (result.stdout, result.stderr, result.exit_code) == ("out\n", "err\n", 3)
    assert not result.out_of_memory


def test_a_command_in_one_text_is_split_into_words_and_no_shell_runs_it(engine: Engine) -> None:
    assert engine.run("alpine", "echo 'a  b' $HOME *", network="none").stdout == "a  b $HOME *\n"


def test_nothing_is_left_of_a_container_that_was_run(engine: Engine, cuddy: Cuddy) -> None:
    engine.run("alpine", "true")
    assert cuddy.ok("ps", "-aq") == ""


def test_input_is_read_while_output_is_written(engine: Engine) -> None:
    data = bytes(range(256)) * 6000
    assert engine.run("alpine", "cat", input=data, network="none").stdout_bytes == data
    assert engine.run("alpine", "cat", input="text", network="none").stdout == "text"
    assert engine.run("alpine", "cat", input=b"", network="none").stdout == ""


def test_input_that_nobody_reads_is_no_error(engine: Engine) -> None:
    assert engine.run("alpine", "true", input=bytes(1 << 20), network="none").exit_code == 0


def test_settings_are_those_of_the_command_line(engine: Engine, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "file").write_text("from here")
    result = engine.run(
        "alpine",
        ["sh", "-c", "cat /in/file; echo; echo $NAME; id -u; pwd; hostname; ls /sys/class/net"],
        volumes={str(tmp_path): "/in:ro"},
        env={"NAME": "value"},
        user=7,
        workdir="/tmp",
        hostname="box",
        network="none",
        memory="64m",
        cpus=0.5,
        pids=20,
    )
    assert result.stdout.split("\n")[:6] == ["from here", "value", "7", "/tmp", "box", "lo"]


def test_a_path_of_a_volume_is_one_from_where_the_program_is(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("here")
    monkeypatch.chdir(tmp_path)
    assert engine.run("alpine", "cat /in/file", volumes=["./:/in"], network="none").stdout == "here"


def test_a_setting_that_there_is_not_is_a_type_error(engine: Engine) -> None:
    settings: dict[str, Any] = {"colour": "red"}
    with pytest.raises(TypeError, match="colour"):
        engine.run("alpine", **settings)


def test_a_size_that_is_none_is_told_with_what_would_be_one(engine: Engine) -> None:
    with pytest.raises(InvalidArgument) as caught:
        engine.run("alpine", memory="much")
    assert "64m" in caught.value.hint


def test_errors_are_those_of_the_tree_with_their_facts_and_hints(engine: Engine) -> None:
    with pytest.raises(NoSuchImage) as missing:
        engine.run("nowhere", pull="never")
    assert missing.value.name == "nowhere"
    assert missing.value.hint == "'cuddy pull nowhere' fetches it"
    with pytest.raises(CommandNotFound):
        engine.run("alpine", "no-such-command", network="none")


def test_a_command_that_must_end_well_raises_what_it_said(engine: Engine) -> None:
    with pytest.raises(CommandFailed) as caught:
        engine.run("alpine", ["sh", "-c", "echo why >&2; exit 4"], check=True, network="none")
    assert caught.value.status == 4
    assert caught.value.stderr == b"why\n"
    assert caught.value.hint == "why"


def test_one_that_takes_too_long_is_killed_and_what_it_wrote_is_not_lost(
    engine: Engine, cuddy: Cuddy
) -> None:
    start_s = time.monotonic()
    with pytest.raises(Timeout) as caught:
        engine.run("alpine", ["sh", "-c", "echo early; sleep 1000"], timeout=1, network="none")
    assert time.monotonic() - start_s < 20 * TIME_FACTOR
    assert caught.value.stdout == b"early\n"
    assert cuddy.ok("ps", "-aq") == ""


def test_input_that_nobody_reads_does_not_hold_up_a_timeout(engine: Engine, cuddy: Cuddy) -> None:
    data = bytes(8 << 20)
    with pytest.raises(Timeout):
        engine.run("alpine", "sleep 1000", input=data, timeout=1, network="none")
    assert cuddy.ok("ps", "-aq") == ""


def test_a_timeout_may_be_as_long_as_one_likes(engine: Engine) -> None:
    assert engine.run("alpine", "true", timeout=1e8, network="none").exit_code == 0


def test_threads_run_containers_side_by_side(engine: Engine) -> None:
    def echo(number: int) -> str:
        return engine.run("alpine", ["echo", str(number)], network="none").stdout

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(echo, range(8))) == [f"{number}\n" for number in range(8)]
