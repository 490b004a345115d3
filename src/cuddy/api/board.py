"""Who serves whom, in memory that a server shares with its workers: a number for each of them.

A worker writes its own, the server what a new one begins with and what a dead one leaves. Numbers
are written whole, so nobody waits for a lock; who reads may be late by one change, never wrong.
"""

from __future__ import annotations

import mmap
import time

from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.connection import Peer

VACANT, FREE, TAKEN = -3, -2, -1
"""No worker, one that waits, one to whom somebody has come just now. From 0 on: whose connection
it has."""
REMOTE = 1 << 32
"""From here on it is an address instead of a user."""
NUMBER_BYTES = 8
PLACES, ENDED = 0, 1
"""Before the workers' numbers: how many there are, and when a connection has last ended."""
FIRST = 2


class Count(NamedTuple):
    """What the board says at one moment."""

    free: int
    busy: int
    owners: list[int]

    def of(self, owner: int) -> int:
        """How many connections an owner has."""
        return self.owners.count(owner)

    @property
    def remote(self) -> int:
        """How many connections there are by TCP."""
        return sum(owner >= REMOTE for owner in self.owners)


class Board:
    """Room for so many workers."""

    def __init__(self, room: int) -> None:
        self._memory = mmap.mmap(-1, (FIRST + room) * NUMBER_BYTES)
        self._numbers = memoryview(self._memory).cast("q")
        self._room = room
        self.note_end()

    def find_place(self) -> int | None:
        """Where a new worker may write; it is free already. None: there is no room."""
        used = self._numbers[PLACES]
        for place in range(FIRST, FIRST + min(used + 1, self._room)):
            if place == FIRST + used:
                self._numbers[place] = VACANT
                self._numbers[PLACES] = used + 1
            if self._numbers[place] == VACANT:
                self._numbers[place] = FREE
                return place
        return None

    def set(self, place: int, number: int) -> None:
        """What a worker does now."""
        self._numbers[place] = number

    def count(self) -> Count:
        """Who does what."""
        numbers = self._numbers[FIRST : FIRST + self._numbers[PLACES]].tolist()
        free = numbers.count(FREE)
        return Count(free, len(numbers) - free - numbers.count(VACANT), numbers)

    def is_free(self, place: int) -> bool:
        """Whether the worker of a place waits, or has until its end."""
        return bool(self._numbers[place] == FREE)

    def vacate(self, place: int) -> None:
        """The worker of a place has ended, with the connection it may have had."""
        if not self.is_free(place):
            self.note_end()
        self._numbers[place] = VACANT

    def note_end(self) -> None:
        """A connection has ended now."""
        self._numbers[ENDED] = time.monotonic_ns()

    @property
    def ended_s(self) -> float:
        """When one last did."""
        return self._numbers[ENDED] / 10**9

    def close(self) -> None:
        """Look at it no more."""
        self._numbers.release()
        self._memory.close()


def owner(peer: Peer) -> int:
    """Whose connections count together: a user's, or those from one address."""
    return REMOTE + hash(peer.address) % (1 << 32) if peer.address else peer.uid
