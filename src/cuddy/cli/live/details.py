"""What the live view tells of one container beyond its row: what was asked for, and what `explain`
says of it in brief.
"""

from __future__ import annotations

import time

from cuddy.cli.container import ps
from cuddy.engine import containers, explain, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

    Topics = list[tuple[str, list[tuple[str, str, str]]]]

TOPICS = (
    "limits", "network", "namespaces", "users", "mounts", "capabilities", "seccomp",
)  # fmt: skip
"""Of `explain`, the most asked for first. Whose the files are takes too long to find out."""


def gather(home: Home, container_id: str, outside: Mapping[str, int]) -> Topics:
    """Topics, each of rows: what, how it is, and what that means. `outside`: the namespaces of the
    host's side. Raises CuddyError.
    """
    record = containers.find(home, container_id)
    found: Topics = [("container", describe(record))]
    _, topics = explain.explain(home, container_id, outside, TOPICS)
    told = {topic.name: topic for topic in topics}
    for name in TOPICS:
        rows = [(row.thing, row.container, row.note) for row in told[name].rows if row.container]
        found.append((name, rows))
    return found


def describe(record: Container) -> list[tuple[str, str, str]]:
    """What was asked for, and how it is."""
    now_ns = time.time_ns()
    shown = ps.describe(record, now_ns, full=True)
    policy = record["HostConfig"].get("RestartPolicy") or {}
    again = f"{record['RestartCount']} times so far" if record["RestartCount"] else ""
    rows = [
        ("name", shown["Names"], ""),
        ("id", record["Id"][:12], ""),
        ("image", shown["Image"], ""),
        ("command", shown["Command"], ""),
        ("created", shown["CreatedAt"], ""),
        ("status", status.status_text(record["State"], now_ns), record["State"]["Error"]),
        ("restart", policy.get("Name") or "no", again),
        ("ports", shown["Ports"], ""),
        ("networks", shown["Networks"], ""),
        ("mounts", shown["Mounts"], ""),
        ("labels", shown["Labels"], ""),
        *probes(record),
    ]
    return [row for row in rows if row[1]]


def probes(record: Container) -> list[tuple[str, str, str]]:
    """What the last probe of its health found."""
    health = record["State"].get("Health") or {}
    if health.get("Status") in (None, "none"):
        return []
    last = (health.get("Log") or [{}])[-1]
    return [("health", health["Status"], " ".join(str(last.get("Output", "")).split()))]
