"""What every test gets: namespaces of its own session, the leak detector, a Home, a terminal.

As root the session runs inside the namespaces of `isolation.py`, and the detector of `leaks.py`
watches each test. Without root only the units run.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import images
import isolation
import shares
import userns_expected
from console import DEADLINE_S, ENGINE, Cuddy, wait_until
from cuddy.image.storage import Storage
from cuddy.network import drivers
from cuddy.network import network as networks
from leaks import Detector
from outside import Outside

if TYPE_CHECKING:
    from registry import Registry

pytest_plugins = ["hostile_registry", "peers", "pytester", "registry"]

TESTS = Path(__file__).parent
NEED_ROOT = ("kernel", "runtime", "engine", "cli", "contract", "api", "library")
DETECTOR = pytest.StashKey[Detector]()


def pytest_configure(config: pytest.Config) -> None:
    """As root, move the whole session into namespaces and come back only with its exit code."""
    # A shell has what it starts by "&" ignore Ctrl-C, and so would all that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.geteuid() != 0:
        return
    if isolation.is_inside():
        if ENGINE == "cuddy":
            config.stash[DETECTOR] = Detector()
        config.option.basetemp = Path(isolation.directory(), "pytest")
        return
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture:
        capture.suspend_global_capture(in_=True)
    sys.stdout.flush()
    os._exit(shares.run([sys.executable, "-m", "pytest", *config.invocation_params.args]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs root when there is none, and say so; expect what cannot be."""
    userns_expected.mark(items)
    if isolation.is_inside():
        return
    skip = pytest.mark.skip(reason="needs root: namespaces, mounts and cgroups are made for real")
    for item in items:
        room = item.path.relative_to(TESTS).parts[0]
        if room in NEED_ROOT or item.get_closest_marker("root"):
            item.add_marker(skip)


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """In a shared run, only what falls to this session; otherwise pytest's own loop."""
    if not shares.is_shared() or session.testsfailed or session.config.option.collectonly:
        return None
    for item, following in shares.mine(session.items):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
    return True


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """Interrupt a test that hangs."""

    def interrupt(*_: object) -> None:
        pytest.fail(f"nothing done in {DEADLINE_S} seconds")

    signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(DEADLINE_S)
    yield
    signal.alarm(0)


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a mount, process, cgroup, link, rule, file or descriptor behind."""
    detector = request.config.stash.get(DETECTOR, None)
    if detector is None:
        yield
        return
    before = detector.take()
    yield
    leaks = detector.leaks(before)
    if leaks:
        pytest.fail("\n".join(["this test leaks:", *leaks]), pytrace=False)


@pytest.fixture(scope="session")
def outside() -> Iterator[Outside]:
    """A world behind this session's network namespace; it is the default route and name server."""
    world = Outside()
    yield world
    world.close()


@pytest.fixture(scope="session")
def home(request: pytest.FixtureRequest) -> Iterator[Cuddy]:
    """The session's Home, with the image `alpine` in it and the default network made."""
    directory = Path(isolation.directory())
    if ENGINE != "cuddy":
        yield from other_engine(directory, request.getfixturevalue("registry"))
        return
    cuddy = make_home(directory / "home", request.config)
    cuddy.ok("run", "--rm", "alpine", "true")
    wait_until(lambda: not [name for _, name in socket.if_nameindex() if name.startswith("veth")])
    yield cuddy


@pytest.fixture
def cuddy(home: Cuddy) -> Iterator[Cuddy]:
    """The program with the session's Home; containers that a test makes are removed after it."""
    yield home
    home.remove_all()


@pytest.fixture
def home_in(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], Cuddy]]:
    """Makes Homes in directories, for tests that break them; each has `alpine` in it."""
    if ENGINE != "cuddy":
        pytest.skip(f"{ENGINE} has one home")
    made: list[Cuddy] = []

    def make(directory: Path) -> Cuddy:
        made.append(make_home(directory, request.config))
        return made[-1]

    yield make
    for cuddy in made:
        unmake_home(cuddy, request.config)


@pytest.fixture
def fresh(home_in: Callable[[Path], Cuddy], tmp_path: Path) -> Cuddy:
    """The program with a Home of its own."""
    return home_in(tmp_path / "home")


def make_home(directory: Path, config: pytest.Config) -> Cuddy:
    cuddy = Cuddy(directory / "root", directory / "run")
    images.install(Storage(str(cuddy.root)), images.alpine(), "alpine")
    config.stash[DETECTOR].watch(cuddy.root, cuddy.run_root)
    return cuddy


def unmake_home(cuddy: Cuddy, config: pytest.Config) -> None:
    """Remove its containers and its network; nothing else may be left to remove."""
    cuddy.remove_all()
    rooms = [cuddy.root / name for name in ("containers", "names", "tmp")]
    wait_until(lambda: not [path for room in rooms for path in room.iterdir()], what="files left")
    for network in networks.read_all(str(cuddy.root / "networks")):
        drivers.of(network).remove(network)
    config.stash[DETECTOR].forget(cuddy.root)


def other_engine(directory: Path, registry: Registry) -> Iterator[Cuddy]:
    """docker or podman in cuddy's place."""
    sys.path.append(str(TESTS.parent))
    from bench import engines

    with ExitStack() as stack:
        if ENGINE == "docker":
            engine = stack.enter_context(engines.docker(directory / "docker"))
        else:
            engine = engines.make_podman(directory / "podman")
        engine.ask("pull", registry.name("alpine"))
        engine.ask("tag", registry.name("alpine"), "alpine")
        yield Cuddy(directory / "root", directory / "run", engine.prefix)
