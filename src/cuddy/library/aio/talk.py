"""A call from the side of a program with an event loop: `library/talk.py`, waiting by the loop.

To cancel the task that waits is to leave the call: what was begun is taken back before the task
ends.
"""

from __future__ import annotations

import asyncio

from cuddy.errors import Timeout
from cuddy.library.requests import Answer, Hearing, Said, expect
from cuddy.library.speech import CHUNK_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import AsyncIterator, Callable, Sequence

    from cuddy.library.link import Link
    from cuddy.library.requests import Heard, Request

LEAVE_S = 15.0
"""How long what was begun may take to be taken back."""


class Talk:
    """A call that has been made. Iterate over what is said; `value` is what it came to."""

    def __init__(self, sock: _socket.socket, request: Request) -> None:
        import socket

        self._loop = asyncio.get_running_loop()
        self._hearing = Hearing()
        self._early: list[Said] = []  # heard, and not told yet
        self._unsaid = request.encode()
        self._socket = socket.socket(fileno=sock.detach())
        self._socket.setblocking(False)
        self._saying = self._loop.create_task(self._say())
        self._listening: asyncio.Task[None] | None = None

    @property
    def value(self) -> object:
        """What the call came to, at its end."""
        return self._hearing.value

    async def _say(self) -> None:
        try:
            while self._unsaid:
                data, self._unsaid = self._unsaid, b""
                await self._loop.sock_sendall(self._socket, data)
        except OSError:
            pass  # it listens no more; what it said last is to come

    async def __aiter__(self) -> AsyncIterator[Said]:
        """Raises the error that it ends with."""
        while said := await self.hear():
            yield said

    async def _hear(self) -> None:
        try:
            data = await self._loop.sock_recv(self._socket, CHUNK_BYTES)
        except ConnectionResetError:
            data = b""
        self._early += self._hearing.feed(data)

    async def hear(self, timeout_s: float | None = None) -> Said | None:
        """What is said next; None at the end. Raises Timeout after so many seconds."""
        await self._go_on(lambda: not self._early, timeout_s)
        return self._early.pop(0) if self._early else None

    async def say(self, data: bytes, timeout_s: float | None = None) -> None:
        """Say more. What is heard meanwhile is kept. Raises Timeout after so many seconds; the rest
        is said all the same, as it is if the task that waits here is cancelled.
        """
        self._unsaid += data
        if self._saying.done():
            self._saying = self._loop.create_task(self._say())
        await self._go_on(lambda: not self._saying.done(), timeout_s)

    async def _go_on(self, is_wanted: Callable[[], bool], timeout_s: float | None) -> None:
        """Say and hear, as long as that is wanted, or until the end. Any number of tasks may wait
        here; none of them is who says or hears, for they may be cancelled within a word.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while is_wanted() and not self._hearing.is_over:
                    if not self._listening or self._listening.done():
                        self._listening = self._loop.create_task(self._hear())
                    listening = self._listening
                    tasks = {listening} if self._saying.done() else {listening, self._saying}
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    if listening.done():
                        listening.result()
        except TimeoutError:
            raise Timeout(timeout_s or 0) from None

    async def close(self) -> None:
        """Have done with it; if it has not ended, wait until what it has begun is taken back."""
        tasks = [self._saying, *([self._listening] if self._listening else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            if not self._hearing.is_over:
                import socket

                self._socket.shutdown(socket.SHUT_WR)
                async with asyncio.timeout(LEAVE_S):
                    while await self._loop.sock_recv(self._socket, CHUNK_BYTES):
                        pass
        except (OSError, TimeoutError):
            pass  # it has ended, or takes its time
        finally:
            self._socket.close()
            self._hearing.is_over = True


async def begin(link: Link, request: Request, fds: Sequence[int] = ()) -> Talk:
    """Make a call. Only the first waits for anything, and that is the start of a process."""
    if not link.is_open:
        await asyncio.to_thread(link.start)
    return Talk(link.open(fds), request)


async def ask(
    link: Link, request: Request, fds: Sequence[int] = (), heard: Heard | None = None
) -> Answer:
    """Make a call and wait for its end. Raises the error that it ends with; Timeout.

    `heard`: who takes its items as they come.
    """
    answer = Answer(request.limit_bytes, heard)
    talk = await begin(link, request, fds)
    try:
        async with asyncio.timeout(request.timeout_s):
            async for said in talk:
                answer.take(said)
        answer.value = talk.value
        return answer
    except TimeoutError:
        raise answer.late(request.timeout_s) from None
    finally:
        await asyncio.shield(talk.close())


async def hold(link: Link, request: Request) -> tuple[Talk, Said]:
    """Make a call that goes on until it is closed, and what it says first."""
    talk = await begin(link, request)
    try:
        return talk, expect(await talk.hear(), Said)
    except BaseException:
        await asyncio.shield(talk.close())
        raise


async def follow(link: Link, request: Request) -> AsyncIterator[Said]:
    """Make a call and hear what it says piece by piece; whoever stops listening ends it."""
    talk = await begin(link, request)
    try:
        async for said in talk:
            yield said
    finally:
        await asyncio.shield(talk.close())
