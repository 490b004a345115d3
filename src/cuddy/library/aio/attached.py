"""The streams of a container that runs, as a program has them: what it writes and reads.

Made of `library/attached.py` by tests/make_aio.py.
"""

from __future__ import annotations

from cuddy.engine import frames
from cuddy.library.aio import talk
from cuddy.library.aio.closing import Closing
from cuddy.library.requests import Request
from cuddy.library.values import Piece

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cuddy.library.link import Link

INPUT_BYTES = 1 << 16


class Attached(Closing):
    """Made by `Container.attach`. Iterate over what it writes from then on, until it has ended. To
    close it is to leave: the container goes on.
    """

    def __init__(self, held: talk.Talk) -> None:
        self._held = held

    @property
    def exit_code(self) -> int | None:
        """How the container has ended, once all is read; None before, or if nobody knows."""
        value = self._held.value
        return value.get("ExitCode") if isinstance(value, dict) else None

    async def read(self, *, timeout: float | None = None) -> Piece | None:
        """What it writes next; None when it has ended. Raises Timeout after so many seconds."""
        said = await self._held.hear(timeout)
        return Piece.of(said) if said else None

    async def __aiter__(self) -> AsyncGenerator[Piece, None]:
        while piece := await self.read():
            yield piece

    async def write(self, data: str | bytes) -> None:
        """Let it read that, if it was made `interactive`. Waits as long as it takes no more."""
        view = memoryview(data.encode() if isinstance(data, str) else data)
        for start in range(0, len(view), INPUT_BYTES):
            chunk = bytes(view[start : start + INPUT_BYTES])
            await self._held.say(frames.encode(frames.STDIN, chunk))

    async def close_input(self) -> None:
        """It reads the end of its input, if its option `stdin_once` is set."""
        await self._held.say(frames.encode(frames.CLOSE_STDIN))

    async def resize(self, rows: int, columns: int) -> None:
        """Its terminal, if it has one, is that large now."""
        await self._held.say(frames.encode(frames.RESIZE, frames.WINDOW.pack(rows, columns)))

    async def close(self) -> None:
        """Leave; the container goes on."""
        await self._held.close()


async def attach(link: Link, container_id: str) -> Attached:
    """Join the streams of a container."""
    held, _ = await talk.hold(link, Request("attach", {"name": container_id}))
    return Attached(held)
