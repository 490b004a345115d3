"""Who ended a container: what can be told of an exit code, a signal and who sent it."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import exit_report
from cuddy.engine.exit_report import Facts

LIMIT = 64 << 20
STOP = [{"By": "cuddy stop", "Signal": 15}]
STOP_TWICE = [*STOP, {"By": "cuddy stop", "Signal": 9, "AfterSeconds": 10}]
KILL = [{"By": "cuddy kill", "Signal": 9}]


def facts(**changes: Any) -> Facts:
    usual = Facts(0, 0, has_init=False, oom_kills=0, memory_limit_bytes=LIMIT, sent=[])
    return usual._replace(**changes)


@pytest.mark.parametrize(
    ("given", "cause", "words"),
    [
        ({}, "exit", "exited with 0"),
        ({"exit_code": 3}, "exit", "exited with 3"),
        ({"exit_code": 137}, "exit", "exited with 137"),
        ({"sent": STOP}, "exit", "exited with 0 after SIGTERM (cuddy stop)"),
        ({"signal": 15, "sent": STOP}, "signal", "killed by SIGTERM (cuddy stop)"),
        ({"signal": 9, "sent": STOP_TWICE}, "signal", "killed by SIGKILL (cuddy stop after 10 s)"),
        ({"signal": 9, "sent": KILL}, "signal", "killed by SIGKILL (cuddy kill)"),
        ({"signal": 9}, "signal", "killed by SIGKILL from outside cuddy"),
        ({"signal": 9, "sent": STOP}, "signal", "killed by SIGKILL from outside cuddy"),
        ({"signal": 34}, "signal", "killed by SIGRTMIN from outside cuddy"),
        ({"signal": 40}, "signal", "killed by SIGRTMIN+6 from outside cuddy"),
        ({"signal": 11}, "fault", "crashed with SIGSEGV"),
        ({"signal": 11, "sent": [{"By": "cuddy kill", "Signal": 11}]}, "signal",
         "killed by SIGSEGV (cuddy kill)"),
        ({"signal": 9, "oom_kills": 1}, "memory",
         "killed for want of memory: the limit is 64 MiB"),
        ({"signal": 9, "oom_kills": 1, "memory_limit_bytes": 0}, "memory",
         "killed for want of memory: the machine had none left"),
        ({"exit_code": 1, "oom_kills": 2}, "exit",
         "exited with 1, 2 processes killed for want of memory"),
        ({"signal": 9, "oom_kills": 1, "sent": KILL}, "signal",
         "killed by SIGKILL (cuddy kill), 1 process killed for want of memory"),
        ({"exit_code": 143, "has_init": True, "sent": STOP}, "signal",
         "killed by SIGTERM (cuddy stop)"),
        ({"exit_code": 137, "has_init": True, "oom_kills": 1}, "memory",
         "killed for want of memory: the limit is 64 MiB"),
        ({"exit_code": 137, "has_init": True}, "signal",
         "killed by SIGKILL (no command of cuddy sent it)"),
        ({"exit_code": 255, "has_init": True}, "exit", "exited with 255"),
    ],
)  # fmt: skip
def test_who_ended_it(given: dict[str, Any], cause: str, words: str) -> None:
    report = exit_report.decide(facts(**given))
    assert (report["Cause"], report["Summary"]) == (cause, words)


def test_the_line_tells_what_was_counted() -> None:
    report: Any = exit_report.decide(facts(signal=9, sent=STOP_TWICE)) | {
        "MemoryPeak": int(12.3 * (1 << 20)), "MemoryLimit": LIMIT, "CPUNs": 420_000_000,
        "CPUThrottledNs": 1_200_000_000, "WallNs": 123_400_000_000,
    }  # fmt: skip
    assert exit_report.line(report) == (
        "killed by SIGKILL (cuddy stop after 10 s) · peak 12.3 MiB of 64 MiB · 0.42 CPU s · "
        "ran 123 s · throttled 1.20 s"
    )
    assert exit_report.line(exit_report.decide(facts())) == "exited with 0"


def test_what_is_not_counted_is_not_told() -> None:
    assert exit_report.used({}) == {}
    used = exit_report.used({"cpu_ns": 5, "memory_peak_bytes": 7, "pids_peak": 2})
    assert used == {"CPUNs": 5, "MemoryPeak": 7, "PidsPeak": 2}
