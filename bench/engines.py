"""The engines that are compared, each with a Home of its own below the session's directory.

All three speak Docker's words, so one list of words measures any of them. dockerd is started here,
on a socket of its own and in this session's network namespace, and ends with the session.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple


class Engine(NamedTuple):
    """A container engine: its name, and the words that every command of it begins with."""

    name: str
    prefix: tuple[str, ...]
    pull_flags: tuple[str, ...] = ()
    daemon_pid: int = 0

    def words(self, *words: str) -> list[str]:
        flags = self.pull_flags if words[0] == "pull" else ()
        return [*self.prefix, words[0], *flags, *words[1:]]

    def ask(self, *words: str) -> str:
        """What a command prints. Raises if it fails."""
        result = subprocess.run(self.words(*words), capture_output=True, text=True, timeout=300)
        if result.returncode:
            raise RuntimeError(f"{self.name} {' '.join(words)}: {result.stderr.strip()}")
        return result.stdout.strip()

    def version(self) -> str:
        return self.ask("--version").splitlines()[0]


Maker = Callable[[Path], AbstractContextManager[Engine]]


@contextmanager
def running(directory: Path, cuddy: list[str]) -> Iterator[list[Engine]]:
    """cuddy and the peers that are installed, ready to work."""
    with ExitStack() as stack:
        engines = [
            stack.enter_context(make(directory / name)) for name, make in makers(cuddy).items()
        ]
        yield engines
        for engine in engines:
            if ids := engine.ask("ps", "-aq").split():
                engine.ask("rm", "-f", *ids)


def makers(cuddy: list[str]) -> dict[str, Maker]:
    """By name: how to have an engine for a while, with its Home in a directory."""
    found: dict[str, Maker] = {"cuddy": lambda directory: nullcontext(make_cuddy(directory, cuddy))}
    if shutil.which("podman"):
        found["podman"] = lambda directory: nullcontext(make_podman(directory))
    if shutil.which("dockerd"):
        found["docker"] = docker
    return found


def make_cuddy(directory: Path, command: list[str]) -> Engine:
    flags = ("--root", f"{directory}/root", "--runroot", f"{directory}/run")
    return Engine("cuddy", (*command, *flags))


def make_podman(directory: Path) -> Engine:
    flags = ("--root", f"{directory}/root", "--runroot", f"{directory}/run")
    cgroups = ("--cgroup-manager", "cgroupfs")
    if shutil.which("runc"):
        cgroups += ("--runtime", "runc")  # Debian's crun refuses hosts with both cgroup versions
    # Networks are not of the Home otherwise.
    networks = ("--network-config-dir", f"{directory}/networks")
    return Engine("podman", ("podman", *flags, *cgroups, *networks), ("--tls-verify=false",))


@contextmanager
def docker(directory: Path, *more: str, enter: Sequence[str] = ()) -> Iterator[Engine]:
    """A dockerd of our own; the client that came with it, not another one on the PATH.

    `more`: further flags of dockerd. `enter`: what leads to where it is installed.
    """
    directory.mkdir(exist_ok=True)
    socket = f"unix://{directory}/docker.sock"
    client = "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else "docker"
    prefix = (*enter, client, "--host", socket)
    flags = ["--host", socket, "--data-root", f"{directory}/root", "--group", "root"]
    state = ["--exec-root", f"{directory}/run", "--pidfile", f"{directory}/pid"]
    with open(directory / "log", "wb") as log:
        command = [*enter, "dockerd", *flags, *state, *more]
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
    engine = Engine("docker", prefix, daemon_pid=daemon.pid)
    try:
        for _ in range(300):
            if subprocess.run(engine.words("info"), capture_output=True).returncode == 0:
                break
            if daemon.poll() is not None:
                raise RuntimeError(f"dockerd: {(directory / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
        yield engine
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)
