"""Asks the real docker what tests/golden/containers keeps: `make recordings`, as root.

One container of each kind, made by a dockerd of the session's own; what `docker inspect` says of
them is kept beside what `ps`, `top` and `stats` print, since cuddy's records have the same shape.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / "src")]

from bench import engines  # noqa: E402

import images  # noqa: E402 - found by the line above
import isolation  # noqa: E402
import recorded  # noqa: E402
import recorded_containers as kept  # noqa: E402
from record import ask  # noqa: E402

CALLS = 12
"""Enough for every order of what docker keeps in maps."""
TOOL = f"{images.BUSYBOX}:/bin/busybox:ro"
RUN = ["run", "-d", "-v", TOOL]
SLEEP = ["tiny:1", "/bin/busybox", "sleep", "100000"]
SHELL = ["-v", f"{images.BUSYBOX}:/bin/sh:ro"]
HEALTH = [*SHELL, "--health-interval", "1s", "--health-retries", "1", "--health-cmd"]

CONTAINERS: list[Sequence[str]] = [
    ["create", "--name", "idle", "-l", "tier=front", "-l", "empty=", "-v", "/srv:/srv:ro",
     "tiny:1", "/bin/echo",
     "a b", "日本語 says \"hi\" & <b>", "-c", "long long long"],
    [*RUN, "--name", "web", "-l", "tier=back", "-l", "näme=日本", "-p", "8080:80", "-p",
     "127.0.0.1:9000-9002:9000-9002", "-p", "7001-7003:7001-7003/udp", "--expose", "443",
     "--expose", "6000-6002/tcp", "--expose", "53/udp", "-v", "data:/data", *SLEEP],
    ["run", "-v", TOOL, "--name", "over", "-l", "tier=front", "tiny:1", "/bin/busybox", "sh", "-c",
     "exit 3"],
    [*RUN, "--name", "frozen", *SLEEP],
    [*RUN, "--name", "sick", *HEALTH, "exit 1", "me/tiny", *SLEEP[1:]],
    [*RUN, "--name", "young", "--health-interval", "1h", "--health-cmd", "true", *SLEEP],
    [*RUN, "--name", "well", *HEALTH, "exit 0", *SLEEP],
    [*RUN, "--name", "again", "--restart", "always", "tiny:1", "/bin/busybox", "false"],
    [*RUN, "--name", "alone", "--network", "none", *SLEEP],
    [*RUN, "--name", "onhost", "--network", "host", "--expose", "99", *SLEEP],
    ["create", "--name", "byid", "ID", "/bin/true"],
    ["create", "--name", "orphan", "other/gone:2", "/bin/true"],
    ["create", "--name", "first_of-two.x", "-v", "/anonymous", "tiny:1", "/bin/true"],
]  # fmt: skip
AFTER: list[Sequence[str]] = [["pause", "frozen"], ["rmi", "-f", "other/gone:2"]]

FIELDS = ("ID", "Names", "Image", "Command", "CreatedAt", "RunningFor", "Ports", "State", "Status",
          "Size", "Labels", "Mounts", "LocalVolumes", "Networks", "Platform")  # fmt: skip
FILTERS = (
    "name=web", "name=we", "name=/web", "name=^/web$", "name=^web$", "name=o.*n", "name=WEB",
    "name=first_of-two.x", "name=[", "name=", "id=X", "id=", "label=tier", "label=tier=front",
    "label=tier=", "label=empty=", "label=none", "label!=tier", "label=", "status=running",
    "status=exited", "status=created", "status=paused", "status=restarting", "status=removing",
    "status=dead", "status=nope", "status=Running", "status=", "exited=3", "exited=0", "exited=x",
    "exited=", "exited=1", "health=healthy", "health=unhealthy", "health=starting", "health=none",
    "health=x", "health=", "ancestor=tiny", "ancestor=tiny:1", "ancestor=me/tiny",
    "ancestor=none", "ancestor=BAD", "ancestor=IMAGE", "ancestor=", "before=web", "since=web",
    "before=none", "since=none", "before=", "since=idle", "since=byid", "before=idle",
    "volume=data", "volume=/data", "volume=/srv", "volume=/srv/", "volume=none", "volume=",
    "volume=/anonymous", "network=bridge", "network=host", "network=none", "network=br",
    "network=nope", "network=", "publish=8080", "publish=8080/tcp", "publish=8080/udp",
    "publish=80", "publish=9000-9001", "publish=7002/udp", "publish=x", "publish=1/sctp",
    "publish=", "publish=9-8", "expose=443", "expose=443/tcp", "expose=53", "expose=53/udp",
    "expose=80", "expose=6001-6005", "expose=x", "expose=", "expose=99999", "isolation=default",
    "isolation=", "isolation=process", "isolation=x", "is-task=true", "is-task=false", "is-task=x",
    "is-task=", "shape=round", "shape", "=x", "Name=web",
)  # fmt: skip


def words_of_ps() -> list[Sequence[str]]:
    form = "|".join(f"{{{{.{field}}}}}" for field in FIELDS if field != "Size")
    table = "table " + "\\t".join(f"{{{{.{field}}}}}" for field in FIELDS if field != "Size")
    found: list[Sequence[str]] = [
        ["ps", *words]
        for words in (
            [], ["-a"], ["-q"], ["-aq"], ["-aq", "--no-trunc"], ["-a", "--no-trunc"], ["-l"],
            ["-n", "3"], ["-n", "0"], ["-n", "-5"], ["-n", "x"], ["-l", "-n", "2"], ["-lq"],
            ["-a", "-n", "2"], ["-n", "2", "-f", "tier=x"], ["-n", "2", "-f", "label=tier"],
            ["-a", "--format", "table"], ["-a", "--format", "json"], ["-a", "--format", form],
            ["-a", "--no-trunc", "--format", form], ["-a", "--format", table],
            ["-a", "--format", "{{json .Names}} {{json .Ports}}"], ["-a", "--format", "raw"],
            ["-a", "--format", "raw", "-q"], ["--format", "{{.Label \"tier\"}}"],
            ["--format", "table {{.Names}}\\t{{.Label \"tier\"}}"], ["--format", "{{.Nope}}"],
            ["--format", "{{"], ["--format", ""], ["-q", "--format", "{{.Names}}"],
            ["--format", "{{upper .Names}}"], ["x"],
            ["--nope"], ["-a", "--format", "{{.Names}}", "-f", "name=web", "-f", "name=over"],
            ["-a", "--format", "{{.Names}}", "-f", "label=tier", "-f", "label=empty"],
            ["-a", "--format", "{{.Names}}", "-f", "status=paused", "-f", "status=exited"],
            ["--format", "{{.Names}}", "-f", "status=paused", "-f", "name=o"],
            ["-a", "--format", "{{.Names}}", "-f", "before=over", "-f", "since=idle"],
            ["-a", "--format", "{{.Names}}", "-f", "before=over", "-f", "before=well"],
            ["--format", "{{.Names}}", "-f", "publish=80-8080", "-f", "publish=7001/udp"],
            ["-q", "-f", "status=exited"], ["-aq", "-f", "name=none"],
        )
    ]  # fmt: skip
    for each in FILTERS:
        found.append(["ps", "-a", "--format", "{{.Names}}", "-f", each])
    for each in ("exited=3", "status=exited", "health=none", "before=over", "since=again"):
        found.append(["ps", "--format", "{{.Names}}", "-f", each])
    return [*found, ["container", "ls"], ["container", "list", "-a"], ["container", "ps", "-q"]]


def words_of_others() -> list[Sequence[str]]:
    """Of `top` and `stats`, what does not depend on the moment."""
    return [
        ["top"], ["top", "none"], ["top", "idle"], ["top", "over"], ["top", "web", "-o", "comm"],
        ["top", "web", "-o", "pid,comm"], ["top", "web", "-eo", "pid,args"], ["top", "web", "--x"],
        ["top", "web", "-o", "pid=PID"], ["top", "web", "-o", "comm=PID"], ["top", "again"],
        ["top", "web"], ["top", "web", "aux"], ["top", "web", "-o", "x"], ["top", "frozen", "-ef"],
        ["container", "top", "web", "-o", "pid,args"],
        ["stats", "--no-stream", "none"], ["stats", "--no-stream", "none", "web", "nil"],
        ["stats", "--no-stream", "over"], ["stats", "--no-stream", "-a"], ["stats", "none"],
        ["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}} {{.ID}} {{.Container}}", "web"],
        ["stats", "--no-stream", "--format", "json", "idle"],
        ["stats", "--no-stream", "--format", "json", "frozen"],
        ["stats", "--no-stream", "--no-trunc", "idle"], ["stats", "--no-stream", "--format", "{{"],
        ["stats", "--no-stream", "--format", "table {{.Container}}\\t{{.PIDs}}", "idle", "over"],
        ["stats", "--no-stream", "--format", "{{.Nope}}", "idle"],
        ["stats", "--no-stream", "--format", "raw", "idle"],
    ]  # fmt: skip


def settle(docker: engines.Engine) -> None:
    """Wait until each container is in the state it is for, and that for some seconds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        health = docker.ask(
            "inspect", "-f", "{{.State.Health.Status}}", "sick", "well", "young"
        ).split()
        again = docker.ask("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "again").split()
        is_long = again[0] == "restarting" and int(again[1]) >= 8
        if is_long and health == ["unhealthy", "healthy", "starting"]:
            return
        time.sleep(0.2)
    raise TimeoutError(f"the containers are not as they should be: {health} {again}")


def make(docker: engines.Engine) -> None:
    for each in kept.images():
        archive = recorded.docker_archive(each)
        subprocess.run(docker.words("load"), input=archive, check=True, capture_output=True)
    identity = kept.images()[0].built.id
    for words in [*CONTAINERS, *AFTER]:
        real = [identity[7:19] if word == "ID" else word for word in words]
        subprocess.run(docker.words(*real), capture_output=True, check="over" not in words)
    settle(docker)


def fill(docker: engines.Engine, words: Sequence[str]) -> list[str]:
    container = docker.ask("inspect", "-f", "{{.Id}}", "web")
    image = kept.images()[0].built.id
    changes = {"id=X": f"id={container[:10]}", "ancestor=IMAGE": f"ancestor={image[7:19]}"}
    return [changes.get(word, word) for word in words]


def ask_often(docker: engines.Engine, words: Sequence[str]) -> recorded.Exchange:
    """The first in alphabetical order of several answers: docker's maps have no order."""
    calls = CALLS if "{{.Mounts}}" in " ".join(words) or "json" in words else 1
    answers = [ask(docker, fill(docker, words)) for _ in range(calls)]
    return min(answers, key=lambda answer: (answer.out, answer.err))


def record() -> None:
    kept.FOLDER.mkdir(exist_ok=True)
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        daemon = stack.enter_context(engines.docker(Path(directory, "docker")))
        docker = daemon._replace(prefix=("docker", *daemon.prefix[1:]))
        stack.callback(lambda: docker.ask("rm", "-f", *docker.ask("ps", "-aq").split()))
        make(docker)
        form = (
            "docker {{.Client.Version}}, dockerd {{.Server.Version}} (API {{.Server.APIVersion}})"
        )
        heading = docker.ask("version", "--format", form)
        known = docker.ask("inspect", *docker.ask("ps", "-aq").split())
        documents = [kept.trim(each) for each in json.loads(known)]
        kept.DOCUMENTS.write_text(json.dumps(documents, indent=1, ensure_ascii=False) + "\n")
        for name, words in (("ps", words_of_ps()), ("others", words_of_others())):
            answers = [ask_often(docker, each) for each in words]
            recorded.write(name, answers, heading, folder=kept.FOLDER)


def main() -> Any:
    if not isolation.is_inside():
        sys.exit(isolation.enter([sys.executable, __file__]))
    record()


if __name__ == "__main__":
    main()
