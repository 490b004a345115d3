"""What goes on while a program listens: attached streams, statistics, builds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from console import Cuddy
from cuddy import Engine, aio
from cuddy.builder import report
from cuddy.engine.options import ContainerOptions
from cuddy.errors import NoSuchImage, RegistryUnreachable
from cuddy.library.values import Piece, Progress
from registry import Registry

KINDS = tuple(report.KINDS.values())
HUGE = 1 << 40
BEYOND = ContainerOptions("", ulimits=(f"nofile=1000:{HUGE}",))


def uploaded(engine: Engine, registry: Registry, repository: str) -> str:
    """An image of two layers that the registry does not have yet; its name there."""
    name = registry.name(repository)
    words = ["sh", "-c", f"head -c 3000000 /dev/urandom >/made; echo {repository} >/name"]
    with engine.containers.run("alpine", words, network="none") as box:
        assert box.wait() == 0
        box.commit(name)
    return name


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
    assert report.Began in map(type, heard) and all(isinstance(each, KINDS) for each in heard)


def test_what_a_step_of_a_build_writes_is_heard_byte_by_byte(
    engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM alpine\nRUN printf 'a\\377b\\n'; echo err >&2\n")
    heard: list[report.Event] = []
    engine.images.build(tmp_path, tags="built:2", no_cache=True, on_event=heard.append)
    written = {each.stream: each.data for each in heard if isinstance(each, report.Output)}
    assert written == {1: b"a\xffb\n", 2: b"err\n"}
    engine.images.remove("built:2")


def test_who_listens_to_a_build_may_end_it(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM alpine\nRUN echo begun; sleep 1000\n")

    def listen(event: report.Event) -> None:
        if isinstance(event, report.Output):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        engine.images.build(tmp_path, tags="built:3", on_event=listen)
    with pytest.raises(NoSuchImage):
        engine.images.get("built:3")


def test_a_container_tells_what_could_not_be_as_it_was_asked_for(engine: Engine) -> None:
    """Ports beside the host's network are nobody's; and no process may open so many files."""
    with engine.containers.create("alpine", network="host", ports={80: 0}) as box:
        assert ["discarded" in each for each in box.warnings] == [True]
        assert "Warnings" not in box.attrs
    with engine.containers.run("alpine", "true", network="none") as box:
        assert box.warnings == []
    with engine.containers.run("alpine", "true", network="none", options=BEYOND) as box:
        (warning,) = box.warnings
        assert "nofile" in warning
    with engine.containers.create("alpine", "true", network="none", options=BEYOND) as box:
        assert box.warnings == []
        box.start()
        assert box.warnings == [warning]
    done = engine.run("alpine", "true", network="none", options=BEYOND)
    assert done.warnings == (warning,)


def test_a_push_and_a_pull_tell_how_far_they_are(engine: Engine, registry: Registry) -> None:
    name = uploaded(engine, registry, "pushed-by-library")
    pushed: list[Progress] = []
    digests = engine.images.push(name, on_progress=pushed.append)
    image_id = engine.images.get(name).id
    engine.images.remove(name)
    engine.images.prune()
    pulled: list[Progress] = []
    image = engine.images.pull(name, on_progress=pulled.append)
    assert image.id == image_id and digests[0] in str(image.attrs["RepoDigests"])
    for heard, moving, last in (
        (pushed, "Pushing", "Pushed"), (pulled, "Downloading", "Pull complete"),
    ):  # fmt: skip
        assert all(type(each) is Progress for each in heard)
        steps = [each for each in heard if each.state == moving and each.total > 3_000_000]
        assert steps and all(0 <= each.current <= each.total for each in steps)
        assert last in [each.state for each in heard if each.id == steps[0].id]
    again: list[Progress] = []
    assert engine.images.push(name, on_progress=again.append) == digests
    assert "Layer already exists" in [each.state for each in again]
    image.remove()


def test_a_push_that_fails_says_why(engine: Engine) -> None:
    with pytest.raises(NoSuchImage):
        engine.images.push("127.0.0.1:1/nothing")
    engine.images.get("alpine").tag("127.0.0.1:1/nowhere:1")
    with pytest.raises(RegistryUnreachable) as caught:
        engine.images.push("127.0.0.1:1/nowhere:1")
    assert "127.0.0.1:1" in caught.value.message
    engine.images.remove("127.0.0.1:1/nowhere:1")


def test_the_same_goes_on_beside_an_event_loop(
    engine: Engine, cuddy: Cuddy, registry: Registry, tmp_path: Path
) -> None:
    name = uploaded(engine, registry, "pushed-by-loop")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL a=b\n")

    async def main() -> None:
        async with aio.Engine(root=cuddy.root, run_root=cuddy.run_root) as other:
            heard: list[Progress] = []
            assert await other.images.push(name, on_progress=heard.append)
            await other.images.pull(name, on_progress=heard.append)
            assert {"Pushed", "Already exists"} <= {each.state for each in heard}
            told: list[report.Event] = []
            built = await other.images.build(tmp_path, tags="built:4", on_event=told.append)
            assert told and (await other.images.get("built:4")).id == built.image_id
            words = ["sleep", "1000"]
            run = other.containers.run("alpine", words, network="none", options=BEYOND)
            async with await run as box:
                assert len(box.warnings) == 1
                count = 0
                async for reading in box.follow_stats(every=0.05):
                    assert reading["pids_stats"]["current"] == 1
                    count += 1
                    if count == 3:
                        break

    asyncio.run(main())
    for each in (name, "built:4"):
        engine.images.remove(each)
