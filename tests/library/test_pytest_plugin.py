"""The pytest plugin, in sessions of pytest as users have them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from console import TIME_FACTOR, Cuddy, wait_until

Session = Callable[..., pytest.RunResult]
DEADLINE_S = 120 * TIME_FACTOR
ONE_OF_EACH = """
import pytest

@pytest.fixture(scope="session")
def server(cuddy_session):
    words = ["sh", "-c", "while true; do echo served | nc -l -p 80; echo asked; done"]
    return cuddy_session.containers.run("alpine", words, network="none").wait_for(port=80)

def test_one(cuddy, server):
    box = cuddy.containers.run("alpine", "sleep 1000", network="none")
    assert [each.id for each in cuddy.containers.list()] == [box.id, server.id]

def test_another(cuddy, server):
    assert [each.id for each in cuddy.containers.list()] == [server.id]
    assert cuddy.run("alpine", "echo hi", network="none").stdout == "hi\\n"
"""
LONG = """
def test_long(cuddy, cuddy_session):
    for scope in (cuddy, cuddy_session):
        scope.containers.run("alpine", "sleep 1000", network="none")
    open("ready", "w").close()
    import time
    while True:
        time.sleep(0.1)  # a signal that comes just before it does not end one
"""


@pytest.fixture
def usual(cuddy: Cuddy, monkeypatch: pytest.MonkeyPatch) -> Cuddy:
    """The session's Home is the usual one of programs that are started."""
    for name in ("CUDDY_ROOT", "CUDDY_RUNROOT"):
        monkeypatch.setenv(name, cuddy.environment[name])
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return cuddy


@pytest.fixture
def session(usual: Cuddy, pytester: pytest.Pytester) -> Session:
    """Runs pytest over a text."""

    def run(text: str, *words: str) -> pytest.RunResult:
        pytester.makepyfile(text)
        return pytester.runpytest_subprocess("--strict-markers", *words, timeout=DEADLINE_S)

    return run


def is_clear(cuddy: Cuddy) -> bool:
    return cuddy.ok("ps", "-aq") == ""


def test_containers_go_with_the_test_or_the_session(session: Session, usual: Cuddy) -> None:
    session(ONE_OF_EACH).assert_outcomes(passed=2)
    assert is_clear(usual)


def test_workers_of_xdist_have_sessions_of_their_own(session: Session, usual: Cuddy) -> None:
    text = """
        from pathlib import Path
        import pytest

        @pytest.mark.parametrize("number", range(2))
        def test_it(cuddy, cuddy_session, number):
            for scope in (cuddy, cuddy_session):
                scope.containers.run("alpine", "sleep 1000", network="none")
            names = {each.labels["cuddy.scope"] for each in cuddy.containers.list()}
            assert names >= {cuddy.name, cuddy_session.name}
            Path("HERE", cuddy_session.name).touch()
    """
    session(text.replace("HERE", str(Path.cwd())), "-n2").assert_outcomes(passed=2)
    assert len(list(Path.cwd().glob("*.tmp"))) == 2
    assert is_clear(usual)


def test_a_failure_is_told_with_the_log_of_its_containers(session: Session, usual: Cuddy) -> None:
    result = session("""
        import pytest

        @pytest.fixture(scope="session")
        def server(cuddy_session):
            words = ["sh", "-c", "echo too early; while true; do nc -l -p 80; echo asked; done"]
            box = cuddy_session.containers.run("alpine", words, network="none", name="server")
            return box.wait_for(port=80)

        def test_before(server):
            pass

        def test_it(cuddy, server):
            words = ["sh", "-c", "seq 100; printf '\\\\033[31mred'; exit 3"]
            cuddy.containers.run("alpine", words, network="none", name="box").wait()
            server.exec("nc 127.0.0.1 80", input="", check=True)
            server.wait_for(log="asked")
            assert False

        @pytest.fixture
        def broken(cuddy):
            cuddy.containers.run("alpine", "echo last", network="none").wait_for(port=80)

        def test_setup(broken):
            pass
    """, "-o", "cuddy_log_lines=3")  # fmt: skip
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines([
        "*is not ready and ended with exit code 0: nobody in it listens at port 80/tcp*",
        "*container box (alpine, exited with 3)*", "99", "100", "\\x1b[[]31mred",
        "*container server (alpine, running)*", "asked",
    ])  # fmt: skip
    shown = result.stdout.str()
    assert "too early" not in shown and "\n98\n" not in shown and "\x1b[31mred" not in shown
    assert is_clear(usual)


