"""A crowd of containers with published ports: all start, serve and go, and nothing stays behind.

However they go: removed, or because every monitor, or every process of cuddy's, is killed at once.
CUDDY_TESTS_CROWD is how many they are: `make soak` makes it a hundred. What a start and a removal
took is printed; the leak detector looks after each test for links, rules, entries and processes.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import netns
from console import ENGINE, Cuddy, gone_on, is_alive, wait_until
from leaks import nftables
from outside import Outside
from serving import ask

pytestmark = pytest.mark.slow
ours = pytest.mark.skipif(ENGINE != "cuddy", reason="other engines have other processes")
CROWD = int(os.environ.get("CUDDY_TESTS_CROWD", "0")) or 12
FIRST_PORT = 20_000
SERVE = "while :; do hostname | nc -l -p 7000; done"


def start(cuddy: Cuddy, count: int = CROWD, *words: str) -> list[str]:
    """So many servers, which answer with the beginning of their id; their whole ids."""
    took, found = [], []
    for number in range(count):
        gone_on()
        began = time.monotonic()
        place = ("-p", f"{FIRST_PORT + number}:7000", *words)
        found.append(cuddy.ok("run", "-d", *place, "alpine", "sh", "-c", SERVE))
        took.append(time.monotonic() - began)
    tell("start", took)
    return found


def tell(what: str, took: list[float]) -> None:
    tenth = max(len(took) // 10, 1)
    first, last = (sum(part) / len(part) for part in (took[:tenth], took[-tenth:]))
    print(f"{what}: first {first * 1000:.0f} ms, last {last * 1000:.0f} ms, all {sum(took):.1f} s")


def expect_all_to_serve(ids: list[str], address: str) -> None:
    """Each port leads to its own container."""
    said = [ask(address, FIRST_PORT + number) for number in range(len(ids))]
    assert said == [found[:12] for found in ids]


def monitors(cuddy: Cuddy) -> set[int]:
    """By their files: one that is just going to sleep has another name for a moment."""
    found = cuddy.run_root.glob("*/monitor")
    return {int(path.read_text().split()[0]) for path in found}


def processes(name: str) -> Iterator[int]:
    """Processes of cuddy's that stay, by the beginning of their name."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if Path(f"/proc/{pid}/comm").read_text().startswith(name):
                yield int(pid)
        except OSError:
            continue


def kill_all(pids: set[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def remains(cuddy: Cuddy) -> list[str]:
    """Links, leases, run directories and entries of ports of a Home whose containers are gone."""
    found = [name for _, name in socket.if_nameindex() if name.startswith("veth")]
    for path in (cuddy.run_root / "networks").glob("*.json"):
        found += [f"lease {each}" for each in json.loads(path.read_text()).get("leases", ())]
    found += [name for name in os.listdir(cuddy.run_root) if len(name) == 64]
    entries = [line.split(" ") for line in nftables() if line.startswith("element 1 cuddy ")]
    return found + [f"{name} {key}" for *_, name, key in entries if "ports" in name]


def expect_nothing_left(cuddy: Cuddy) -> None:
    try:
        wait_until(lambda: not remains(cuddy), 10)
    except AssertionError:
        pytest.fail(f"left: {remains(cuddy)}")


def test_all_serve_and_go(cuddy: Cuddy, outside: Outside) -> None:
    ids = start(cuddy)
    expect_all_to_serve(ids, "127.0.0.1")
    with netns.entered(outside.pid):
        expect_all_to_serve(ids, outside.our_address)
    began = time.monotonic()
    assert cuddy.ok("rm", "-f", *ids, timeout=240).split() == ids
    tell("rm -f", [time.monotonic() - began])
    if ENGINE == "cuddy":
        expect_nothing_left(cuddy)


@ours
def test_after_all_monitors_are_killed_nothing_is_left_but_their_records(cuddy: Cuddy) -> None:
    ids = start(cuddy)
    assert len(monitors(cuddy)) == CROWD
    kill_all(monitors(cuddy))
    assert cuddy.ok("ps", "-q") == ""
    expect_nothing_left(cuddy)
    # Their ports and addresses are free for the next ones.
    cuddy.ok("rm", "-f", *ids, timeout=240)
    expect_all_to_serve(start(cuddy, 2), "127.0.0.1")


@ours
def test_after_all_processes_are_killed_they_start_and_serve_again(cuddy: Cuddy) -> None:
    ids = start(cuddy, CROWD, "--restart", "always")
    kill_all({*monitors(cuddy), *processes("cuddy ")})
    began = time.monotonic()
    cuddy.ok("start", *ids, timeout=240)
    tell("start again", [time.monotonic() - began])
    expect_all_to_serve(ids, "127.0.0.1")
    cuddy.ok("rm", "-f", *ids, timeout=240)
    expect_nothing_left(cuddy)


@ours
def test_networks_come_full_and_go(cuddy: Cuddy) -> None:
    """Three containers on each know each other by name, whoever was killed meanwhile."""
    count = max(CROWD * 3 // 10, 4)
    made, took = [f"net{number}" for number in range(count)], []
    for name in made:
        gone_on()
        began = time.monotonic()
        cuddy.ok("network", "create", name)
        for number in range(3):
            words = ("--network", name, "--network-alias", f"c{number}", "alpine")
            cuddy.ok("run", "-d", "--name", f"{name}-{number}", *words, "sh", "-c", SERVE)
        took.append(time.monotonic() - began)
    tell("network create and three containers", took)
    expect_neighbours(cuddy, made)
    kill_all({*processes("cuddy resolver")})
    cuddy.ok("run", "--rm", "--network", made[0], "alpine", "true")  # it brings the resolver back
    expect_neighbours(cuddy, made)
    began = time.monotonic()
    cuddy.remove_all()
    tell("rm -f and network rm", [time.monotonic() - began])
    expect_nothing_left(cuddy)


def expect_neighbours(cuddy: Cuddy, networks: list[str]) -> None:
    """In each network, one finds the others by name and alias, and not those next door."""
    for name, other in zip(networks, networks[1:] + networks[:1], strict=True):
        gone_on()
        script = f"nc {name}-1 7000; nc c2 7000; nslookup {other}-1 >/dev/null || echo nobody"
        out = cuddy.ok("exec", f"{name}-0", "sh", "-c", script)
        ids = [cuddy.inspect(f"{name}-{number}")["Id"][:12] for number in (1, 2)]
        assert out.split() == [*ids, "nobody"]


@ours
def test_networks_of_the_killed_are_made_empty_and_can_be_removed(cuddy: Cuddy) -> None:
    cuddy.ok("network", "create", "net")
    ids = start(cuddy, max(CROWD // 3, 4), "--network", "net")
    expect_all_to_serve(ids, "127.0.0.1")
    kill_all({*monitors(cuddy), *processes("cuddy ")})
    cuddy.ok("network", "rm", "net")
    assert cuddy.ok("ps", "-q") == ""
    expect_nothing_left(cuddy)
    # Of the resolver its socket is left, until the next one needs it.
    cuddy.ok("network", "create", "net")
    cuddy.ok("run", "--rm", "--network", "net", "alpine", "true")
