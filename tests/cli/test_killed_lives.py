"""Killed at any moment: whichever process dies while containers come, work and go, all is well.

A few containers are run, used, stopped and removed at random, and in the middle of each command
one process is killed: the command itself, a monitor, a container's first process, or one of the
resolver's. After each kill the next command must find a sound world. `make soak` kills a thousand
times; CUDDY_TESTS_KILLS is how often, CUDDY_TESTS_SEED which moments.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console import ENGINE, Cuddy, bridge_of, gone_on, wait_until
from cuddy.network import endpoint, ipam
from cuddy.network.ports import PROTOCOLS
from leaks import cgroups, nftables

pytestmark = [
    pytest.mark.skipif(ENGINE != "cuddy", reason="other engines have other processes"),
    pytest.mark.slow,
]
KILLS = int(os.environ.get("CUDDY_TESTS_KILLS", "0")) * 10 or 25
SEED = int(os.environ.get("CUDDY_TESTS_SEED", "0")) or random.SystemRandom().getrandbits(32)
NAMES = ("north", "east", "south", "west")
NETWORKS = ("left", "right")
RUN = ("run", "-d", "--name", "{name}")
SLEEP = ("alpine", "sleep", "1000")
COMMANDS: tuple[tuple[str, ...], ...] = (
    (*RUN, *SLEEP),
    (*RUN, "--rm", *SLEEP),
    (*RUN, "--restart", "always", "alpine", "sleep", "0.2"),
    (*RUN, "--health-cmd", "true", "--health-interval", "100ms", *SLEEP),
    (*RUN, "-v", "/data", "-v", "{name}:/named", "--rm", *SLEEP),
    (*RUN, "-p", "7000", "-p", "127.0.0.1::7001/udp", *SLEEP),
    (*RUN, "-p", "7000", "--restart", "always", "alpine", "sleep", "0.2"),
    (*RUN, "--rm", "-P", "--expose", "7000-7003", *SLEEP),
    ("run", "--rm", "-v", "/data", "alpine", "sh", "-c", "echo said; sleep 0.03"),
    ("run", "--rm", "--network", "none", "alpine", "true"),
    (*RUN, "--network", "{network}", "-p", "7000", *SLEEP),
    (*RUN, "--network", "{network}", "--restart", "always", "alpine", "sleep", "0.2"),
    (*RUN, "--network", "{network}", "--network", "bridge", *SLEEP),
    ("network", "create", "{network}"),
    ("network", "rm", "{network}"),
    ("network", "connect", "{network}", "{name}"),
    ("network", "disconnect", "{network}", "{name}"),
    ("create", "--name", "{name}", *SLEEP),
    ("start", "{name}"),
    ("exec", "{name}", "sh", "-c", "sleep 0.02 & sleep 0.05"),
    ("exec", "-d", "{name}", "sleep", "0.3"),
    ("stop", "-t", "0", "{name}"),
    ("restart", "-t", "0", "{name}"),
    ("kill", "{name}"),
    ("pause", "{name}"),
    ("unpause", "{name}"),
    ("update", "--pids-limit", "50", "{name}"),
    ("cp", "{name}:/etc/passwd", "{directory}/out"),
    ("cp", "{name}:/bin", "-"),
    ("cp", "{directory}/tree", "{name}:/in"),
    ("commit", "{name}", "killed"),
    ("rm", "{name}"),
    ("rm", "-f", "-v", "{name}"),
    ("rm", "-f", "-v", *NAMES),
)  # fmt: skip


class World:
    """Containers that are used and abused. `when` says what was done last."""

    def __init__(self, cuddy: Cuddy, directory: Path) -> None:
        self.cuddy = cuddy
        self.directory = directory
        self.chance = random.Random(SEED)
        self.victims: Counter[str] = Counter()
        self.when = ""

    def run(self) -> None:
        while self.victims.total() < KILLS:
            gone_on()
            words = self.choose()
            with self.cuddy.start(
                *words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            ) as process:
                delay_s = self.chance.uniform(0, 0.07)
                number = self.victims.total()
                self.when = f"seed {SEED}, kill {number} after {delay_s:.3f} s of {words}"
                try:
                    process.wait(delay_s)
                except subprocess.TimeoutExpired:
                    pass
                self.kill(process)
                _, complaint = process.communicate(timeout=240)
            assert b"Traceback" not in complaint, f"{self.when}: {complaint.decode()}"
            if words[1] in ("connect", "disconnect"):
                # What is left of one that was killed goes with the next, or with the container.
                self.cuddy("network", "disconnect", *words[2:])
            self.expect_sound()

    def choose(self) -> list[str]:
        """A command about a container; one that is not there is made first, most of the time."""
        words = self.chance.choice(COMMANDS)
        name = self.chance.choice(NAMES)
        if words[0] not in ("run", "create") and "{name}" in words and self.chance.random() < 0.8:
            self.cuddy("run", "-d", "--name", name, *SLEEP)
        if words[0] in ("run", "create") and "{name}" in words:
            self.cuddy("rm", "-f", "-v", name)
        network = self.chance.choice(NETWORKS)
        if "{network}" in words and words[1] != "create":
            self.cuddy("network", "create", network)
            if words[1] == "disconnect":
                self.cuddy("network", "connect", network, name)
        elif "{network}" in words:
            self.cuddy("network", "rm", network)
        places = {"name": name, "network": network, "directory": self.directory}
        return [word.format(**places) for word in words]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL for the command, for a monitor, for a first process, or for a resolver."""
        kind = self.chance.choice(("command", "command", "monitor", "init", "resolver"))
        found = [process.pid] if kind == "command" else sorted(KINDS[kind]())
        if found:
            victim = self.chance.choice(found)
            self.victims[kind] += process.poll() is None or kind != "command"
            if victim != process.pid or process.poll() is None:
                try:
                    os.kill(victim, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def expect_sound(self) -> None:
        """What the next commands see is whole, soon."""
        problem = ""

        def is_sound() -> bool:
            nonlocal problem
            problem = next(self.problems(), "")
            return not problem

        try:
            wait_until(is_sound)
        except AssertionError:
            pytest.fail(f"{self.when}: {problem}")

    def problems(self) -> Iterator[str]:
        """What is not as it should be."""
        listed = self.cuddy("ps", "-aq", "--no-trunc")
        if listed.code or listed.err:
            yield f"ps: {listed.code} {listed.err}"
        ids = listed.out.split()
        shown = self.cuddy("inspect", *ids) if ids else None
        if shown and shown.code:
            # One with --rm or a restart policy may have changed in between.
            yield f"inspect: {shown.err}"
        records = {record["Id"]: record for record in json.loads(shown.out)} if shown else {}
        yield from self.wrong_files(records)
        yield from self.wrong_kernel_objects(records)

    def wrong_files(self, records: dict[str, dict]) -> Iterator[str]:
        root = self.cuddy.root
        if left := os.listdir(root / "tmp"):
            yield f"left in tmp/: {left}"
        if strange := set(os.listdir(root / "containers")) ^ set(records):
            yield f"not both listed and on disk: {strange}"
        for container_id, record in records.items():
            name = record["Name"].removeprefix("/")
            if os.readlink(root / "names" / name) != container_id:
                yield f"{container_id} has lost its name {name}"
            if record["State"]["Status"] not in STATES:
                yield f"{name} is {record['State']['Status']}"

    def wrong_kernel_objects(self, records: dict[str, dict]) -> Iterator[str]:
        alive = {cid for cid, record in records.items() if record["State"]["Running"]}
        run_dirs = {name for name in os.listdir(self.cuddy.run_root) if len(name) == 64}
        if run_dirs != alive:
            yield f"run directories {run_dirs}, but {alive} are running"
        for path in cgroups():
            for part in path.split("/"):
                if len(part) == 64 and part in records and part not in alive:
                    yield f"left: {path}"
        links = [name for _, name in socket.if_nameindex() if name.startswith("veth")]
        connected = [cid for cid in alive if records[cid]["State"]["Pid"]]
        if len(links) > sum(len(records[each]["NetworkSettings"]["Networks"]) for each in alive):
            yield f"links {links} for {connected}"
        yield from self.wrong_networks()
        leases = {
            container_id
            for path in endpoint.lease_files(f"{self.cuddy.run_root}/networks")
            for container_id in ipam.read_leases(path)
        }
        if not set(leases) <= alive:
            yield f"addresses of {set(leases) - alive}, which do not run"
        if left := open_ports() - {port for cid in alive for port in published(records[cid])}:
            yield f"ports that lead to nobody: {left}"
        if len(monitors()) > len(alive):
            yield f"monitors {monitors()} for {alive}"

    def wrong_networks(self) -> Iterator[str]:
        """Bridges of networks that are not there, and what they left."""
        listed = self.cuddy("network", "ls", "-q", "--no-trunc")
        if listed.code or listed.err:
            yield f"network ls: {listed.code} {listed.err}"
        ids = listed.out.split()
        bridges = {f"cud-{each[:11]}" for each in ids} | {bridge_of(self.cuddy)}
        for _, link in socket.if_nameindex():
            if link.startswith("cud-") and len(link) > 12 and link not in bridges:
                yield f"bridge {link} of no network"
        for path in endpoint.lease_files(f"{self.cuddy.run_root}/networks"):
            if Path(path).stem not in ids:
                yield f"leases of no network: {path}"


def published(record: dict) -> Iterator[tuple[int, int]]:
    """Protocol and port of the host's ports that lead to a container."""
    for name, places in (record["NetworkSettings"].get("Ports") or {}).items():
        for place in places or ():
            yield PROTOCOLS[name.partition("/")[2]], int(place["HostPort"])


def open_ports() -> set[tuple[int, int]]:
    """The same of what the firewall has."""
    words = (line.split(" ") for line in nftables() if line.startswith("element 1 cuddy "))
    keys = (bytes.fromhex(key) for *_, name, key in words if name.endswith("ports"))
    return {(key[0], int.from_bytes(key[-4:-2])) for key in keys}


STATES = ("created", "running", "paused", "restarting", "exited", "dead")


def monitors() -> set[int]:
    """Processes that watch over a container."""
    return {pid for pid, title in titles() if title.startswith(b"cuddy monitor")}


def first_processes() -> set[int]:
    """Processes that are pid 1 of a pid namespace below ours."""
    found = set()
    for pid, _ in titles():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        numbers = next(line.split()[1:] for line in status.splitlines() if line[:5] == "NSpid")
        if len(numbers) > 1 and numbers[-1] == "1":
            found.add(pid)
    return found


def titles() -> Iterator[tuple[int, bytes]]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield int(pid), Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue


def resolvers() -> set[int]:
    """Both processes of those that answer for names."""
    return {pid for pid, title in titles() if title.startswith(b"cuddy resolver")}


KINDS: dict[str, Callable[[], set[int]]] = {
    "monitor": monitors, "init": first_processes, "resolver": resolvers,
}  # fmt: skip


def test_whatever_is_killed_the_next_command_finds_a_sound_world(
    fresh: Cuddy, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    for number in range(20):
        (tmp_path / "tree" / str(number)).write_bytes(b"x" * 50_000)
    world = World(fresh, tmp_path)
    world.run()
    for name in NAMES:
        fresh("unpause", name)
    fresh.remove_all()
    # A name that was claimed for a container which never came to be goes with the next claim.
    fresh.ok("rm", fresh.ok("create", "alpine"))
    assert os.listdir(fresh.root / "names") == []
    world.when = f"seed {SEED}, all removed"
    world.expect_sound()
    print(dict(world.victims))
