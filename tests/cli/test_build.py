"""`build`: a Dockerfile becomes an image; what is done once is not done again."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from console import TIME_FACTOR, Cuddy, Result, wait_until


def anew(path: str) -> str:
    """A step that makes something else each time."""
    return f"RUN cat /proc/sys/kernel/random/uuid >{path}"


class Yard:
    """A build context, and what is built of it."""

    def __init__(self, cuddy: Cuddy, directory: Path) -> None:
        self.cuddy = cuddy
        self.directory = directory

    def file(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def dockerfile(self, *lines: str) -> None:
        self.file("Dockerfile", "\n".join(lines) + "\n")

    def build(self, *words: str) -> Result:
        return self.cuddy("build", "--progress", "plain", *words, str(self.directory))

    def image(self, *words: str) -> str:
        """The id of what was built, or a failure."""
        return self.cuddy.ok("build", "-q", *words, str(self.directory))

    def config(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = self.cuddy.inspect(image)["Config"]
        return {key: value for key, value in found.items() if value}

    def output(self, image: str, *words: str) -> str:
        return self.cuddy.ok("run", "--rm", "--network", "none", image, *words)


@pytest.fixture
def yard(cuddy: Cuddy, tmp_path: Path):
    before = set(cuddy.ok("images", "-aq", "--no-trunc").split())
    directory = tmp_path / "context"
    directory.mkdir()
    yield Yard(cuddy, directory)
    cuddy.remove_all()
    made = set(cuddy.ok("images", "-aq", "--no-trunc").split()) - before
    if made:
        cuddy.ok("rmi", "-f", *made)
    cuddy.ok("builder", "prune", "-af")


class TestInstructions:
    def test_a_file_and_a_command(self, yard: Yard) -> None:
        yard.file("hello", "hi\n")
        yard.dockerfile("FROM alpine", "COPY hello /srv/", "CMD cat /srv/hello")
        assert yard.output(yard.image()) == "hi"

    def test_what_run_does_stays(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine", "RUN echo made >/made && rm /etc/motd")
        image = yard.image()
        assert yard.output(image, "cat", "/made") == "made"
        assert yard.output(image, "sh", "-c", "test -e /etc/motd || echo gone") == "gone"

    def test_each_step_sees_what_the_one_before_has_left(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine", "RUN echo 1 >>/n", "RUN echo 2 >>/n", "RUN wc -l </n >/n2")
        assert yard.output(yard.image(), "cat", "/n2") == "2"

    def test_variables_and_arguments(self, yard: Yard) -> None:
        yard.dockerfile(
            "ARG TAG=none",
            "FROM alpine",
            "ARG TAG",
            "ARG WHO=world",
            "ENV GREETING=hello",
            "RUN echo $GREETING ${WHO} ${TAG} >/said",
        )
        image = yard.image("--build-arg", "WHO=you", "--build-arg", "TAG=1")
        assert yard.output(image, "cat", "/said") == "hello you 1"

    def test_workdir_user_and_the_rest_of_the_config(self, yard: Yard) -> None:
        yard.dockerfile(
            "FROM alpine",
            "WORKDIR /a",
            "WORKDIR b",
            "USER 1000:1000",
            "EXPOSE 80",
            "LABEL one=1",
            'ENTRYPOINT ["echo"]',
            'CMD ["said"]',
            "STOPSIGNAL SIGINT",
            "VOLUME /data",
        )
        image = yard.image("--label", "two=2")
        config = yard.config(image)
        assert config["WorkingDir"] == "/a/b"
        assert config["User"] == "1000:1000"
        assert config["Labels"] == {"one": "1", "two": "2"}
        assert list(config["ExposedPorts"]) == ["80/tcp"]
        assert config["StopSignal"] == "SIGINT"
        assert yard.output(image) == "said"

    def test_only_what_changed_is_in_a_layer(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine", "RUN true", "RUN touch -c /none; chmod 644 /etc/passwd")
        image = yard.image()
        layers = yard.cuddy.inspect(image)["RootFS"]["Layers"]
        assert layers == yard.cuddy.inspect("alpine")["RootFS"]["Layers"]


class TestStages:
    def test_files_of_another_stage(self, yard: Yard) -> None:
        yard.dockerfile(
            "FROM alpine AS make",
            "RUN echo product >/out",
            "FROM alpine",
            "COPY --from=make /out /in",
            "CMD cat /in",
        )
        assert yard.output(yard.image()) == "product"

    def test_a_stage_that_nobody_needs_is_not_built(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine AS bad", "RUN false", "FROM alpine AS good", "RUN true")
        assert yard.image()
        assert yard.build("--target", "bad").code == 1

    def test_stages_run_side_by_side(self, yard: Yard) -> None:
        yard.dockerfile(
            "FROM alpine AS one",
            "RUN sleep 1; date +%s >/t",
            "FROM alpine AS two",
            "RUN sleep 1.0; date +%s >/t",
            "FROM alpine",
            "COPY --from=one /t /one",
            "COPY --from=two /t /two",
        )
        began = time.monotonic()
        image = yard.image()
        if len(os.sched_getaffinity(0)) > 1:
            assert time.monotonic() - began < 1.9 * TIME_FACTOR
        assert yard.output(image, "sh", "-c", "cat /one /two | wc -l") == "2"

    def test_a_stage_upon_a_stage(self, yard: Yard) -> None:
        yard.dockerfile(
            "FROM alpine AS one", "ENV A=1", "ARG B=2", "FROM one", "RUN echo $A $B >/seen"
        )
        assert yard.output(yard.image(), "cat", "/seen") == "1 2"

    def test_triggers_of_a_base(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine", "ONBUILD RUN echo triggered >/t")
        yard.image("-t", "onbuild:1")
        yard.dockerfile("FROM onbuild:1", "RUN cat /t")
        image = yard.image()
        assert yard.output(image, "cat", "/t") == "triggered"
        assert "OnBuild" not in yard.config(image)

    def test_onbuild_reads_stages_of_the_file_it_is_used_in(self, yard: Yard) -> None:
        yard.dockerfile(
            "FROM alpine AS lazy", anew("/made"),
            "FROM alpine AS base", "ONBUILD COPY --from=lazy /made /copied", anew("/x"),
            "FROM base", "RUN test -s /copied",
        )  # fmt: skip
        yard.image()
        yard.dockerfile("FROM alpine", "ONBUILD COPY --from=source /made /copied")
        yard.image("-t", "onbuild:1")
        source = ["FROM alpine AS source", "RUN echo found >/made"]
        yard.dockerfile(*source, "FROM onbuild:1")
        image = yard.image()
        assert yard.output(image, "cat", "/copied") == "found"
        assert yard.image() == image
        yard.dockerfile("FROM onbuild:1", *source)
        yard.image()  # BuildKit takes a stage wherever it stands

    def test_a_stage_reads_one_below_but_no_circle(self, yard: Yard) -> None:
        yard.dockerfile(
            "FROM alpine AS first", "COPY --from=second /made /copied",
            "RUN --mount=from=2,target=/m cat /m/made /copied >/both",
            "FROM alpine AS second", "RUN echo 2 >/made",
            "FROM second", "RUN echo 3 >/made",
        )  # fmt: skip
        assert yard.output(yard.image("--target", "first"), "cat", "/both") == "3\n2"
        yard.dockerfile("FROM alpine AS one", "COPY --from=one /etc /e")
        assert b"circular dependency detected on stage: one" in yard.build().stderr


class TestCache:
    def test_an_unchanged_build_is_the_same_image(self, yard: Yard) -> None:
        yard.file("a", "1")
        yard.dockerfile("FROM alpine", "ENV A=1", anew("/t"), "COPY a /a")
        first = yard.image()
        again = yard.build()
        assert yard.image() == first
        assert again.err.count("CACHED") >= 2

    def test_a_changed_file_is_seen_and_its_time_is_not(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine", "COPY a /a", anew("/t"))
        path = yard.file("a", "1")
        first = yard.image()
        os.utime(path, (1, 1))
        assert yard.image() == first
        yard.file("a", "2")
        assert yard.image() != first

    def test_an_argument_counts_where_it_is_declared(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine", anew("/one"), "ARG A", anew("/two"))
        one, two = (yard.image("--build-arg", f"A={n}") for n in "12")
        assert yard.output(one, "cat", "/one") == yard.output(two, "cat", "/one")
        assert yard.output(one, "cat", "/two") != yard.output(two, "cat", "/two")

    def test_a_checkout_may_move(self, yard: Yard) -> None:
        yard.file("d/a", "1")
        yard.dockerfile("FROM alpine", "COPY d /d", anew("/t"))
        first = yard.image()
        moved = yard.directory.with_name("elsewhere")
        yard.directory.rename(moved)
        yard.directory = moved
        assert yard.image() == first

    def test_no_cache(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine", anew("/t"))
        assert yard.image() != yard.image("--no-cache")

    def test_a_stage_that_makes_the_same_again_is_a_hit_for_others(self, yard: Yard) -> None:
        yard.dockerfile(
            "FROM alpine AS make",
            "ARG A",
            "RUN echo $A >/dev/null; echo same >/out",
            "FROM alpine",
            "COPY --from=make /out /out",
            anew("/t"),
        )
        one, two = (yard.image("--build-arg", f"A={n}") for n in "12")
        assert one == two


def test_what_a_run_saw_of_a_context_that_was_changed_is_not_remembered(yard: Yard) -> None:
    yard.file("f", "one")
    yard.dockerfile("FROM alpine", "RUN --mount=type=bind,target=/c sleep 0.6; cat /c/f >/seen")
    with yard.cuddy.start("build", "--progress", "plain", str(yard.directory)) as building:
        assert building.stderr
        while b"RUN --mount" not in building.stderr.readline():
            pass
        time.sleep(0.2)
        yard.file("f", "two")
        building.communicate(timeout=20)
    yard.file("f", "one")
    assert yard.output(yard.image(), "cat", "/seen") == "one"
    yard.dockerfile("FROM alpine", 'RUN ["true\\u0000"]')
    assert "a NUL character in an argument" in yard.build().err


def test_pruning_frees_what_has_been_built_again(yard: Yard) -> None:
    yard.dockerfile("FROM alpine AS a", anew("/x"), "FROM scratch", "COPY --from=a /x /x")
    yard.image("-t", "mine")
    yard.image("-t", "mine", "--no-cache")
    assert "belong to no image" in yard.cuddy.ok("system", "check")
    yard.cuddy.ok("builder", "prune", "-f")
    assert "layers belong to no image" not in yard.cuddy.ok("system", "check")
    assert yard.cuddy.ok("image", "inspect", "mine")


class TestFailure:
    def test_a_step_that_fails(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine", "RUN echo before; exit 3")
        result = yard.build()
        assert result.code == 1
        assert "exit code: 3" in result.err
        assert "before" in result.err
        assert "Dockerfile:2" in result.err

    def test_what_came_before_is_not_done_again(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine", anew("/t"), "RUN false")
        assert yard.build().code == 1
        assert "CACHED" in yard.build().err

    def test_a_word_that_is_none(self, yard: Yard) -> None:
        yard.dockerfile("FROM alpine", "RUNN true")
        result = yard.build()
        assert result.code == 1
        assert "Dockerfile:2" in result.err
        assert "RUN?" in result.err

    def test_an_image_that_is_not_there(self, yard: Yard) -> None:
        yard.dockerfile("FROM 127.0.0.1:1/none:1", "RUN true")
        assert yard.build().code == 1


def test_a_file_without_end_takes_no_time_without_end(yard: Yard) -> None:
    """What is copied or searched for each instruction would take a minute here."""
    yard.dockerfile("FROM scratch", *(
        line.format(number)
        for line in ("ENV E{0}=$E1", "ARG A{0}=$A1", "LABEL l{0}=$A2", "VOLUME /v{0}")
        for number in range(12_000)
    ))  # fmt: skip
    began = time.monotonic()
    assert len(yard.config(yard.image())["Env"]) == 12_001
    assert time.monotonic() - began < 15 * TIME_FACTOR
    yard.dockerfile("FROM scratch", "ENV A=0123456789", *["ENV A=$A$A"] * 60)
    assert "its variables are worth more than" in yard.build().err


def steps(yard: Yard) -> list[str]:
    """The run directories of steps that run now."""
    return [name for name in os.listdir(yard.cuddy.run_root) if len(name) == 64]


def test_a_build_that_is_killed_leaves_nothing_but_its_cache(yard: Yard) -> None:
    yard.dockerfile("FROM alpine", anew("/t"), "RUN touch /begun; sleep 100")
    with yard.cuddy.start("build", "--progress", "plain", str(yard.directory)) as building:
        wait_until(lambda: (yard.cuddy.root / "build/steps").is_dir() and steps(yard))
        time.sleep(0.3)
        building.kill()
        building.communicate()
    yard.dockerfile("FROM alpine", anew("/t"), "RUN true")
    result = yard.build()
    assert result.code == 0
    assert "CACHED" in result.err
    wait_until(lambda: not steps(yard))


def test_an_interrupted_build_ends_at_once(yard: Yard) -> None:
    yard.dockerfile("FROM alpine", "RUN echo has $((6*7)); sleep 100")
    with yard.cuddy.start("build", "--progress", "plain", str(yard.directory)) as building:
        assert building.stderr
        # Not before it runs: who is killed with a lease half written leaves that to be collected.
        assert any(b"has 42" in line for line in building.stderr)
        assert steps(yard)
        building.send_signal(signal.SIGINT)
        building.communicate(timeout=10)
        assert building.returncode == 130
    assert not steps(yard)
