"""What `make test-vm` runs inside its machine: pytest, with results that are told as they come.

    python tests/vm_inside.py [--limit=SECONDS] [PYTEST ARGUMENT...]

Two sessions take the files from one queue (`shares.py`). A file's result is told as soon as it is
known, and a failure at once, so that a run that is broken off has results too. A test that makes no
progress for so long is shown (where each of its threads is), killed, and counted as hung; other
sessions go on behind it.

Loaded by pytest as a plugin, this module writes down which test begins and how it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import isolation

REPORT = "CUDDY_TESTS_REPORT"
"""Where the plugin writes to: lines of JSON, [session, test, "begun", "ended" or outcome, text]."""
LIMIT_S = 900
"""How long a test may take; `--limit` says otherwise."""
RESULT = "cuddy-vm: result "
BAD = ("failed", "hung")
SYSTEMD = ("tests/runtime/test_systemd.py", "tests/api/test_units.py")
"""Run twice: the first time with systemd itself."""
SESSIONS = "2"


def pytest_runtest_logstart(nodeid: str) -> None:
    note(nodeid, "begun")


def pytest_runtest_logfinish(nodeid: str) -> None:
    note(nodeid, "ended")


def pytest_runtest_logreport(report: object) -> None:
    nodeid, when, outcome, text = (
        getattr(report, name) for name in ("nodeid", "when", "outcome", "longrepr")
    )
    if outcome == "skipped" and isinstance(text, tuple):
        text = text[2]
    if when == "call" or outcome != "passed":
        note(nodeid, outcome, str(text or ""))


def note(test: str, outcome: str, text: str = "") -> None:
    with open(os.environ[REPORT], "a") as file:
        file.write(json.dumps([isolation.name(), test, outcome, text]) + "\n")


class Results:
    """Outcomes by test; a file's are told when its session begins a test of another one."""

    def __init__(self, kind: str = "") -> None:
        self.kind = kind
        self.outcomes: dict[str, str] = {}
        self.running: dict[str, str] = {}
        self._files: dict[str, str] = {}
        self._untold: dict[str, float] = {}
        self._heard: dict[str, float] = {}

    def take(self, session: str, test: str, event: str, text: str) -> None:
        """One line of the plugin's."""
        self._heard[session] = time.monotonic()
        if event == "begun":
            file = test.partition("::")[0]
            before = self._files.get(session, file)
            if before != file and before in self._untold:
                self.tell(before)
            self._files[session], self.running[session] = file, test
            self._untold.setdefault(file, time.monotonic())
        elif event == "ended":
            self.running.pop(session, None)
        elif self.outcomes.get(test) not in BAD:
            self.outcomes[test] = event
            if event != "passed":
                say(f"{event} {test}\n{text}")

    def stuck(self, limit: int) -> list[str]:
        """Tests of which nothing has been heard for so long."""
        since = time.monotonic() - limit
        return [test for session, test in self.running.items() if self._heard[session] < since]

    def give_up(self, tests: list[str], output: str) -> None:
        """Count these as hung; what else ran has been killed with them, and is to run again."""
        for test in tests:
            self.outcomes[test] = "hung"
            say(f"hung {test}\n{output}")
        self.running.clear()
        self._files.clear()

    def tell_all(self) -> None:
        for file in list(self._untold):
            self.tell(file)

    def tell(self, file: str) -> None:
        """How the tests of a file have ended that is done now."""
        own = {test: how for test, how in self.outcomes.items() if test.startswith(file + "::")}
        counts = Counter(own.values())
        numbers = " ".join(f"{how}={counts[how]}" for how in ("passed", "skipped", *BAD))
        seconds = time.monotonic() - self._untold.pop(file)
        say(f"{RESULT}{file}{self.kind} {numbers} seconds={seconds:.0f}")
        for test, how in own.items():
            if how in BAD:
                say(f"{RESULT}{how} {test}")


def say(text: str) -> None:
    print(text, flush=True)


def main(words: list[str]) -> int:
    limit = LIMIT_S
    if words and words[0].startswith("--limit="):
        limit = int(words.pop(0).removeprefix("--limit="))
    code = run_systemds(words, limit)
    return max(code, run(words, limit, Results()))


def run_systemds(words: list[str], limit: int) -> int:
    """With systemd itself, what else runs with one of ours, if it is among the words."""
    others = [word for word in words if not Path(word.partition("::")[0]).exists()]
    about = []
    for file in SYSTEMD:
        named = [word for word in words if file.startswith(word.partition("::")[0].rstrip("/"))]
        about += [word for word in named if "::" in word] or [file] * bool(named)
    if not about:
        return 0
    os.environ["CUDDY_TESTS_SYSTEMD"] = "1"
    try:
        return run([*about, *others], limit, Results("@systemd"))
    finally:
        del os.environ["CUDDY_TESTS_SYSTEMD"]


def run(words: list[str], limit: int, results: Results) -> int:
    """Run pytest to its end, however many tests hang; its exit code."""
    with tempfile.TemporaryDirectory() as directory:
        report, output = Path(directory, "report"), Path(directory, "output")
        while True:
            done = Path(directory, "done")
            done.write_text("\n".join(f"--deselect={test}" for test in results.outcomes))
            report.write_text("")
            code = run_session([*words, f"@{done}"], report, output, results, limit)
            if not results.running:
                break
            stuck = results.stuck(limit) or list(results.running.values())
            results.give_up(stuck, output.read_text(errors="replace")[-8000:])
        results.tell_all()
        say(output.read_text(errors="replace")[-2000:])
    return code if not set(BAD) & set(results.outcomes.values()) else 1


def run_session(words: list[str], report: Path, output: Path, results: Results, limit: int) -> int:
    """Run pytest to its end, or to the test that hangs; its exit code."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "vm_inside", "--color=no", "--tb=short",
               "-o", f"faulthandler_timeout={limit}", *words]  # fmt: skip
    # Those that systemd may start belong to no session's namespaces: one at a time.
    sessions = "1" if results.kind else SESSIONS
    with output.open("wb") as file, report.open() as lines:
        session = subprocess.Popen(
            command, env=os.environ | {REPORT: str(report), "CUDDY_TESTS_SESSIONS": sessions},
            start_new_session=True, stdout=file, stderr=file,
        )  # fmt: skip
        fd = os.pidfd_open(session.pid)
        is_done = False
        while not is_done:
            is_done = bool(select.select([fd], [], [], 2)[0])
            for line in lines:
                results.take(*json.loads(line))
            is_silent = time.time() - report.stat().st_mtime > limit + 60
            if is_silent or results.stuck(limit + 60):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(session.pid, signal.SIGKILL)
        os.close(fd)
        return session.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
