"""What a container uses, reading by reading: each tells of the time since the one before."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import container, containers, stats
from cuddy.errors import NoSuchContainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.stats import Sample


class Series:
    """A container, and the last reading."""

    def __init__(self, home: Home, record: Container) -> None:
        self._home = home
        self._record = record
        self._last: Sample | None = None
        self._when = container.NEVER

    def read(self) -> dict[str, Any]:
        """One more reading, as Docker's API has it. Raises NoSuchContainer."""
        self._record = containers.read(self._home, self._record["Id"])
        found = stats.sample(self._home, self._record, stats.machine())
        when = files.now() if found.usage else container.NEVER
        document = stats.document(self._record, self._last, found, read=when, preread=self._when)
        self._last, self._when = (found, when) if found.usage else (None, container.NEVER)
        return document

    def readings(self, every_s: float) -> Iterator[dict[str, Any]]:
        """One now and one more every so many seconds, until the container is gone. Raises
        NoSuchContainer if it is gone before the first.
        """
        due_s = time.monotonic()
        reading = self.read()
        while True:
            yield reading
            due_s = max(due_s + every_s, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
            try:
                reading = self.read()
            except NoSuchContainer:
                return

    @property
    def is_alive(self) -> bool:
        """Whether the container ran at the last reading."""
        return containers.is_up(self._record)
