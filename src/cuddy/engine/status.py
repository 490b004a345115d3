"""How a container's state reads to people: `Up 5 minutes`, `Exited (0) 2 hours ago`.

The words are docker/go-units' and moby's, which scripts look for.
"""

from __future__ import annotations

from cuddy import files
from cuddy.engine.container import NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import State

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_LONGEST_S = ((1 << 63) - 1) / 1e9
"""292 years, Go's longest duration."""


def duration_text(seconds: float) -> str:
    """A duration in the one unit that fits it."""
    seconds = min(seconds, _LONGEST_S)
    whole = int(seconds)
    hours = int(seconds / _HOUR + 0.5)
    if whole < 1:
        return "Less than a second"
    if whole < _MINUTE:
        return "1 second" if whole == 1 else f"{whole} seconds"
    if whole < _HOUR:
        return "About a minute" if whole < 2 * _MINUTE else f"{whole // _MINUTE} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    days = hours // 24
    if days < 14:
        return f"{days} days"
    if days < 60:
        return f"{days // 7} weeks"
    if days < 730:
        return f"{days // 30} months"
    return f"{whole // _DAY // 365} years"


def ago(stamp: str, now_ns: int) -> str:
    """How long before now a time was."""
    return ago_ns(files.parse_time(stamp), now_ns)


def ago_ns(stamp_ns: int, now_ns: int) -> str:
    """The same of nanoseconds since the epoch."""
    return duration_text((now_ns - stamp_ns) / 1e9) + " ago"


def status_text(state: State, now_ns: int) -> str:
    """The STATUS column of `ps`."""
    if state.get("Restarting"):
        return f"Restarting ({state['ExitCode']}) {ago(state['FinishedAt'], now_ns)}"
    if state["Running"]:
        up = duration_text((now_ns - files.parse_time(state["StartedAt"])) / 1e9)
        return f"Up {up}{_remark(state)}"
    if state["Status"] == "removing":
        return "Removal In Progress"
    if state.get("Dead"):
        return "Dead"
    if state["StartedAt"] == NEVER or state["FinishedAt"] == NEVER:
        return "Created"
    return f"Exited ({state['ExitCode']}) {ago(state['FinishedAt'], now_ns)}"


def _remark(state: State) -> str:
    """What is particular about a container that runs; docker tells no health of a paused one."""
    if state.get("Paused"):
        return " (Paused)"
    health = (state.get("Health") or {}).get("Status") or "none"
    if health == "none":
        return ""
    return " (health: starting)" if health == "starting" else f" ({health})"
