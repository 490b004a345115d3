"""The pytest plugin: containers that go with a test or a session, and tell why it failed.

    def test_it_answers(cuddy):
        server = cuddy.containers.run("redis", ports={6379: 0}).wait_for(port=6379)
        address, port = server.port(6379)

Loaded by its entry point in every session of pytest, so it imports nothing of the engine before a
fixture is used. See docs/pytest.md.
"""

from __future__ import annotations

import pytest

from cuddy.errors import CuddyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from typing import Any, Unpack

    from cuddy.library.container import Container
    from cuddy.library.engine import Engine, Scope
    from cuddy.library.sandbox import Sandbox
    from cuddy.library.wishes import Wishes

    Fill = Callable[[Sandbox], object]

MARKER = (
    "cuddy(**settings): settings of the containers that a test makes by its fixture `cuddy`, with "
    "the words of cuddy.run: network, memory, cpus, ..."
)
INI = {
    "cuddy_root": ("directory of images and containers, if not the usual one", ""),
    "cuddy_run_root": ("directory of what runs, if not the usual one", ""),
    "cuddy_log_lines": (
        "so many of the last lines of each container go into a failure report",
        "30",
    ),
}
SCOPE = pytest.StashKey["Scope"]()
BEGAN = pytest.StashKey[str]()


def settings(**settings: Unpack[Wishes]) -> pytest.MarkDecorator:
    """`pytest.mark.cuddy(...)` as a type checker knows it."""
    return pytest.mark.cuddy(**settings)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What can stand in pytest.ini, or below [tool.pytest.ini_options]."""
    for name, (text, usual) in INI.items():
        parser.addini(name, text, type="string", default=usual)


def pytest_configure(config: pytest.Config) -> None:
    """The marker is known under --strict-markers."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def cuddy_engine(pytestconfig: pytest.Config) -> Iterator[Engine]:
    """The engine of this session, of the home that the settings `cuddy_root` and `cuddy_run_root`
    name. Override it to have another one. What is made through it stays.
    """
    from cuddy.library.engine import Engine

    roots = (str(pytestconfig.getini(name)) for name in ("cuddy_root", "cuddy_run_root"))
    root, run_root = (str(pytestconfig.rootpath / each) if each else "" for each in roots)
    with Engine(root=root, run_root=run_root) as engine:
        yield engine


@pytest.fixture(scope="session")
def cuddy_session(cuddy_engine: Engine, pytestconfig: pytest.Config) -> Iterator[Scope]:
    """What is made through it goes at the end of the session: a `cuddy.Engine.scope`."""
    with cuddy_engine.scope() as scope:
        pytestconfig.stash[SCOPE] = scope
        yield scope


@pytest.fixture
def cuddy(cuddy_engine: Engine, request: pytest.FixtureRequest) -> Iterator[Scope]:
    """What is made through it goes at the end of the test: a `cuddy.Engine.scope`."""
    wanted: Wishes = {}
    for mark in request.node.iter_markers("cuddy"):
        wanted = {**mark.kwargs, **wanted}  # the nearest one counts
    with cuddy_engine.scope(**wanted) as scope:
        request.node.stash[SCOPE] = scope
        yield scope


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What containers of the session wrote earlier has nothing to do with this test."""
    if "cuddy_session" in getattr(item, "fixturenames", ()):
        from cuddy import files

        item.stash[BEGAN] = files.now()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure is told with the last words of the test's containers."""
    report = yield
    if report.failed and report.when != "teardown":
        count = int(item.config.getini("cuddy_log_lines"))
        if scope := item.stash.get(SCOPE, None):
            report.sections += sections(scope, count, "")
        if (scope := item.config.stash.get(SCOPE, None)) and (began := item.stash.get(BEGAN, "")):
            report.sections += sections(scope, count, began)
    return report


def sections(scope: Scope, count: int, since: str) -> Iterator[tuple[str, str]]:
    """Title and text for each container of a scope, oldest first."""
    try:
        found = scope.containers.list(all=True, filters={"label": f"cuddy.scope={scope.name}"})
        for container in reversed(found):
            yield title(container), words(container, count, since)
    except CuddyError as error:
        yield "containers of cuddy", f"cannot be told: {error}"


def title(container: Container) -> str:
    """Who it is, and how it is."""
    status = container.status
    if status == "exited":
        memory = " for want of memory" if container.attrs["State"]["OOMKilled"] else ""
        status = f"exited with {container.exit_code}{memory}"
    return f"container {container.name} ({container.attrs['Config']['Image']}, {status})"


def words(container: Container, count: int, since: str) -> str:
    """What it wrote last."""
    from cuddy.escape import printable

    try:
        lines = list(container.logs(tail=count, since=since))
    except CuddyError as error:
        return f"no log: {error}"
    return (
        "\n".join(printable(line.text, keep="\t") for line in lines) or "(it has written nothing)"
    )


class Seeds:
    """The sandboxes that are seeds of this session, by the functions that have filled them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._grown: dict[Fill, Sandbox] = {}

    def fork(self, fill: Fill, image: str, settings: Wishes) -> Sandbox:
        """A copy of the seed, which is filled if it is not there yet."""
        from cuddy.library.sandbox import Sandbox

        if fill not in self._grown:
            box = Sandbox(image, engine=self._engine, **settings)
            try:
                fill(box)
                box.snapshot()
            except BaseException:
                box.close()
                raise
            self._grown[fill] = box
        return self._grown[fill].fork()[0]

    def close(self) -> None:
        """Away with them."""
        while self._grown:
            self._grown.popitem()[1].close()


@pytest.fixture(scope="session")
def cuddy_seeds(cuddy_engine: Engine) -> Iterator[Seeds]:
    """What fixtures of `seeded` are forks of."""
    seeds = Seeds(cuddy_engine)
    yield seeds
    seeds.close()


def seeded(image: str, **settings: Unpack[Wishes]) -> Callable[[Fill], Any]:
    """Make a fixture of a function that fills a sandbox: once in a session, with what takes long.
    Each test that uses it has a fork of that, in milliseconds, which goes at its end.
    """

    def make(fill: Fill) -> Any:
        def fork(cuddy_seeds: Seeds) -> Iterator[Sandbox]:
            with cuddy_seeds.fork(fill, image, settings) as box:
                yield box

        fork.__doc__ = fill.__doc__
        return pytest.fixture(name=fill.__name__)(fork)

    return make
