"""What begins when it is made."""

from __future__ import annotations


class Beginning:
    """To make one of these is to begin it; `aio/beginning.py` has those that must be awaited."""

    def _made(self) -> None:
        self._begin()

    def _begin(self) -> None:
        """Each class has its own; for one that has begun it does nothing."""
