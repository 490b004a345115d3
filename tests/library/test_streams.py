"""What goes on while a program listens: attached streams, statistics, builds."""

from __future__ import annotations

from pathlib import Path

from cuddy import Engine
from cuddy.builder import report
from cuddy.library.values import Piece


def test_what_a_container_writes_and_reads_goes_by_an_attached_object(engine: Engine) -> None:
    words = ["sh", "-c", "read a; echo got $a; read b; exit 3"]
    box = engine.containers.run("alpine", words, network="none", interactive=True)
    with box, box.attach() as attached:
        attached.write("one\n")
        assert attached.read(timeout=60) == Piece("stdout", b"got one\n")
        attached.write("two\n")
        assert attached.read(timeout=60) is None and attached.exit_code == 3


def test_statistics_come_as_long_as_it_runs(engine: Engine) -> None:
    with engine.containers.run("alpine", "sleep 1000", network="none") as box:
        readings = box.follow_stats(every=0.1)
        first, second = next(readings), next(readings)
        assert second["preread"] == first["read"] and second["pids_stats"]["current"] == 1
        box.kill()
        assert len(list(readings)) < 1000


def test_an_image_is_built_by_the_process_behind(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY file /\nLABEL a=b\n")
    (tmp_path / "file").write_text("content")
    heard: list[report.Event] = []
    built = engine.images.build(tmp_path, tags="built:1", on_event=heard.append)
    assert heard and engine.images.get("built:1").id == built.image_id
    engine.images.remove("built:1")
