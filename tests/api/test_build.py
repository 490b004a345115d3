"""POST /build: the classic builder's endpoint, and what it tells."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import file_server
import images
from console import Cuddy, wait_until
from engine_api import Answer, Api

TAR = {"Content-Type": "application/x-tar"}


def context(dockerfile: str, **files: bytes) -> bytes:
    entries = [images.entry(name, data) for name, data in files.items()]
    return images.tar(images.entry("Dockerfile", dockerfile.encode()), *entries)


@pytest.fixture
def build(api: Api, cuddy: Cuddy) -> Iterator[Callable[..., Answer]]:
    """Builds, each with a label of its own; the images go."""

    def ask(text: str, files: dict[str, bytes] | None = None, **query: Any) -> Answer:
        return api(
            "POST", "/build", data=context(text, **(files or {})), headers=TAR,
            labels=json.dumps({"of": "tests"}), **query,
        )  # fmt: skip

    yield ask
    cuddy.ok("image", "prune", "-af", "--filter", "label=of=tests")


def text(answer: Answer) -> str:
    """All that a build says, ids and digits left out."""
    return "".join(line["stream"] for line in answer.lines if "stream" in line)


def test_a_build_tells_of_every_instruction(api: Api, build: Callable[..., Answer]) -> None:
    dockerfile = f"""ARG V={time.time_ns()}
