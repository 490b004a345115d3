"""The streams of a container that runs, as a program has them: what it writes and reads.

Made of `library/attached.py` by tests/make_aio.py.
"""

from __future__ import annotations

from cuddy.engine import frames
from cuddy.errors import Conflict
from cuddy.library.aio import talk
from cuddy.library.aio.closing import Closing
from cuddy.library.requests import Request, expect, input_frames
from cuddy.library.values import Piece

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cuddy.library.link import Link


class Attached(Closing):
    """Made by `Container.attach`. Iterate over what it writes from then on, until it has ended. To
    close it is to leave: the container goes on, and its input stays open for others.

    What it writes while this writes is kept until it is read.
    """

    def __init__(self, held: talk.Talk, *, has_input: bool, has_terminal: bool) -> None:
        self._held = held
        self._has_input = has_input
        self._has_terminal = has_terminal

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

    async def write(self, data: str | bytes, *, timeout: float | None = None) -> None:
        """Let it read that. Waits while it does not, for so many seconds: then Timeout, and what
        was not sent yet goes along with what is written next. For one that has ended it is dropped.

        Raises Conflict if it was not made `interactive`, or after `close_input`.
        """
        self._check_input()
        await self._held.say(
            input_frames(data.encode() if isinstance(data, str) else data), timeout
        )

    async def close_input(self) -> None:
        """No more is written: it reads the end of its input, once and for all. Raises Conflict as
        `write` does, and for a terminal, whose input has no end: write "\\x04", which is Ctrl-D.
        """
        self._check_input()
        if self._has_terminal:
            hint = r"write '\x04', which is Ctrl-D"
            raise Conflict("the input of a terminal has no end", hint=hint)
        self._has_input = False
        await self._held.say(frames.encode(frames.CLOSE_STDIN))

    async def resize(self, rows: int, columns: int) -> None:
        """Its terminal is that large now. Raises Conflict if it has none."""
        if not self._has_terminal:
            raise Conflict("the container has no terminal", hint="make it with tty=True")
        await self._held.say(frames.encode(frames.RESIZE, frames.WINDOW.pack(rows, columns)))

    async def close(self) -> None:
        """Leave; the container goes on."""
        await self._held.close()

    def _check_input(self) -> None:
        if not self._has_input:
            hint = "make it with interactive=True, and write before you close"
            raise Conflict("the container has no input", hint=hint)


async def attach(link: Link, container_id: str) -> Attached:
    """Join the streams of a container."""
    held, first = await talk.hold(link, Request("attach", {"name": container_id}))
    has_input, has_terminal = expect(first.value, list)
    return Attached(held, has_input=has_input, has_terminal=has_terminal)
