"""An answer that is sent while it is made: chunked, and flushed with every write."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from cuddy.api.connection import Connection


class Stream:
    """The body of an answer whose head has gone out. Left by an error it stays open: `errors.py`
    tells the client, or breaks the connection off, so that nobody takes half a body for a whole.
    """

    def __init__(
        self, connection: Connection, content_type: str, *, bodiless: bool, chunked: bool,
        patience_s: float | None = None,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._bodiless = bodiless  # HEAD asks for the head alone
        self._chunked = chunked  # else it ends with the connection
        self._patience_s = patience_s  # until the client takes a piece; None: it may never
        self.content_type = content_type
        self.is_open = True

    def write(self, data: bytes) -> None:
        """Send some of the body at once. Raises ClientLeft."""
        if data and self.is_open and not self._bodiless:
            piece = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
            self._connection.send(piece, patience_s=self._patience_s)

    def close(self) -> None:
        """The body is complete. Raises ClientLeft."""
        if self.is_open:
            self.is_open = False
            self._connection.has_answered = True
            if self._chunked and not self._bodiless:
                self._connection.send(b"0\r\n\r\n")

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
