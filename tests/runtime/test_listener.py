"""SCMP_ACT_NOTIFY: an agent is given the listener and decides about calls."""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import json
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bundles import Bundle, Runtime
from profiles import both, confine, rule

CONTINUE = 1


class Agent:
    """Answers every question of every listener with one error; 0: the call may go on."""

    def __init__(self, path: Path, answer: int) -> None:
        self.path = path
        self.answer = answer
        self.told: list[dict[str, Any]] = []
        self.asked: list[int] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        workers = []
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                worker = threading.Thread(target=self._listen, args=(connection,))
                worker.start()
                workers.append(worker)
        for worker in workers:
            worker.join()

    def _listen(self, connection: socket.socket) -> None:
        with connection:
            text, fds, _, _ = socket.recv_fds(connection, 65536, 4)
        if not fds:
            return
        self.told.append(json.loads(text))
        poll = select.poll()
        poll.register(fds[0], select.POLLIN)
        while poll.poll() == [(fds[0], select.POLLIN)]:  # until nobody is left to ask
            with contextlib.suppress(FileNotFoundError):  # who asked has died
                self._decide(fds[0])
        os.close(fds[0])

    def _decide(self, listener: int) -> None:
        question, answer = array.array("B", bytes(80)), array.array("B", bytes(24))
        fcntl.ioctl(listener, 0xC0502100, question)
        identity, _, _, number = struct.unpack_from("=QIIi", question)
        self.asked.append(number)
        flags = 0 if self.answer else CONTINUE
        struct.pack_into("=QqiI", answer, 0, identity, 0, -self.answer, flags)
        fcntl.ioctl(listener, 0xC0182101, answer)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        self.path.unlink()


# Named before `runtime` by the tests: containers go first, or the agent would wait for them. Before
# Linux 6.11 it waits until they are buried, too: a zombie keeps its filter.
@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "agent", errno.EXFULL)
    yield made
    made.close()


def asking(bundle: Bundle, path: object, names: str, **more: Any) -> Bundle:
    return confine(
        bundle, "SCMP_ACT_ALLOW", rule(names, "SCMP_ACT_NOTIFY"), listenerPath=str(path), **more
    )


@both
def test_the_agent_decides(
    agent: Agent, runtime: Runtime, bundle: Bundle, no_new_privileges: bool
) -> None:
    asking(bundle, agent.path, "mkdir mkdirat").script("mkdir /new; echo $?; touch /file; ls /file")
    bundle.process["noNewPrivileges"] = no_new_privileges
    result = runtime.run(bundle)
    assert result.out.splitlines() == ["1", "/file"]
    assert "Exchange full" in result.err


def test_the_agent_is_told_of_whom(agent: Agent, runtime: Runtime, bundle: Bundle) -> None:
    """config-linux.md, "The Container Process State"."""
    asking(bundle, agent.path, "mkdir", listenerMetadata="mine").runs("sleep", "60")
    bundle.config["annotations"] = {"a": "b"}
    pid = runtime.started(bundle)
    assert runtime("exec", "box", "mkdir", "/new").code == 1
    first, second = agent.told
    assert first["fds"] == second["fds"] == ["seccompFd"]
    assert first["metadata"] == second["metadata"] == "mine"
    assert first["pid"] == pid != second["pid"]
    assert first["state"]["id"] == second["state"]["id"] == "box"
    assert (first["state"]["status"], second["state"]["status"]) == ("creating", "running")
    assert first["state"]["pid"] == second["state"]["pid"] == pid
    assert first["state"]["annotations"] == {"a": "b"}
    assert first["state"]["bundle"] == str(bundle.path)


@both
def test_what_a_runtime_calls_is_not_asked(
    agent: Agent, runtime: Runtime, bundle: Bundle, no_new_privileges: bool
) -> None:
    """The agent is asked by the program alone, and only when it has the listener."""
    agent.answer = 0
    names = "execve execveat open openat read close fcntl sendmsg recvmsg futex mmap"
    asking(bundle, agent.path, names, flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])
    bundle.process["noNewPrivileges"] = no_new_privileges
    result = runtime.run(bundle.runs("cat", "/etc/passwd"))
    assert result.out.startswith("root:"), result.err
    assert agent.asked[0] == 59 or os.uname().machine != "x86_64"  # execve


def test_without_an_agent_nothing_starts(runtime: Runtime, bundle: Bundle, tmp_path: Path) -> None:
    for path in (tmp_path / "nobody", "@cuddy-tests-nobody"):
        result = runtime.run(asking(bundle, path, "mkdir").runs("echo", "out"))
        assert result.code == 1
        assert result.out == ""
        assert "failed to connect with seccomp agent" in result.err


def test_a_start_that_finds_no_agent_may_be_tried_again(
    runtime: Runtime, bundle: Bundle, tmp_path: Path
) -> None:
    runtime.created(asking(bundle, tmp_path / "agent", "mkdir").script("mkdir /new || echo no"))
    assert runtime("start", "box").code == 1
    assert runtime.status() == "created"
    agent = Agent(tmp_path / "agent", errno.EXFULL)
    try:
        runtime.ok("start", "box")
        assert runtime.wait_for_output() == "no\n"
    finally:
        runtime.close()
        agent.close()


def test_a_path_is_ignored_when_nothing_is_asked(runtime: Runtime, bundle: Bundle) -> None:
    confine(bundle, "SCMP_ACT_ALLOW", listenerPath="/nobody")
    assert runtime.run(bundle.runs("echo", "out")).out == "out"


def test_an_exec_without_an_agent_fails(runtime: Runtime, bundle: Bundle, tmp_path: Path) -> None:
    agent = Agent(tmp_path / "agent", errno.EXFULL)
    try:
        runtime.started(asking(bundle, agent.path, "mkdir").runs("sleep", "60"))
        agent.path.rename(tmp_path / "elsewhere")
        result = runtime("exec", "box", "echo", "out")
        assert (result.code, result.out) == (255, "")
        assert "failed to connect with seccomp agent" in result.err
        (tmp_path / "elsewhere").rename(agent.path)
    finally:
        runtime.close()
        agent.close()


@both
def test_the_agent_decides_in_a_user_namespace_too(
    agent: Agent, runtime: Runtime, bundle: Bundle, no_new_privileges: bool
) -> None:
    """Where init may not look at the host's files: all it needs has been loaded before."""
    bundle.namespace("user")
    ids = [{"containerID": 0, "hostID": 100000, "size": 1000}]
    bundle.config["linux"] |= {"uidMappings": ids, "gidMappings": ids}
    asking(bundle, agent.path, "mkdir mkdirat").script("mkdir /new; echo $?")
    bundle.process["noNewPrivileges"] = no_new_privileges
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/true"}]}
    result = runtime.run(bundle)
    assert result.out == "1", result.err
    assert "Exchange full" in result.err