FROM alpine AS base
ENV A=b
ARG V
RUN echo $V; echo bad >&2
COPY x /x
FROM base
CMD ["sh"]
"""
    answer = build(dockerfile, {"x": b"1"}, t=["told", "told:2"])
    assert answer.headers["Content-Type"] == "application/json"
    said = text(answer)
    image = api.get("/images/told/json")
    short = image["Id"][7:19]
    base = api.get("/images/alpine/json")["Id"][7:19]
    lines = said.splitlines()
    assert lines[0].startswith("Step 1/9 : ARG V=")
    assert lines[1:3] == ["Step 2/9 : FROM alpine AS base", f" ---> {base}"]
    steps = [line for line in lines if line.startswith("Step ")]
    assert len(steps) == 9
    assert steps[-1] == "Step 9/9 : LABEL of=tests"
    assert "\x1b[91mbad\n\x1b[0m" in [line.get("stream") for line in answer.lines]
    running = next(line for line in lines if line.startswith(" ---> Running in "))
    assert f" ---> Removed intermediate container {running.split()[-1]}\n" in said
    assert answer.lines[-4] == {"aux": {"ID": image["Id"]}}
    assert lines[-3:] == [
        f"Successfully built {short}",
        "Successfully tagged told:latest",
        "Successfully tagged told:2",
    ]
    assert lines[-4] == f" ---> {short}"
    assert image["Config"]["Labels"] == {"of": "tests"}

    again = build(dockerfile, {"x": b"1"}, t="told")
    assert text(again).count(" ---> Using cache\n") == 6
    assert text(again).splitlines()[-2] == f"Successfully built {short}"
    anew = build(dockerfile, {"x": b"1"}, nocache=1)
    assert "Using cache" not in text(anew)
    only = build(dockerfile, {"x": b"1"}, target="base", t="told:base")
    assert "Step 6/7 : COPY x /x" in text(only)


def test_only_images_that_are_here_lend_their_steps(build: Callable[..., Answer]) -> None:
    dockerfile = "FROM alpine\nENV FOO=bar\nRUN touch baz\nRUN touch bax\n"
    build(dockerfile, t="build1")
    lent = build(dockerfile, cachefrom='["build1"]')
    assert text(lent).count("Using cache") == 4
    assert "Using cache" not in text(build(dockerfile, cachefrom='["nosuch"]'))
    assert build(dockerfile, cachefrom="null").status == 200
    assert build(dockerfile, cachefrom='["UPPER"]').status == 400


def test_a_quiet_build_says_only_the_id(api: Api, build: Callable[..., Answer]) -> None:
    answer = build("FROM alpine\nRUN echo loud\n", q=1, t="quiet")
    assert answer.lines == [{"stream": api.get("/images/quiet/json")["Id"] + "\n"}]


def test_a_step_that_fails_ends_the_stream(build: Callable[..., Answer]) -> None:
    for query in ({}, {"q": 1}):
        answer = build("FROM alpine\nRUN echo words; exit 3\n", **query)
        message = "The command '/bin/sh -c echo words; exit 3' returned a non-zero code: 3"
        detail = {"code": 3, "message": message}
        assert answer.status == 200
        assert answer.lines[-1] == {"errorDetail": detail, "error": message}
    assert "words\n" in text(build("FROM alpine\nRUN echo words; exit 3\n"))
    missing = build("FROM alpine\nCOPY nosuch /\n").lines[-1]
    assert "not found" in missing["error"]
    assert "code" not in missing["errorDetail"]


@pytest.mark.parametrize(
    ("dockerfile", "query", "message"),
    [
        ("", {}, "the Dockerfile (Dockerfile) cannot be empty"),
        ("FROM alpine\nFOO x\n", {}, "dockerfile parse error line 2: unknown instruction: FOO"),
        ("FROM alpine\n", {"dockerfile": "a/b"}, "Cannot locate specified Dockerfile: a/b"),
        ("FROM alpine\n", {"dockerfile": "../../../etc/passwd"},
         "Cannot locate specified Dockerfile: etc/passwd"),
        ("FROM alpine\n", {"target": "z"}, 'target stage "z" could not be found'),
        ("FROM alpine\n", {"remote": "/etc"}, "remoteURL (/etc) could not be recognized as URL"),
        ("FROM alpine\n", {"remote": "file:///r.git"},
         "remoteURL (file:///r.git) could not be recognized as URL"),
        ("FROM alpine\n", {"version": 7}, 'invalid version "7"'),
        ("FROM alpine\n", {"platform": "foobar"},
         '"foobar": unknown operating system or architecture: invalid argument'),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused(
    build: Callable[..., Answer], dockerfile: str, query: dict[str, str], message: str
) -> None:
    answer = build(dockerfile, **query)
    assert (answer.status, answer.message) == (400, message)


@pytest.mark.parametrize(
    "query",
    [
        {"t": "UPPER"}, {"buildargs": "rubbish"}, {"buildargs": "[]"}, {"buildargs": '{"A":1}'},
        {"ulimits": "{}"}, {"memory": "much"}, {"memory": -1}, {"cachefrom": "{}"},
        {"isolation": "hyperv"}, {"outputs": "type=tar"}, {"shmsize": -1}, {"squash": "x" * 99999},
    ],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_answered(api: Api, query: dict[str, Any]) -> None:
    answer = api("POST", "/build", data=b"", **query)
    assert answer.status in (400, 431)


def test_buildkit_is_said_not_to_be_here(api: Api) -> None:
    for query in ({"version": 2}, {"session": "x"}, {"remote": "client-session"}):
        answer = api("POST", "/build", data=b"", **query)
        assert (answer.status, "DOCKER_BUILDKIT=0" in answer.message) == (400, True)


def test_contexts_come_in_all_compressions(api: Api, cuddy: Cuddy) -> None:
    plain = context("FROM scratch\nCOPY x /\nLABEL of=tests\n", x=b"1")
    for compress in (gzip.compress, bz2.compress, lzma.compress, images.compress_zstd):
        data = compress(plain)
        answer = api("POST", "/build", data=iter([data[:100], data[100:]]), headers=TAR, t="c")
        assert answer.lines[-1] == {"stream": "Successfully tagged c:latest\n"}
    rubbish = api("POST", "/build", data=b"rubbish" * 1000)
    assert rubbish.status == 400
    assert rubbish.message.startswith("the build context: ")
    cuddy.ok("rmi", "c")


def test_the_context_loses_what_it_ignores(build: Callable[..., Answer]) -> None:
    ignored = b"Dockerfile\n.dockerignore\n"
    files = {".dockerignore": ignored, "other": b"FROM alpine\n"}
    said = text(build("FROM alpine\nCOPY . /c\nRUN ls -A /c\n", files, nocache=1))
    assert "\nother\n" in said
    assert "\n.dockerignore\n" not in said
    assert "\nDockerfile\n" not in said


def test_arguments_and_hosts_are_seen_by_steps(build: Callable[..., Answer]) -> None:
    dockerfile = "FROM alpine\nARG A\nARG B=usual\nRUN echo $A $B $HTTP_PROXY; cat /etc/hosts\n"
    said = text(
        build(
            dockerfile, buildargs='{"A":"given","B":null,"HTTP_PROXY":"p","C":"x"}',
            extrahosts=["one.test:127.0.0.1", "two.test:127.0.0.2"], networkmode="none",
            ulimits='[{"Name":"nofile","Soft":100,"Hard":200}]', shmsize=1 << 20,
        )
    )  # fmt: skip
    assert "given usual p\n" in said
    assert "127.0.0.1\tone.test" in said
    assert "127.0.0.2\ttwo.test" in said
    assert "[Warning] One or more build-args [C] were not consumed\n" in said


def test_a_context_may_be_elsewhere(api: Api, cuddy: Cuddy, tmp_path: Path) -> None:
    plain = context("FROM scratch\nCOPY x /\nLABEL of=tests\n", x=b"1")
    (tmp_path / "c.tar.gz").write_bytes(gzip.compress(plain))
    (tmp_path / "D").write_text("FROM scratch\nLABEL of=tests\n")
    with file_server.serving(tmp_path) as where:
        for path in ("c.tar.gz", "D"):
            answer = api("POST", "/build", remote=f"http://{where}/{path}", t="r")
            assert answer.lines[-1] == {"stream": "Successfully tagged r:latest\n"}
        work = tmp_path / "work"
        work.mkdir()
        (work / "D").write_text("FROM scratch\nLABEL of=tests\n")
        file_server.git(work, "init", "-q", "-b", "main")
        file_server.commit(work, "first")
        file_server.git(tmp_path, "clone", "-q", "--bare", "work", "p.git")
        cloned = api("POST", "/build", remote=f"http://{where}/p.git#main", dockerfile="/D", t="r")
        assert cloned.lines[-1] == {"stream": "Successfully tagged r:latest\n"}
        escaping = api(
            "POST", "/build", remote=f"http://{where}/p.git", dockerfile=f"{tmp_path}/c.tar.gz"
        )
        assert escaping.status in (400, 404)
        missing = api("POST", "/build", remote=f"http://{where}/nosuch")
        assert missing.status in (404, 500)
    cuddy.ok("rmi", "r")


def test_stages_side_by_side_are_told_one_after_the_other(build: Callable[..., Answer]) -> None:
    dockerfile = f"""FROM alpine AS a
