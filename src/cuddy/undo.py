"""Undo written next to do: what has been done so far is undone if the block fails.

The few lines of `contextlib.ExitStack` that cuddy uses; importing contextlib costs the start of a
container three milliseconds.
"""

from __future__ import annotations

import _signal
import os

from cuddy.errors import CuddyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self


class Undo:
    """A stack of steps to take back, last first, when the `with` block ends by an exception.

        with Undo() as undo:
            address = ipam.lease(network, container_id)
            undo.add(ipam.release, network, container_id)
            ...

    Leaving the block normally keeps everything. A step that fails does not stop the others.
    """

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def add(self, step: Callable[..., object], *arguments: object, **options: object) -> None:
        """Remember `step(*arguments, **options)`."""
        self._steps.append(lambda: step(*arguments, **options))

    def run(self) -> None:
        """Take every step, last first; OSError and CuddyError of one do not stop the next.

        Another Ctrl-C does not either: it waits until all is taken back.
        """
        with Shield():
            while self._steps:
                try:
                    self._steps.pop()()
                except (OSError, CuddyError):
                    pass

    def __enter__(self) -> Undo:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.run()
        self._steps.clear()


class Closing:
    """What `with` closes at the end of its block, however that ends."""

    def close(self) -> None:
        """Give back what is held; each class has its own."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Shield:
    """Inside `with`, what asks the program to end has to wait: SIGHUP, SIGINT, SIGTERM; and SIGIO,
    by which the API hears that a client has left.
    """

    SIGNALS = (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM, _signal.SIGIO)

    def __init__(self) -> None:
        self._before: set[int] = set()

    def __enter__(self) -> Shield:
        try:
            self._before = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
            _signal.pthread_sigmask(_signal.SIG_BLOCK, self.SIGNALS)
        except (KeyboardInterrupt, SystemExit):
            # One that came just before: the program is on its way out already.
            _signal.pthread_sigmask(_signal.SIG_BLOCK, self.SIGNALS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self._before)


def close_all(descriptors: dict[Any, int]) -> None:
    """Close what is still there, each once, however often this is called."""
    while descriptors:
        os.close(descriptors.popitem()[1])
