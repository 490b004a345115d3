"""Containers as objects: lives, logs, commands, files, what is known of them."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from console import Cuddy
from cuddy import CommandFailed, Engine, Timeout
from cuddy.errors import Conflict, NoSuchContainer, NotFound, NotRunning
from cuddy.library.container import Container

SLEEP = ["sleep", "1000"]


def box(engine: Engine, *words: str) -> Container:
    return engine.containers.run("alpine", words or SLEEP, network="none", name="box", init=True)


def test_a_container_goes_at_the_end_of_its_block(engine: Engine, cuddy: Cuddy) -> None:
    with box(engine) as container:
        assert (container.name, container.status) == ("box", "running")
        assert cuddy.ok("ps", "-q", "--no-trunc") == container.id
    assert cuddy.ok("ps", "-aq") == ""


def test_each_verb_leaves_the_container_as_it_then_is(engine: Engine) -> None:
    with engine.containers.create("alpine", SLEEP, network="none", labels={"a": "b"}) as container:
        assert container.status == "created" and container.labels == {"a": "b"}
        container.start()
        assert container.status == "running"
        container.pause()
        assert container.status == "paused"
        container.unpause()
        container.rename("other")
        assert container.name == "other"
        container.stop(timeout=0)
        assert (container.status, container.exit_code) == ("exited", 137)
        container.restart()
        container.kill()
        assert container.status == "exited"


def test_what_cannot_be_done_is_an_error_of_the_tree(engine: Engine) -> None:
    with engine.containers.create("alpine", network="none") as container:
        with pytest.raises(NotRunning):
            container.exec("true")
        with pytest.raises(NotRunning):
            container.kill()
        container.start()
        container.wait()
        with box(engine) as running, pytest.raises(Conflict):
            running.remove()
    with pytest.raises(NoSuchContainer) as caught:
        container.refresh()
    assert caught.value.hint == "'cuddy ps -a' lists them"


def test_waiting_ends_with_the_container_or_in_time(engine: Engine) -> None:
    with box(engine) as container:
        with pytest.raises(Timeout):
            container.wait(timeout=0.1)
        container.kill()
        assert container.wait() == 137


def test_logs_come_line_by_line_while_they_are_written(engine: Engine) -> None:
    with box(engine, "sh", "-c", "echo one; echo two >&2; sleep 0.3; printf three") as container:
        lines = list(container.logs(follow=True))
        assert sorted((line.stream, line.text) for line in lines) == [
            ("stderr", "two"), ("stdout", "one"), ("stdout", "three"),
        ]  # fmt: skip
        assert [line.text for line in container.logs(tail=1)] == ["three"]


def test_whoever_stops_reading_logs_leaves_nothing_behind(engine: Engine) -> None:
    with box(engine, "sh", "-c", "while echo line; do sleep 0.05; done") as container:
        assert next(container.logs(follow=True)).text == "line"


def test_a_command_in_it_has_a_result(engine: Engine) -> None:
    with box(engine) as container:
        result = container.exec(["sh", "-c", "cat; echo $A; id -u; exit 3"], input="x", user=5,
                                env={"A": "b"})  # fmt: skip
        assert (result.stdout, result.exit_code) == ("xb\n5\n", 3)
        with pytest.raises(CommandFailed):
            container.exec("false", check=True)


def test_a_command_that_takes_too_long_is_killed_with_all_it_started(engine: Engine) -> None:
    with box(engine) as container:
        with pytest.raises(Timeout) as caught:
            container.exec(["sh", "-c", "echo early; sleep 500 & sleep 500"], timeout=0.5)
        assert caught.value.stdout == b"early\n"
        assert "500" not in str(container.top().rows)


def test_files_go_in_and_out(engine: Engine, tmp_path: Path) -> None:
    with box(engine) as container:
        container.write("/tmp/file", b"\x00data", mode=0o600)
        assert container.read("/tmp/file") == b"\x00data"
        assert container.exec("stat -c %a /tmp/file").stdout == "600\n"
        container.get("/tmp/file", tmp_path / "out")
        (tmp_path / "tree/below").mkdir(parents=True)
        (tmp_path / "tree/below/name").write_text("content")
        container.put(tmp_path / "tree", "/srv")
        assert container.read("/srv/tree/below/name") == b"content"
        with pytest.raises(NotFound):
            container.read("/nowhere")
        assert {(each.letter, each.path) for each in container.diff()} >= {
            ("A", "/srv/tree/below/name"), ("A", "/tmp/file"),
        }  # fmt: skip
        container.export(tmp_path / "root.tar")
    assert (tmp_path / "out").read_bytes() == b"\x00data"
    with tarfile.open(tmp_path / "root.tar") as tar:
        assert "srv/tree/below/name" in tar.getnames()


def test_what_it_uses_and_what_limits_it(engine: Engine) -> None:
    with box(engine) as container:
        assert container.stats()["pids_stats"]["current"] >= 1
        assert container.update(memory="64m", cpus=0.5) == []
        assert container.attrs["HostConfig"]["Memory"] == 64 << 20


def test_containers_are_found_and_listed(engine: Engine) -> None:
    with box(engine) as container:
        assert engine.containers.get("box").id == container.id
        assert engine.containers.get(container.id[:12]).id == container.id
        assert [each.name for each in engine.containers.list()] == ["box"]
        assert engine.containers.list(filters={"name": "other"}) == []
        container.kill()
        assert engine.containers.list() == []
        assert [each.name for each in engine.containers.list(all=True)] == ["box"]
        assert engine.containers.prune().names == [container.id]


def test_a_port_that_leads_inside_is_told(engine: Engine) -> None:
    with engine.containers.run("alpine", SLEEP, ports={80: 0}) as container:
        address, port = container.port(80)
        assert address == "0.0.0.0" and port > 0 and container.ip_address
        with pytest.raises(KeyError):
            container.port(81)


def test_events_are_told_as_they_happen(engine: Engine) -> None:
    with box(engine) as container:
        events = engine.events(filters={"container": container.id}, since="1m")
        assert [next(events).action for _ in range(2)] == ["create", "start"]
        container.kill()
        found = [next(events) for _ in range(2)]
        events.close()
    assert [event.action for event in found] == ["kill", "die"]
    assert found[1].attributes["exitCode"] == "137"


def test_one_that_cannot_start_is_not_kept(engine: Engine, cuddy: Cuddy) -> None:
    with pytest.raises(Exception, match="not found"):
        engine.containers.run("alpine", "no-such-command", network="none")
    assert cuddy.ok("ps", "-aq") == ""


def test_input_that_a_command_in_it_reads_no_more_is_no_error(engine: Engine) -> None:
    with box(engine) as container:
        words = ["sh", "-c", "exec <&-; sleep 0.5; echo done"]
        assert container.exec(words, input=bytes(1 << 20)).stdout == "done\n"
