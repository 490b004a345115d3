"""The client for whom a container runs: with it the container ends.

Its socket is that of a call (`library/speech.py`), whose last word has a form of its own.
"""

from __future__ import annotations

import select

from cuddy.engine.relay_client import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable

    from cuddy.engine.frames import Decoder, Frame


class Owner(Client):
    """`decoder`, `unread`: as far as somebody has read the socket already. `answer_of`: makes the
    last word of the container's outcome.
    """

    def __init__(
        self, socket: _socket.socket, wants: int, decoder: Decoder, unread: list[Frame],
        answer_of: Callable[[dict[str, object]], bytes],
    ) -> None:  # fmt: skip
        super().__init__(socket)
        self.wants = wants
        self.decoder = decoder
        self.unread = unread
        self.end: Callable[[], object] = int  # what its leaving means
        self.answer_of = answer_of

    def interests(self, *, has_room: bool) -> int:
        """Half of the socket is closed to say that no more is wanted, whatever waits there."""
        return super().interests(has_room=has_room) | select.POLLRDHUP

    def dismiss(self, outcome: dict[str, object]) -> None:
        """Its last word: how the container ended."""
        self.queue += self.answer_of(outcome)
        self.is_leaving, self.wants = True, 0

    def close(self) -> None:
        """It is gone; if nobody has told it to go, it has left."""
        if not self.is_leaving:
            self.end()
        super().close()
