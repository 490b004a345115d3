"""What gets through: throughput, requests per second and latency, of published ports and between
containers. Budget: no less than the better of docker and podman, DESIGN.md.

Every engine has one container that serves and one that asks, in a room of its own (`rooms.py`).
Who asks a published port is in that room or outside of it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench import network_image, report, rooms, timing
from bench.engines import Engine, makers
from bench.rooms import HERE, Room

IMAGE = "bench-network"
SERVER, CLIENT, NETWORK = "bench-server", "bench-client", "bench-net"
PORTS = {"iperf3": (15201, 5201), "wrk": (18080, 80), "redis-benchmark": (16379, 6379)}
"""By tool: the port of the host, and the container's."""
SECONDS = 1
SHARE = 0.67


class Row(NamedTuple):
    """One figure of a flow."""

    title: str
    unit: str
    more_is_better: bool = True


class Flow(NamedTuple):
    """Traffic of one kind: what makes it, and the figures that it prints."""

    rows: tuple[Row, ...]
    words: tuple[str, ...]  # with TARGET and PORT
    parse: Callable[[str], tuple[float, ...]]


def parse_iperf(text: str) -> tuple[float, ...]:
    document = json.loads(text)
    if "error" in document:
        raise RuntimeError(document["error"])
    end = document["end"]
    return ((end.get("sum_received") or end["sum"])["bits_per_second"] / 1e9,)


def parse_wrk(text: str) -> tuple[float, ...]:
    units = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    rate = float(find(r"Requests/sec:\s+([\d.]+)", text)[1])
    p99 = find(r"99%\s+([\d.]+)(us|ms|s)", text)
    return rate, float(p99[1]) * units[p99[2]]


def parse_redis(text: str) -> tuple[float, ...]:
    return tuple(float(line.split(",")[1].strip('"')) for line in text.splitlines()[1:])


def find(pattern: str, text: str) -> re.Match[str]:
    found = re.search(pattern, text)
    if not found:
        raise RuntimeError(f"no {pattern} in: {text}")
    return found


TIME = str(SECONDS)
IPERF = ("iperf3", "--client", "TARGET", "--port", "PORT", "--time", TIME, "--json")
WRK = ("wrk", "-t1", "-c16", f"-d{TIME}s", "--latency", "http://TARGET:PORT/")
UDP = ("--udp", "--bitrate", "0", "--length", "1400")
REDIS = ("redis-benchmark", "-h", "TARGET", "-p", "PORT", "-t", "set,get", "-n", "60000")
THROUGHPUT = Flow((Row("TCP", "Gbit/s"),), IPERF, parse_iperf)
BACK = Flow((Row("TCP back", "Gbit/s"),), (*IPERF, "--reverse"), parse_iperf)
DATAGRAMS = Flow((Row("UDP", "Gbit/s"),), (*IPERF, *UDP), parse_iperf)
REQUESTS = Flow((Row("requests", "/s"), Row("latency p99", "ms", False)), WRK, parse_wrk)
CONNECTIONS = Flow(
    (Row("connections", "/s"), Row("connections p99", "ms", False)),
    (*WRK, "--header", "Connection: close"),
    parse_wrk,
)
COMMANDS = Flow((Row("redis SET", "/s"), Row("redis GET", "/s")), (*REDIS, "--csv"), parse_redis)

FLOWS = {
    # Who asks: the host by its loopback or another address of it, somebody beyond, the neighbour
    # on the default bridge, the neighbour on a network of the user's.
    "loopback": (THROUGHPUT, BACK, REQUESTS, CONNECTIONS),
    "host": (THROUGHPUT, REQUESTS),
    "outside": (THROUGHPUT, BACK, REQUESTS, CONNECTIONS),
    "container": (THROUGHPUT, DATAGRAMS, REQUESTS, CONNECTIONS, COMMANDS),
    "network": (THROUGHPUT, REQUESTS, CONNECTIONS, COMMANDS),
}


def title(place: str, row: Row) -> str:
    return f"net {place}: {row.title}, {row.unit}"


def is_asked_for(only: str) -> bool:
    return bool(chosen(only))


def chosen(only: str) -> list[tuple[str, Flow]]:
    """Places and flows with at least one row whose title has the word."""
    return [
        (place, flow)
        for place, flows in FLOWS.items()
        for flow in flows
        if any(only in title(place, row) for row in flow.rows)
    ]


def measure(directory: Path, program: list[str], options: argparse.Namespace) -> None:
    """Every flow that is asked for, the engines in turns."""
    directory.mkdir()
    with ExitStack() as stack:
        parties = []
        for name, make in makers(program).items():
            room = Room()
            stack.callback(room.close)
            engine = stack.enter_context(rooms.engine(make, directory / name, room))
            stack.callback(remove, engine)
            prepare(engine, network_image.path(options.cache))
            parties.append((engine, room))
        for place, flow in chosen(options.only):
            works = {each.name: partial(run, flow, place, each, room) for each, room in parties}
            found = timing.take_turns(works, max(3, round(options.rounds * SHARE)))
            for number, row in enumerate(flow.rows):
                times = {
                    name: timing.Times(tuple(values[number] for values in results))
                    for name, results in found.items()
                }
                report.print_flow(title(place, row), times, more_is_better=row.more_is_better)


def prepare(engine: Engine, archive: Path) -> None:
    """The image; on the default bridge and on a network one that serves, and one that asks."""
    engine.ask("import", str(archive), IMAGE)
    engine.ask("network", "create", NETWORK)
    published = [f"--publish={ours}:{theirs}" for ours, theirs in PORTS.values()]
    for network, ending, more in (("bridge", "", published), (NETWORK, "-net", [])):
        words = ("run", "-d", "--network", network, "--name")
        engine.ask(*words, SERVER + ending, *more, IMAGE, "sh", "/serve")
        engine.ask(*words, CLIENT + ending, IMAGE, "sleep", "100000")


def remove(engine: Engine) -> None:
    """What `prepare` has made, but for the image."""
    engine.ask("rm", "-f", *(name + ending for name in (SERVER, CLIENT) for ending in ("", "-net")))
    engine.ask("network", "rm", NETWORK)


def run(flow: Flow, place: str, engine: Engine, room: Room) -> tuple[float, ...]:
    """The figures of one run."""
    target, port = aim(flow.words[0], place, engine)
    words = [word.replace("TARGET", target).replace("PORT", str(port)) for word in flow.words]
    done = subprocess.run(
        command(place, engine, room, words), capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        raise RuntimeError(f"{engine.name}: {' '.join(words)}: {done.stderr}{done.stdout}")
    return flow.parse(done.stdout)


def aim(tool: str, place: str, engine: Engine) -> tuple[str, int]:
    """The address and port where a place finds the server."""
    outer, inner = PORTS[tool]
    if place == "container":
        return engine.ask("inspect", "--format", "{{.NetworkSettings.IPAddress}}", SERVER), inner
    if place == "network":
        template = f'{{{{(index .NetworkSettings.Networks "{NETWORK}").IPAddress}}}}'
        return engine.ask("inspect", "--format", template, f"{SERVER}-net"), inner
    return "127.0.0.1" if place == "loopback" else HERE, outer


def command(place: str, engine: Engine, room: Room, words: list[str]) -> list[str]:
    """How to have somebody at a place run these words."""
    if place == "container":
        return engine.words("exec", CLIENT, *words)
    if place == "network":
        return engine.words("exec", f"{CLIENT}-net", *words)
    return rooms.enter(room.outside if place == "outside" else room.own, *words)
