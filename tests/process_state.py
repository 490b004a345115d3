"""What a process is besides its memory, as the kernel and Python tell it: to be compared."""

from __future__ import annotations

import locale
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

COUNTED = (
    "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches", "Vm", "Rss", "Hugetlb", "SigQ",
)  # fmt: skip
"""Fields of /proc/PID/status that only count."""


def take() -> dict[str, Any]:
    """Everything about this process that outlasts a request."""
    own = Path("/proc/self")
    status = {}
    for line in (own / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if not name.startswith(COUNTED):
            status[name] = value.split()
    return {
        "status": status,  # ids, powers, umask, signals that are blocked or caught, threads
        "descriptors": descriptors(),
        "namespaces": {each.name: os.readlink(each) for each in (own / "ns").iterdir()},
        "directories": (os.readlink("/proc/self/cwd"), os.readlink("/proc/self/root")),
        "mounts": (own / "mountinfo").read_text(),
        "groups": (own / "cgroup").read_text(),
        "name": (own / "comm").read_text(),
        "oom": (own / "oom_score_adj").read_text(),
        "personality": (own / "personality").read_text(),
        "children": Path(f"/proc/self/task/{os.getpid()}/children").read_text(),
        "limits": {each: resource.getrlimit(each) for each in range(16)},
        "priority": (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)),
        "processors": os.sched_getaffinity(0),
        "session": (os.getsid(0), os.getpgid(0)),
        "timers": [signal.getitimer(each) for each in range(3)],
        "signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
        "environment": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "path": list(sys.path),
        "hooks": (sys.excepthook, sys.gettrace(), sys.getprofile(), sys.getrecursionlimit()),
    }


def descriptors() -> dict[str, str]:
    """What is open, but for the directory that is being read."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            flags = Path(f"/proc/self/fdinfo/{name}").read_text().split("\n")[1]
            found[name] = f"{os.readlink(f'/proc/self/fd/{name}')} {flags}"
        except FileNotFoundError:
            pass
    return found


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is not as it was."""
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}
