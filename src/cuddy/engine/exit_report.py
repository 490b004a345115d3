"""The exit report: who ended a container, and what it had used. Ours, not Docker's.

The monitor makes it at the end of each life from what it knows anyway and three or four small files
of the control groups; it stands in status.json, in `inspect`, and on a line of `ps -a --report`.
"""

from __future__ import annotations

from cuddy.engine import sender, signals
from cuddy.errors import NoSuchContainer
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state
from cuddy.shapes import NamedTuple, TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.burial import End
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.sender import Sent
    from cuddy.kernel.cgroup_stats import Stats

SIGKILL = 9
FAULTS = (4, 5, 6, 7, 8, 11, 31)
"""SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS: a program's own doing."""
MIB = 1 << 20


class ExitReport(TypedDict, total=False):
    """How the last life of a container ended. What nothing on this host counts is not there."""

    Cause: str  # exit, signal, fault, memory, monitor, machine
    Summary: str  # in words
    Sender: str  # which command sent the signal, "" if it was none of ours
    Signal: str  # that ended it, "" if it ended by itself
    ExitCode: int
    OOMKills: int  # processes killed for want of memory
    WallNs: int
    CPUNs: int
    CPUPeriods: int  # of a CPU limit; in so many of them it was held back, in all for so long
    CPUThrottledPeriods: int
    CPUThrottledNs: int
    MemoryPeak: int  # bytes
    MemoryLimit: int  # bytes, 0 without
    PidsPeak: int


class Facts(NamedTuple):
    """All that a report is made of. `signal`: that ended the container's first process, or 0."""

    exit_code: int
    signal: int
    has_init: bool
    oom_kills: int
    memory_limit_bytes: int
    sent: list[Sent]


def of_life(
    home: Home, record: Container, group: Cgroup, end: End, signal: int, oom_kills: int
) -> ExitReport:
    """The report on a life that its monitor saw end. The group is still there."""
    host_config = record["HostConfig"]
    facts = Facts(
        end.exit_code, signal, bool(host_config.get("Init")), oom_kills,
        host_config.get("Memory") or 0, sender.take(home, record["Id"]),
    )  # fmt: skip
    throttling = bool(host_config.get("NanoCpus") or host_config.get("CpuQuota"))
    spent = used(measure(group, throttling=throttling))
    spent["WallNs"] = int(end.ran_s * 1e9)
    spent["MemoryLimit"] = facts.memory_limit_bytes
    return decide(facts) | spent


def of_remains(home: Home, container_id: str, exit_code: int, why: str) -> ExitReport:
    """The report on a life whose monitor is gone: `why` it is. Before what is left is cleared."""
    report: ExitReport = {
        "Cause": "machine" if "machine" in why else "monitor", "Summary": why, "Sender": "",
        "Signal": "", "ExitCode": exit_code, "OOMKills": 0,
    }  # fmt: skip
    if report["Cause"] == "machine":
        return report
    try:
        group = Cgroup(state.read(home.run_root, container_id)["cgroupPaths"])
    except (NoSuchContainer, OSError, ValueError, KeyError):
        return report
    return report | used(measure(group, throttling=True))


def measure(group: Cgroup, *, throttling: bool) -> Stats:
    """What a group has used; nothing if it cannot be read, for an end must be written down."""
    try:
        return group.spent(throttling=throttling)
    except (OSError, ValueError):
        return {}


def decide(facts: Facts) -> ExitReport:
    """Who ended it. Pure."""
    signal = facts.signal
    if not signal and facts.has_init and 128 < facts.exit_code < 128 + 65:
        signal = facts.exit_code - 128  # the small init tells how its child ended
    name = signals.name(signal) if signal else ""
    last = next((each for each in reversed(facts.sent) if each["Signal"] == signal), None)
    by = last["By"] if last else ""
    if last and last.get("AfterSeconds"):
        by += f" after {last['AfterSeconds']:g} s"
    if not signal:
        cause, words, by = _own_exit(facts)
    elif signal == SIGKILL and facts.oom_kills and not last:
        cause, words = "memory", _want_of_memory(facts.memory_limit_bytes)
    elif last:
        cause, words = "signal", f"killed by {name} ({by})"
    elif signal in FAULTS:
        cause, words = "fault", f"crashed with {name}"
    elif facts.signal:
        cause, words = "signal", f"killed by {name} from outside cuddy"
    else:  # below the small init: perhaps by a neighbour
        cause, words = "signal", f"killed by {name} (no command of cuddy sent it)"
    if facts.oom_kills and cause != "memory":
        words += f", {_count(facts.oom_kills)} killed for want of memory"
    return {
        "Cause": cause, "Summary": words, "Sender": by, "Signal": name,
        "ExitCode": facts.exit_code, "OOMKills": facts.oom_kills,
    }  # fmt: skip


def _own_exit(facts: Facts) -> tuple[str, str, str]:
    """It ended by itself, perhaps because it was asked to: cause, words, who asked."""
    words = f"exited with {facts.exit_code}"
    if not facts.sent:
        return "exit", words, ""
    last = facts.sent[-1]
    return "exit", f"{words} after {signals.name(last['Signal'])} ({last['By']})", last["By"]


def _want_of_memory(limit_bytes: int) -> str:
    if limit_bytes:
        return f"killed for want of memory: the limit is {mebibytes(limit_bytes)}"
    return "killed for want of memory: the machine had none left"


def _count(processes: int) -> str:
    return "1 process" if processes == 1 else f"{processes} processes"


def used(spent: Stats) -> ExitReport:
    """What it used, as far as it was counted. Pure."""
    found: ExitReport = {}
    if "cpu_ns" in spent:
        found["CPUNs"] = spent["cpu_ns"]
    if "periods" in spent:
        found["CPUPeriods"] = spent["periods"]
        found["CPUThrottledPeriods"] = spent["throttled_periods"]
        found["CPUThrottledNs"] = spent["throttled_ns"]
    if "memory_peak_bytes" in spent:
        found["MemoryPeak"] = spent["memory_peak_bytes"]
    if "pids_peak" in spent:
        found["PidsPeak"] = spent["pids_peak"]
    return found


def line(report: ExitReport) -> str:
    """The report on one line: killed by SIGKILL (cuddy stop after 10 s) · peak 12.3 MiB · ..."""
    parts = [report["Summary"]]
    if "MemoryPeak" in report:
        limit = report.get("MemoryLimit")
        of = f" of {mebibytes(limit)}" if limit else ""
        parts.append(f"peak {mebibytes(report['MemoryPeak'])}{of}")
    if "CPUNs" in report:
        parts.append(f"{_seconds(report['CPUNs'])} CPU s")
    if "WallNs" in report:
        parts.append(f"ran {_seconds(report['WallNs'])} s")
    if report.get("CPUThrottledNs"):
        parts.append(f"throttled {_seconds(report['CPUThrottledNs'])} s")
    return " · ".join(parts)


def mebibytes(size_bytes: int) -> str:
    """Memory as the report tells it."""
    return f"{size_bytes / MIB:.1f}".removesuffix(".0") + " MiB"


def _seconds(nanoseconds: int) -> str:
    """Two places of what is short, whole seconds of what is long."""
    seconds = nanoseconds / 1e9
    return (
        f"{seconds:.2f}"
        if seconds < 10
        else f"{seconds:.1f}"
        if seconds < 100
        else f"{seconds:.0f}"
    )
