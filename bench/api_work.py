"""The API beside dockerd's: latency of small requests, streams, and memory.

One client asks both in turns. A connection that is kept shows what an answer costs, one for each
request also what a connection does.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from bench import report, timing, watch
from bench.asking import Client
from bench.engines import Engine, running
from bench.scenarios import Scenario

TITLE = "api"
REQUESTS = 40
"""In a row, of which the median counts."""
STREAMS = 50
CONTAINERS = 100
PING = Scenario("api, _ping", (), 1.0, "docker")
PING_ANEW = Scenario("api, _ping, a connection each", (), 1.0, "docker")
LIST = Scenario(f"api, list, {CONTAINERS} containers", (), 1.0, "docker")
EXEC = Scenario("api, exec to its output", (), 1.0, "docker", share=0.67)
EVENTS = Scenario(f"api, {STREAMS} streams of events", (), 1.0, "docker", share=0.34)
HEARD = Scenario(f"api, {STREAMS} streams, from the event", (), 1.0, "docker", share=0.34)
LOGS = Scenario(f"api, {STREAMS} streams of logs", (), 1.0, "docker", share=0.34)
SERVER_MB, STREAM_MB = 40.0, 3.0


class Connection(http.client.HTTPConnection):
    """HTTP on a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("engine", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        self.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        answer = self.getresponse()
        read = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {read.decode()}")
        return read


class Served(NamedTuple):
    """An engine, and where it serves its API."""

    engine: Engine
    path: str
    pid: int
    container: str


def measure(directory: Path, program: list[str], image: str, rounds: int) -> None:
    """Print the rows of the API."""
    directory.mkdir(exist_ok=True)
    if not os.path.exists("/usr/sbin/dockerd"):
        return
    with running(directory, program) as engines, ExitStack() as stack:
        served = {
            engine.name: stack.enter_context(serve(engine, directory, image))
            for engine in engines
            if engine.name != "podman"
        }
        print_memory(served["cuddy"])
        for scenario, work in WORKS:
            works = {name: work(each) for name, each in served.items()}
            count = max(3, round(rounds * scenario.share))
            report.print_scenario(scenario, timing.interleaved(works, count), digits=3)


@contextmanager
def serve(engine: Engine, directory: Path, image: str) -> Iterator[Served]:
    """Its containers, and its server."""
    engine.ask("pull", image)
    name = engine.ask("run", "-d", "--network", "none", image, "sleep", "100000")
    for _ in range(CONTAINERS - 1):
        engine.ask("create", "--network", "none", image, "true")
    if engine.name == "docker":
        yield Served(engine, f"{directory}/docker/docker.sock", engine.daemon_pid, name)
        return
    path = f"{directory}/api.sock"
    words = engine.words("system", "serve", "--unix", path)
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        while not answers(path):
            time.sleep(0.05)
        yield Served(engine, path, process.pid, name)
        process.terminate()


def answers(path: str) -> bool:
    try:
        return Connection(path).ask("GET", "/_ping") == b"OK"
    except OSError:
        return False


def print_memory(served: Served) -> None:
    """What a server takes that does nothing, and what a stream does that is silent."""
    alone = watch.memory_bytes({served.pid, *children(served.pid)}) / 1e6
    streams = [open_stream(served, "/events") for _ in range(STREAMS)]
    together = watch.memory_bytes({served.pid, *children(served.pid)}) / 1e6
    each = (together - alone) / STREAMS
    for connection, _ in streams:
        connection.close()
    for title, figure, budget in (
        ("api, idle server, MB", alone, SERVER_MB), ("api, idle stream, MB", each, STREAM_MB),
    ):  # fmt: skip
        verdict = report.judge(figure, budget)
        print(f"{title:{report.WIDTH}}{figure:>16.2f}   ≤ {budget}: {verdict}", flush=True)


def children(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def kept(target: str) -> Callable[[Served], Callable[[], float]]:
    """The median of requests on one connection."""

    def work(served: Served) -> Callable[[], float]:
        client = Client(served.path, target)
        return lambda: median_of(client.ask)

    return work


def anew(target: str) -> Callable[[Served], Callable[[], float]]:
    """The median of requests that have a connection each."""

    def work(served: Served) -> Callable[[], float]:
        def ask() -> None:
            client = Client(served.path, target)
            client.ask()
            client.close()

        return lambda: median_of(ask)

    return work


def median_of(ask: Callable[[], object]) -> float:
    return statistics.median(timed(ask) for _ in range(REQUESTS))


def timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


def execs(served: Served) -> Callable[[], float]:
    """From the wish for a command to its output."""

    def once() -> float:
        began = time.perf_counter()
        connection = Connection(served.path)
        wish = {"Cmd": ["echo", "hello"], "AttachStdout": True}
        made = json.loads(connection.ask("POST", f"/containers/{served.container}/exec", wish))
        output = connection.ask("POST", f"/exec/{made['Id']}/start", {"Tty": False})
        took = time.perf_counter() - began
        connection.close()
        if b"hello" not in output:
            raise RuntimeError(f"{served.engine.name} exec: {output!r}")
        return took

    return once


def open_stream(served: Served, path: str) -> tuple[Connection, http.client.HTTPResponse]:
    connection = Connection(served.path)
    connection.request("GET", path)
    return connection, connection.getresponse()


def streams(path: str, cause: str) -> Callable[[Served], Callable[[], float]]:
    """From a thing that happens to the last of many that hear of it.

    `path`: of the streams; `cause`: what has a container made or ended for them.
    """

    def work(served: Served) -> Callable[[], float]:
        def once() -> float:
            return hear(served, path.replace("{name}", served.container), cause)

        return once

    return work


def heard(served: Served) -> Callable[[], float]:
    """The same from the moment that the event has in itself, without what it tells of."""

    def once() -> float:
        opened = [open_stream(served, f"/events?filters={FILTERS}") for _ in range(STREAMS)]
        time.sleep(0.2)
        asking = Connection(served.path)
        rename(asking, served)
        lines = [answer.readline() for _, answer in opened]
        ended_ns = time.time_ns()
        for connection in (asking, *(each for each, _ in opened)):
            connection.close()
        return float(ended_ns - json.loads(lines[-1])["timeNano"]) / 10**9

    return once


def rename(asking: Connection, served: Served) -> None:
    """What streams of events tell of."""
    asking.ask("POST", f"/containers/{served.container}/rename?name=n{time.time_ns()}")


def hear(served: Served, path: str, cause: str) -> float:
    opened = [open_stream(served, path) for _ in range(STREAMS)]
    time.sleep(0.2)
    asking = Connection(served.path)
    began = time.perf_counter()
    if cause == "rename":
        rename(asking, served)
    else:
        wish = {"Cmd": ["sh", "-c", "echo hello > /proc/1/fd/1"]}
        made = json.loads(asking.ask("POST", f"/containers/{served.container}/exec", wish))
        asking.ask("POST", f"/exec/{made['Id']}/start", {"Detach": True})
    for _, answer in opened:
        answer.read1(1)
    took = time.perf_counter() - began
    for connection, _ in opened:
        connection.close()
    asking.close()
    return took


FILTERS = quote(json.dumps({"event": ["rename"]}))
FOLLOW = "/containers/{name}/logs?stdout=1&follow=1&tail=0"
WORKS = (
    (PING, kept("/_ping")),
    (PING_ANEW, anew("/_ping")),
    (LIST, kept("/containers/json?all=1")),
    (EXEC, execs),
    (EVENTS, streams(f"/events?filters={FILTERS}", "rename")),
    (HEARD, heard),
    (LOGS, streams(FOLLOW, "echo")),
)
