"""A call from the side of the program: it is made, and what comes back is heard.

`aio/talk.py` is the same for programs with an event loop.
"""

from __future__ import annotations

import _socket
import select
import time

from cuddy.errors import Timeout
from cuddy.kernel import process
from cuddy.library.requests import Answer, Hearing, Said, expect
from cuddy.library.speech import CHUNK_BYTES
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cuddy.library.link import Link
    from cuddy.library.requests import Heard, Request

LEAVE_S = 15.0
"""How long what was begun may take to be taken back."""


class Talk(Closing):
    """A call that has been made. Iterate over what is said; `value` is what it came to."""

    def __init__(self, link: Link, request: Request, fds: Sequence[int] = ()) -> None:
        self._request = request
        self._hearing = Hearing()
        self._early: list[Said] = []  # heard, and not told yet
        self._unsaid = memoryview(request.encode())
        self._deadline_s = None
        if request.timeout_s is not None:
            self._deadline_s = time.monotonic() + request.timeout_s
        self._socket = link.open(fds)
        self._socket.setblocking(False)

    @property
    def value(self) -> object:
        """What the call came to, at its end."""
        return self._hearing.value

    def __iter__(self) -> Iterator[Said]:
        """Raises the error that it ends with; TimeoutError."""
        while self._early:
            yield self._early.pop(0)
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[Said]]:
        """The same, what comes at once at once."""
        while not self._hearing.is_over:
            self._wait()
            if self._unsaid:
                self._say()
            yield self._hear()

    def hear(self, timeout_s: float | None = None) -> Said | None:
        """What is said next; None at the end. Raises Timeout after so many seconds."""
        self._go_on(lambda: not self._early, timeout_s)
        return self._early.pop(0) if self._early else None

    def say(self, data: bytes, timeout_s: float | None = None) -> None:
        """Say more. What is heard meanwhile is kept. Raises Timeout after so many seconds; the rest
        is said with what is said next.
        """
        self._unsaid = memoryview(bytes(self._unsaid) + data)
        self._go_on(lambda: bool(self._unsaid), timeout_s)

    def _go_on(self, is_wanted: Callable[[], bool], timeout_s: float | None) -> None:
        """Say and hear, as long as that is wanted, or until the end."""
        self._deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        try:
            while is_wanted() and not self._hearing.is_over:
                self._wait()
                if self._unsaid:
                    self._say()
                self._early += self._hear()
        except TimeoutError:
            raise Timeout(timeout_s or 0) from None

    def is_quiet(self, within_s: float) -> bool:
        """Whether nothing more is said for so long."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(process.poll_ms(within_s))

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | (select.POLLOUT if self._unsaid else 0))
        left_s = None if self._deadline_s is None else self._deadline_s - time.monotonic()
        if not poll.poll(process.poll_ms(left_s)):
            raise TimeoutError

    def _say(self) -> None:
        try:
            sent = self._socket.send(self._unsaid[:CHUNK_BYTES], _socket.MSG_NOSIGNAL)
            self._unsaid = self._unsaid[sent:]
        except BlockingIOError:
            pass  # there was no room after all
        except OSError:
            self._unsaid = memoryview(b"")  # it listens no more; what it said last is to come

    def _hear(self) -> list[Said]:
        try:
            return self._hearing.feed(self._socket.recv(CHUNK_BYTES))
        except BlockingIOError:
            return []
        except ConnectionResetError:
            return self._hearing.feed(b"")

    def close(self) -> None:
        """Have done with it; if it has not ended, wait until what it has begun is taken back."""
        try:
            if not self._hearing.is_over:
                self._socket.shutdown(_socket.SHUT_WR)
                self._socket.settimeout(LEAVE_S)
                while self._socket.recv(CHUNK_BYTES):
                    pass
        except OSError:
            pass  # it has ended
        self._socket.close()
        self._hearing.is_over = True


def ask(
    link: Link, request: Request, fds: Sequence[int] = (), heard: Heard | None = None
) -> Answer:
    """Make a call and wait for its end. Raises the error that it ends with; Timeout.

    `heard`: who takes its items as they come.
    """
    answer = Answer(request.limit_bytes, heard)
    with Talk(link, request, fds) as talk:
        try:
            for said in talk:
                answer.take(said)
        except TimeoutError:
            raise answer.late(request.timeout_s) from None
        answer.value = talk.value
    return answer


def hold(link: Link, request: Request) -> tuple[Talk, Said]:
    """Make a call that goes on until it is closed, and what it says first."""
    talk = Talk(link, request)
    try:
        return talk, expect(talk.hear(), Said)
    except BaseException:
        talk.close()
        raise


def follow(link: Link, request: Request) -> Iterator[Said]:
    """Make a call and hear what it says piece by piece; whoever stops listening ends it."""
    with Talk(link, request) as talk:
        yield from talk