def test_a_marker_has_settings_for_the_containers_of_a_test(session: Session) -> None:
    result = session("""
        import pytest
        from cuddy.library.pytest_plugin import settings
        pytestmark = pytest.mark.cuddy(network="none", memory="32m")

        @settings(memory="64m")
        def test_it(cuddy):
            box = cuddy.containers.create("alpine")
            assert box.attrs["HostConfig"]["Memory"] == 64 << 20
            assert box.attrs["HostConfig"]["NetworkMode"] == "none"

        @pytest.mark.cuddy(memroy="64m")
        def test_typo(cuddy):
            pass
    """)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*TypeError: a container has no setting 'memroy'*"])


def test_what_the_page_shows_is_so(session: Session) -> None:
    page = Path(__file__).parent.parent.parent / "docs/pytest.md"
    pieces = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.M | re.S)
    result = session("\n".join(pieces))
    assert result.ret == 0 and result.parseoutcomes()["passed"] >= 4


def test_a_seed_is_filled_once_and_each_test_has_its_own(session: Session, usual: Cuddy) -> None:
    result = session("""
        import pytest, time
        from cuddy.library.pytest_plugin import seeded
        FILLED = []

        @seeded("alpine", network="none", memory="64m")
        def data(box):
            "Some data."
            FILLED.append(box.id)
            box.write("/data/one", "1")
            box.exec("sh -c 'for n in $(seq 500); do echo $n >/data/file$n; done'", check=True)

        @seeded("alpine", network="none")
        def broken(box):
            box.exec("false", check=True)

        @pytest.mark.parametrize("number", range(4))
        def test_it(data, number):
            assert data.id not in FILLED and len(FILLED) == 1
            assert data.read("/data/one") == b"1"
            data.write("/data/one", str(number))
            data.exec("rm /data/file7", check=True)
            assert data.attrs["HostConfig"]["Memory"] == 64 << 20

        def test_broken(broken):
            pass
    """)
    result.assert_outcomes(passed=4, errors=1)
    result.stdout.fnmatch_lines(["*CommandFailed: false ended with exit code 1*"])
    assert is_clear(usual)


def test_the_home_may_be_another_one(
    session: Session, usual: Cuddy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CUDDY_ROOT", "CUDDY_RUNROOT"):
        monkeypatch.delenv(name)
    places = ["-o", f"cuddy_root={usual.root}", "-o", f"cuddy_run_root={usual.run_root}"]
    session(ONE_OF_EACH, *places).assert_outcomes(passed=2)


def test_it_can_be_left_out(session: Session) -> None:
    result = session("def test_it(cuddy): pass", "-p", "no:cuddy")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'cuddy' not found*"])


def test_it_costs_nothing_where_it_is_not_used(session: Session) -> None:
    lines = (
        "import sys",
        "def test_it():",
        "    own = {name for name in sys.modules if name.startswith('cuddy')}",
        "    assert own == {'cuddy', 'cuddy.errors', 'cuddy.library',",
        "                   'cuddy.library.pytest_plugin'}",
    )
    session("\n".join(lines)).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGINT, []), (signal.SIGTERM, []), (signal.SIGKILL, []), (signal.SIGKILL, ["-n1"])],
    ids=["interrupted", "terminated", "killed", "killed-with-xdist"],
)
def test_containers_end_with_a_session_that_is_killed(
    usual: Cuddy, pytester: pytest.Pytester, number: signal.Signals, words: list[str]
) -> None:
    path = pytester.makepyfile(LONG)
    command = [sys.executable, "-m", "pytest", "-q", *words, str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        wait_until(Path("ready").exists, 60)
        os.kill(process.pid, number)
        process.wait(DEADLINE_S)
    wait_until(lambda: is_clear(usual), 60, what="containers left")
