"""Whether a container that has ended comes back by itself, and after how long: Docker's rules.

    no              never
    always          whenever it ends, unless somebody stopped it
    unless-stopped  the same; after a boot, too, only if nobody had stopped it (boot.py)
    on-failure[:N]  when its exit code is not 0, at most N times in a row

Nothing here does anything: the monitor asks at each end (burial.py), `create` checks what the user
wrote.
"""

from __future__ import annotations

from cuddy.errors import Conflict, InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.burial import End
    from cuddy.engine.container import Status

NO, ALWAYS, ON_FAILURE, UNLESS_STOPPED = "no", "always", "on-failure", "unless-stopped"
FIRST_DELAY_S = 0.1
MAX_DELAY_S = 60.0
STEADY_S = 10.0
"""Who ran that long has got over what made it end: the next delay is the first again."""


def parse(text: str) -> dict[str, Any]:
    """`--restart` as HostConfig's RestartPolicy. Raises InvalidArgument, in Docker's words."""
    name, colon, most = text.partition(":")
    if colon and not name:
        raise refuse("format", "no policy provided before colon")
    try:
        count = int(most) if most else 0
    except ValueError:
        raise refuse("format", "maximum retry count must be an integer") from None
    policy = {"Name": name or NO, "MaximumRetryCount": count}
    check(policy)
    return policy


def check(policy: dict[str, Any]) -> None:
    """Refuse a policy that makes no sense. Raises InvalidArgument."""
    name, most = policy["Name"], policy["MaximumRetryCount"]
    if name not in (NO, ALWAYS, ON_FAILURE, UNLESS_STOPPED):
        known = f"use one of '{NO}', '{ALWAYS}', '{ON_FAILURE}', or '{UNLESS_STOPPED}'"
        raise refuse("", f"unknown policy '{name}'; {known}")
    negative = "cannot be negative" if most < 0 else ""
    if name == ON_FAILURE and negative:
        raise refuse("", f"maximum retry count {negative}")
    if name != ON_FAILURE and most:
        also = f" and {negative}" if negative else ""
        raise refuse("", f"maximum retry count can only be used with '{ON_FAILURE}'{also}")


def check_removal(policy: dict[str, Any], *, auto_remove: bool) -> None:
    """What is removed when it ends cannot come back. Raises Conflict."""
    if auto_remove and policy["Name"] != NO:
        raise Conflict("can't create 'AutoRemove' container with restart policy")


def refuse(what: str, why: str) -> InvalidArgument:
    """The error for a policy."""
    return InvalidArgument(f"invalid restart policy{' ' if what else ''}{what}: {why}")


def delay(policy: dict[str, Any], end: End, status: Status) -> float | None:
    """Seconds until the container is started again; None if it stays as it is."""
    if status.get("StopAskedBy") or not wants(policy, end, status.get("RestartCount", 0)):
        return None
    before = 0.0 if end.ran_s >= STEADY_S else status.get("RestartDelay", 0.0)
    return min(before * 2, MAX_DELAY_S) or FIRST_DELAY_S


def wants(policy: dict[str, Any], end: End, restarts: int) -> bool:
    """Whether the policy is for another life."""
    name, most = policy["Name"], policy.get("MaximumRetryCount", 0)
    if name == ON_FAILURE:
        return end.exit_code != 0 and (not most or restarts < most)
    return name in (ALWAYS, UNLESS_STOPPED)
