"""The log of events: whole lines, bounded, whoever writes at the same time."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cuddy.engine import events
from cuddy.engine.home import Home


def home(path: Path) -> Home:
    return Home(str(path), str(path / "run"))


def written(path: Path) -> list[dict[str, Any]]:
    """What stands in the log, the older part first."""
    parts = [path / "events.log.1", path / "events.log"]
    return [json.loads(line) for p in parts if p.exists() for line in p.read_text().splitlines()]


def container(**labels: str) -> Any:
    return {"Id": "c" * 64, "Name": "/web", "Config": {"Image": "shop:1", "Labels": labels}}


def test_an_event_is_a_line_in_dockers_shape(tmp_path: Path) -> None:
    events.emit_container(home(tmp_path), "die", container(tier="front"), {"exitCode": "3"})
    (found,) = written(tmp_path)
    assert found["Type"] == "container"
    assert found["Action"] == "die"
    assert found["Actor"] == {
        "ID": "c" * 64,
        "Attributes": {"tier": "front", "exitCode": "3", "name": "web", "image": "shop:1"},
    }
    assert found["scope"] == "local"
    assert found["time"] == found["timeNano"] // 10**9


def test_labels_cannot_pass_for_what_an_event_says(tmp_path: Path) -> None:
    labels = {"exitCode": "0", "name": "other", "image": "other"}
    events.emit_container(home(tmp_path), "die", container(**labels), {"exitCode": "3"})
    (found,) = written(tmp_path)
    assert found["Actor"]["Attributes"] == {"exitCode": "3", "name": "web", "image": "shop:1"}


def test_labels_beyond_all_measure_are_left_out(tmp_path: Path) -> None:
    events.emit_container(home(tmp_path), "start", container(big="x" * 100_000))
    events.emit_container(home(tmp_path), "exec_start: " + "x" * 100_000, container())
    first, second = written(tmp_path)
    assert first["Actor"]["Attributes"] == {"name": "web", "image": "shop:1"}
    assert len(second["Action"]) == 256


def test_the_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    big = container(label="x" * 50_000)
    for _ in range(60):
        events.emit_container(home(tmp_path), "start", big)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"events.log", "events.log.1"}
    assert max(sizes.values()) <= events.MAX_LOG_BYTES + events.MAX_EVENT_BYTES


def test_nothing_is_lost_when_many_write_while_the_log_becomes_an_old_one(tmp_path: Path) -> None:
    writers, each = 8, 40

    def write(writer: int) -> int:
        for number in range(each):
            big = container(label="x" * 5000, writer=str(writer), number=str(number))
            events.emit_container(home(tmp_path), "start", big)
        return 0

    pids = []
    for writer in range(writers):
        if not (pid := os.fork()):
            os._exit(write(writer))
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * writers
    assert (tmp_path / "events.log.1").exists()
    found = [event["Actor"]["Attributes"] for event in written(tmp_path)]
    seen = sorted((int(a["writer"]), int(a["number"])) for a in found)
    assert seen == [(writer, number) for writer in range(writers) for number in range(each)]


def test_a_log_that_cannot_be_written_hurts_nobody(tmp_path: Path) -> None:
    (tmp_path / "events.log").symlink_to(tmp_path / "elsewhere")
    events.emit(home(tmp_path), "image", "tag", "sha256:1")
    assert not (tmp_path / "elsewhere").exists()
    events.emit(Home("/nowhere", "/nowhere"), "image", "tag", "sha256:1")