RUN sleep 0.4; echo from a {time.time_ns()} > /a; cat /a
FROM alpine AS b
RUN echo from b {time.time_ns()} > /b; cat /b
FROM alpine
COPY --from=a /a /
COPY --from=b /b /
"""
    lines = text(build(dockerfile)).splitlines()
    numbers = [line.split()[1].partition("/")[0] for line in lines if line.startswith("Step ")]
    assert numbers == [str(number) for number in range(1, 9)]
    spoken = [line.split()[1] for line in lines if line.startswith("from ")]
    assert spoken == ["a", "b"]


def test_triggers_of_a_base_are_executed(build: Callable[..., Answer]) -> None:
    build("FROM alpine\nONBUILD RUN echo triggered\n", t="trigger")
    said = text(build("FROM trigger\nRUN echo own\n", nocache=1))
    assert "# Executing 1 build trigger\n ---> Running in" in said
    assert said.index("triggered\n") < said.index("Step 2/3 : RUN echo own") < said.index("own\n")


def test_a_client_that_leaves_ends_the_build(api: Api, cuddy: Cuddy) -> None:
    data = context("FROM alpine\nRUN echo begun; sleep 60\nLABEL of=tests\n")
    head = f"POST /build?nocache=1 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
    with api.connect() as sock:
        sock.sendall(head.encode() + data)
        heard = b""
        while b"begun" not in heard.partition(b"Running in")[2]:
            heard += sock.recv(1 << 16)
    wait_until(lambda: "Canceled" in cuddy.ok("builder", "history", "ls"))
    assert not list((cuddy.root / "tmp").iterdir())


def test_the_build_cache_is_pruned(api: Api, build: Callable[..., Answer]) -> None:
    build(f"FROM alpine\nRUN echo {time.time_ns()} > /x\n")
    assert api("POST", "/build/prune", filters="", **{"keep-storage": 1 << 40}).json == {
        "CachesDeleted": None,
        "SpaceReclaimed": 0,
    }
    pruned = api("POST", "/build/prune", filters="", all=1).json
    assert pruned["CachesDeleted"]
    assert isinstance(pruned["SpaceReclaimed"], int)
    assert api("POST", "/build/prune", filters='{"x":["y"]}').status == 400
