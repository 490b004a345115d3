"""On what a sandbox's life depends: the process that owns it, and the time it has to live.

Its monitor keeps both, awake or asleep: nothing else has to be there for the sandbox to end, and
whoever else is killed does not keep it alive. The owner is believed by pid and start time.
"""

from __future__ import annotations

import select

from cuddy.engine import sandboxes, sender
from cuddy.engine.relay import Relay
from cuddy.kernel import process
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.watch import Held

SIGKILL = 9
PAST = 1.0
"""A moment at which nothing was alive yet."""


def hold(record: Container, held: Held) -> Held:
    """What the monitor holds, with what the sandbox's life depends on."""
    ends = record["Sandbox"].get("Ends", 0.0)
    owner = record["Sandbox"].get("Owner") or []
    if not owner or held.owner >= 0:
        return held._replace(ends=ends)
    pidfd = process.open_exact(*owner)
    return held._replace(owner=pidfd, ends=ends if pidfd >= 0 else PAST)


class Tethered(Relay):
    """The loop of a sandbox's monitor: it ends the sandbox when it is time."""

    home: Home
    container_id: str
    owner_fd = -1
    ends = 0.0
    is_cut = False

    def tie(self, home: Home, container_id: str, held: Held) -> None:
        """Depend on what is held."""
        self.home, self.container_id = home, container_id
        self.owner_fd, self.ends = held.owner, held.ends

    def run(self, pidfd: int, *, idle_s: float | None = None) -> bool:
        """As a relay does."""
        while not super().run(pidfd, idle_s=idle_s):
            if not self.is_cut:
                return False
        return True

    def interests(self) -> select.poll:
        """With the owner's end."""
        poll = super().interests()
        if self.owner_fd >= 0 and not self.is_cut:
            poll.register(self.owner_fd, select.POLLIN)
        return poll

    def patience_ms(self, idle_s: float | None) -> float | None:
        """Not longer than the sandbox may live."""
        idle_ms = super().patience_ms(idle_s)
        if not self.ends or self.is_cut:
            return idle_ms
        left_ms = process.poll_ms(self.ends - sandboxes.clock())
        return left_ms if idle_ms is None else min(idle_ms, left_ms or 0)

    def see_to_chores(self) -> None:
        """End the sandbox, if it is time."""
        super().see_to_chores()
        if not self.is_cut and (why := self.why_now()):
            self.is_cut = True
            end(self.home, self.container_id, why)

    def why_now(self) -> str:
        """Why it is time; "" if it is not."""
        if self.ends and sandboxes.clock() >= self.ends:
            return "its owner has ended" if self.ends == PAST else "its time is up"
        if self.owner_fd >= 0:
            poll = select.poll()
            poll.register(self.owner_fd, select.POLLIN)
            if poll.poll(0):
                return "its owner has ended"
        return ""


def end(home: Home, container_id: str, why: str) -> None:
    """Kill all that is in a sandbox, also what is paused."""
    sender.note(home, container_id, SIGKILL, why)
    document = state.read(home.run_root, container_id)
    pidfd = process.open_exact(document["pid"], document["startTime"])
    if pidfd >= 0:
        process.pidfd_send_signal(pidfd, SIGKILL)
    group = Cgroup(document["cgroupPaths"])
    group.kill()
    group.let_die(SIGKILL)
