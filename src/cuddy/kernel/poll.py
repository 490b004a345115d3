"""Waiting for many descriptors at once, and for times: epoll(7).

A process that serves many is a `Poll` and functions that it calls: `watch` says what is called when
a descriptor can be read (or written), `after` what is called when a time has passed. Whatever is
called must not wait itself. Descriptors take turns, however busy one of them is.
"""

from __future__ import annotations

import heapq
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Action = Callable[[], None]

EVENTS_AT_ONCE = 64


class Timer:
    """A time to come; `cancel` it if nothing is to happen then."""

    def __init__(self, due: float, action: Action | None) -> None:
        self.due = due
        self.action = action

    def cancel(self) -> None:
        """Nothing happens."""
        self.action = None

    def __lt__(self, other: Timer) -> bool:
        return self.due < other.due


class Poll:
    """Descriptors and times, and what to do about them; one epoll descriptor until `close`.

    A child that is forked has to `close` its copy and make another: the kernel's part is shared.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._actions: dict[int, Action] = {}
        self._timers: list[Timer] = []

    def watch(self, fd: int, action: Action, *, writing: bool = False) -> None:
        """Have `action` called whenever a descriptor can be read, or written. Raises OSError."""
        events = select.EPOLLOUT if writing else select.EPOLLIN
        if fd in self._actions:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
        self._actions[fd] = action

    def forget(self, fd: int) -> None:
        """No more of a descriptor: before it is closed, as others may have it open too."""
        if self._actions.pop(fd, None) and not self._epoll.closed:
            self._epoll.unregister(fd)

    def after(self, delay_s: float, action: Action) -> Timer:
        """Have `action` called once, after a while."""
        timer = Timer(time.monotonic() + delay_s, action)
        heapq.heappush(self._timers, timer)
        return timer

    def turn(self) -> None:
        """Wait until something happens, and do what is to be done then."""
        ready = self._epoll.poll(self._patience_s(), EVENTS_AT_ONCE)
        for fd, action in [(fd, self._actions.get(fd)) for fd, _ in ready]:
            # What came before may have closed it, and its number may be another one's by now.
            if action and self._actions.get(fd) is action:
                action()
        now = time.monotonic()
        while self._timers and self._timers[0].due <= now:
            action = heapq.heappop(self._timers).action
            if action:
                action()

    def _patience_s(self) -> float:
        while self._timers and not self._timers[0].action:
            heapq.heappop(self._timers)
        return max(0, self._timers[0].due - time.monotonic()) if self._timers else -1

    def close(self) -> None:
        """Give the descriptor back; nothing is called any more."""
        self._epoll.close()
        self._actions.clear()
        self._timers.clear()
