"""`events`: what happens, told as it happens, in docker's words and order."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console import ENGINE, Cuddy, wait_until


class Listener:
    """Somebody who follows the events."""

    def __init__(self, process: Any) -> None:
        self.process = process

    def hear(self, action: str, kind: str = "container") -> list[dict[str, Any]]:
        """What was told up to an event of that action, this one included."""
        heard = []
        for line in self.process.stdout:
            heard.append(json.loads(line))
            if (heard[-1]["Type"], heard[-1]["Action"]) == (kind, action):
                return heard
        raise AssertionError(f"no {action} among {heard}: {self.process.stderr.read()!r}")


@pytest.fixture
def listener(cuddy: Cuddy) -> Iterator[Listener]:
    """Somebody who has begun to listen."""
    with cuddy.start("events", "--format", "json") as process:
        listener = Listener(process)
        heard = threading.Event()

        def call() -> None:
            # Until it hears: nobody knows when a listener begins to.
            while not heard.wait(0.05):
                cuddy.ok("tag", "alpine", "ping:1")

        caller = threading.Thread(target=call)
        caller.start()
        listener.hear("tag", "image")
        heard.set()
        caller.join()
        cuddy.ok("rmi", "ping:1")
        listener.hear("untag", "image")
        yield listener


def story(events: list[dict[str, Any]]) -> list[str]:
    return [f"{event['Type']} {event['Action']}" for event in events]


def test_the_life_of_a_container(cuddy: Cuddy, listener: Listener) -> None:
    cuddy.ok("run", "--rm", "--name", "brief", "-l", "a=b", "alpine", "true")
    events = listener.hear("destroy")
    assert story(events) == [
        "container create", "container attach", "network connect", "container start",
        "network disconnect", "container die", "container destroy",
    ]  # fmt: skip
    create, _, connect, _, _, die, _ = events
    assert create["Actor"]["Attributes"] == {"a": "b", "image": "alpine", "name": "brief"}
    assert (create["status"], create["from"]) == ("create", "alpine")
    assert create["id"] == create["Actor"]["ID"] == connect["Actor"]["Attributes"]["container"]
    assert connect["Actor"]["Attributes"].items() >= {"name": "bridge", "type": "bridge"}.items()
    assert "status" not in connect
    outcome = {"exitCode": "0", "execDuration": die["Actor"]["Attributes"]["execDuration"]}
    assert die["Actor"]["Attributes"].items() >= outcome.items()
    assert [event["timeNano"] for event in events] == sorted(event["timeNano"] for event in events)


def test_what_is_done_to_a_running_container(cuddy: Cuddy, listener: Listener) -> None:
    cuddy.ok("run", "-d", "--name", "web", "alpine", "sleep", "1000")
    listener.hear("start")
    cuddy("exec", "web", "sh", "-c", "exit 3")
    create, start, die = listener.hear("exec_die")
    assert create["Action"] == "exec_create: sh -c exit 3"
    assert start["Action"] == "exec_start: sh -c exit 3"
    assert die["Actor"]["Attributes"]["exitCode"] == "3"
    assert len({event["Actor"]["Attributes"]["execID"] for event in (create, start, die)}) == 1
    cuddy.ok("commit", "web", "web:1")
    told = story([event for event in listener.hear("unpause") if event["Type"] == "container"])
    assert told[0] == "container pause"
    cuddy.ok("rmi", "web:1")
    cuddy.ok("stop", "-t", "0", "web")
    events = [event for event in listener.hear("stop") if event["Type"] == "container"]
    assert story(events)[-4:] == [f"container {word}" for word in ("kill", "kill", "die", "stop")]
    first, second, die, _ = events[-4:]
    signals = [event["Actor"]["Attributes"]["signal"] for event in (first, second)]
    assert signals == ["15", "9"]
    assert die["Actor"]["Attributes"]["exitCode"] == "137"


def test_a_command_that_cannot_be_started_is_not_said_to_have(
    cuddy: Cuddy, listener: Listener
) -> None:
    cuddy("run", "--name", "bad", "alpine", "/no/such")
    cuddy.ok("rm", "bad")
    events = [event for event in listener.hear("destroy") if event["Type"] == "container"]
    assert story(events) == [f"container {word}" for word in ("create", "attach", "destroy")]


def test_what_is_done_to_images(cuddy: Cuddy, listener: Listener) -> None:
    cuddy.ok("create", "--name", "seed", "alpine", "true")
    cuddy.ok("commit", "-m", "grown", "seed", "plant:1")
    events = listener.hear("commit")
    assert story(events)[-3:] == ["image create", "image tag", "container commit"]
    attributes = events[-1]["Actor"]["Attributes"]
    assert attributes["imageRef"] == events[-2]["Actor"]["Attributes"]["name"] == "plant:1"
    assert attributes["imageID"] == events[-2]["Actor"]["ID"]
    archive = cuddy("save", "plant:1").stdout
    listener.hear("save", "image")
    cuddy.ok("rmi", "plant:1")
    assert story(listener.hear("delete", "image")) == ["image untag", "image delete"]
    cuddy.ok("load", input=archive)
    listener.hear("load", "image")
    cuddy.ok("import", "-", "sprout:1", input=cuddy("export", "seed").stdout)
    assert story(listener.hear("import", "image")) == [
        "container export", "image tag", "image import"
    ]  # fmt: skip
    cuddy.ok("rmi", "plant:1", "sprout:1")


def test_events_that_were_are_told_by_since_and_until(cuddy: Cuddy) -> None:
    before = cuddy.ok("run", "--rm", "alpine", "date", "+%s")
    cuddy.ok("run", "--rm", "--name", "sooner", "alpine", "true")
    words = ("events", "--since", before, "--until", "0s")
    told = cuddy.ok(*words, "--filter", "container=sooner", "--filter", "event=die").splitlines()
    pattern = (
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z container die [0-9a-f]{64} "
        r"\(execDuration=\d, exitCode=0, image=alpine, name=sooner\)"
    )
    assert len(told) == 1
    assert re.fullmatch(pattern, told[0])
    form = "{{.Type}}/{{.Status}} {{.Actor.Attributes.name}} {{.Actor.Attributes.none}}"
    last = cuddy.ok(*words, "--filter", "container=sooner", "--format", form).splitlines()[-1]
    assert last == "container/destroy sooner <no value>"
    assert cuddy.ok("system", *words, "--filter", "container=late") == ""


def test_several_may_listen_and_leave(cuddy: Cuddy) -> None:
    def listen() -> Any:
        return cuddy.start("events", "--filter", "container=shared", "--format", "{{.Action}}")

    with listen() as first, listen() as second:
        wait_until(lambda: all(listens(each.pid) for each in (first, second)))
        cuddy.ok("create", "--name", "shared", "alpine", "true")
        assert first.stdout.readline() == second.stdout.readline() == b"create\n"
        first.send_signal(signal.SIGINT)
        second.send_signal(signal.SIGTERM)
        assert (first.wait(10), second.wait(10)) == (130, 143)
        assert first.stderr.read() == second.stderr.read() == b""


def listens(pid: int) -> bool:
    """Whether a process has opened the log, the last thing before it waits."""
    try:
        descriptors = Path(f"/proc/{pid}/fd").iterdir()
        return any("events.log" in os.readlink(each) for each in descriptors)
    except OSError:
        return False


def test_a_listener_that_nobody_reads_any_more_ends(cuddy: Cuddy) -> None:
    with cuddy.start("events", "--since", "1h") as process:
        process.stdout.close()
        cuddy.ok("create", "alpine", "true")
        assert process.wait(10) != 0
        assert b"Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--filter", "colour=red"], 1, "invalid filter 'colour'"),
        (["--filter", "colour"], 125, "expected name=value"),
        (["--format", "{{.Nope}}"], 64, "Nope"),
        (["--format", "{{"], 64, "unclosed action"),
        (["--since", "1s", "--until", "2s"], 1, "cannot be after"),
        (["--since", "yesterday"], 1, "invalid time 'yesterday'"),
        (["web"], 1, "accepts no arguments"),
    ],
)
@pytest.mark.skipif(ENGINE != "cuddy", reason="the words are ours")
def test_what_cannot_be_meant(cuddy: Cuddy, words: list[str], code: int, message: str) -> None:
    result = cuddy("events", *words)
    assert result.code == code
    assert message in result.complaint


def test_a_terminal_is_shown_control_characters_and_not_given_them(cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "sly", "-l", "a=\x1b]0;owned\x07", "alpine", "true")
    words = ("events", "--since", "1h", "--until", "0s", "--filter", "container=sly")
    with cuddy.terminal(*words) as terminal:
        assert terminal.ends() == 0
        assert "\\x1b]0;owned\\a" in "".join(terminal.screen())
