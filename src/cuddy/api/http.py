"""Call: one request of a client's, and the ways in which it is answered.

Handlers see nothing else of HTTP. Each answers once, with one of `answer`, `send`, `stream` and
`hijack`; what it raises is answered by `errors.py`.
"""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from urllib.parse import parse_qs

from cuddy import files
from cuddy.api import board, fanout, heads
from cuddy.api import connection as connections
from cuddy.api.connection import Connection
from cuddy.api.fields import read_filters
from cuddy.api.hijacked import Hijacked
from cuddy.api.stream import Stream
from cuddy.engine.departure import UntilClientLeaves
from cuddy.errors import InvalidArgument
from cuddy.image import spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any

    from cuddy.api.heads import Request
    from cuddy.engine.event_filters import Filters
    from cuddy.engine.home import Home

    Handler = Callable[["Call"], None]

JSON = connections.JSON
MAX_DOCUMENT_BYTES = 4 << 20
DOCUMENT_S = 30
MAX_PARAMETERS = 1000
FALSE = ("", "0", "no", "false", "none")
"""Docker's booleans: everything else is true."""
SILENT = (204, 304)
"""Answers that have no body, nor a length of one."""


class DocumentTooLarge(InvalidArgument):
    http_status = 413


class Call:
    """One request. `path`: decoded and without the version; `ref`: the {name} in it."""

    def __init__(
        self, home: Home, connection: Connection, request: Request, *, path: str, query: str
    ) -> None:
        self.home = home
        self.method = request.method
        self.path = path
        self.version = (1, 45)
        self.ref = ""
        self.headers = request.headers
        self.answer_headers: dict[str, str] = {}
        """What goes into the head of the answer besides; set it before the answer."""
        self.status = 0
        """Of the answer, once there is one."""
        self.is_hijacked = False
        self.before_change: Callable[[], None] = lambda: None
        """What is to be called before anything that lasts, or may change this process."""
        self.last_words: Callable[[str], bytes] | None = None
        """How an error is told on a connection that is no more HTTP; None: not at all."""
        self.open_stream: Stream | None = None
        self._connection = connection
        self._request = request
        self._query_text = query
        self._parameters: dict[str, list[str]] | None = None

    # What the client says.

    @property
    def _query(self) -> dict[str, list[str]]:
        if self._parameters is None:
            try:
                self._parameters = parse_qs(
                    self._query_text, keep_blank_values=True, errors="surrogateescape",
                    max_num_fields=MAX_PARAMETERS,
                )  # fmt: skip
            except ValueError:
                raise InvalidArgument(f"more than {MAX_PARAMETERS} parameters") from None
        return self._parameters

    def text(self, name: str, default: str = "") -> str:
        """A parameter of the query; the first one if there are several, as Go has it."""
        return self._query.get(name, [default])[0]

    def texts(self, name: str) -> list[str]:
        """A parameter that may be repeated."""
        return self._query.get(name, [])

    def has(self, name: str) -> bool:
        """Whether the query has the parameter, be it empty."""
        return name in self._query

    def flag(self, name: str, default: bool = False) -> bool:
        """A parameter that is true or false, in Docker's ways to say so."""
        if name not in self._query:
            return default
        return self.text(name).strip().lower() not in FALSE

    def number(self, name: str, default: int | None = None) -> int | None:
        """A parameter that is a whole number. Raises InvalidArgument."""
        text = self.text(name).strip()
        if not text:
            return default
        digits = text.removeprefix("-").removeprefix("+")
        if not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:
            raise InvalidArgument(f"invalid value {text!r} for {name}: it must be a whole number")
        return int(text)

    def filters(self) -> list[tuple[str, str]]:
        """The `filters` parameter as pairs of name and value. Raises InvalidArgument."""
        return read_filters(self.text("filters"))

    def document(self) -> dict[str, Any]:
        """The JSON object in the body; nothing, `{}` and `null` are an empty one.

        Raises InvalidArgument, DocumentTooLarge.
        """
        data = self._read_document()
        if not data.strip():
            return {}
        self._check_content_type()
        try:
            document = files.parse_json(data)
        except ValueError as error:
            raise InvalidArgument(f"invalid JSON: {error}") from None
        if document is None:
            return {}
        if not isinstance(document, dict):
            raise InvalidArgument("invalid JSON: the body must be an object")
        if b"\\ud" in data.lower() and not spec.is_text(document):
            raise InvalidArgument("invalid JSON: it holds text that is not Unicode")
        return document

    def _read_document(self) -> bytes:
        pieces, length = [], 0
        for piece in self._connection.body(time.monotonic() + DOCUMENT_S):
            pieces.append(piece)
            length += len(piece)
            if length > MAX_DOCUMENT_BYTES:
                raise DocumentTooLarge(f"the body has more than {MAX_DOCUMENT_BYTES} bytes")
        return b"".join(pieces)

    def _check_content_type(self) -> None:
        said = self.headers.get("content-type", "")
        if said.partition(";")[0].strip().lower() != JSON:
            message = f"unsupported Content-Type header ({said}): must be '{JSON}'"
            raise InvalidArgument(message)

    def body(self) -> Iterator[bytes]:
        """The body as it comes, or what is left of it."""
        return self._connection.body()

    # What it is answered.

    def answer(self, document: object = None, status: int = 200) -> None:
        """A document as JSON; None: no body."""
        if document is None:
            return self.send(b"", "", status)
        return self.send(f"{files.format_json(document)}\n".encode(), JSON, status)

    def send(self, data: bytes, content_type: str, status: int = 200) -> None:
        """An answer of any type."""
        length = () if status in SILENT else (f"Content-Length: {len(data)}",)
        head = self._head(status, content_type, *length)
        self.status = status
        self._connection.has_answered = True
        self._connection.send(
            head if self.method == "HEAD" else head + data, patience_s=connections.ANSWER_S
        )

    def stream(
        self, content_type: str = JSON, status: int = 200, *, patience_s: float | None = None
    ) -> Stream:
        """An answer that is sent while it is made; its head goes out at once. `patience_s`: until
        the client takes each piece; None: it may take its time.
        """
        head = self._stream_head(status, content_type)
        self.status = status
        self._connection.invite_body()  # such answers may begin before the body is read
        self._connection.send(head)
        is_head = self.method == "HEAD"
        self.open_stream = Stream(
            self._connection, content_type, bodiless=is_head, chunked=self._is_chunked,
            patience_s=patience_s,
        )  # fmt: skip
        return self.open_stream

    def hand_over(self, filters: Filters) -> bool:
        """Let the process that sends events to all who listen answer this; False if there is none.

        Raises InvalidArgument.
        """
        outbox, sock = self._connection.outbox, self._connection.socket
        if not outbox or outbox.fileno() < 0:  # as after a request that has changed something
            return False
        owner = board.owner(self._connection.peer)
        head = self._stream_head(200, JSON).decode("latin-1")
        self._connection.invite_body()
        try:
            fanout.send(outbox, fanout.Order(owner, head, self._is_chunked, filters), sock)
        except OSError:
            return False  # the server has just gone
        self.status = 200
        self.is_hijacked = True
        sock.close()
        return True

    @property
    def _is_chunked(self) -> bool:
        return not self._request.is_old

    def _stream_head(self, status: int, content_type: str) -> bytes:
        chunked = ("Transfer-Encoding: chunked",) if self._is_chunked else ()
        return self._head(status, content_type, *chunked)

    def _head(self, status: int, content_type: str, *framing: str) -> bytes:
        lines = [f"{name}: {value}" for name, value in self.answer_headers.items()]
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        if not self._request.keeps:
            lines.append("Connection: close")
        return heads.answer(status, *lines, *framing)

    def hijack(self, content_type: str, *, protocol: str = "tcp") -> Hijacked:
        """The connection itself, with no more HTTP on it, for bytes both ways.

        The client has asked for `protocol`, and is told that it has it; or it has not asked, as
        older ones do, and gets an answer without an end.
        """
        self._read_document()  # some have one that says nothing
        asked = "upgrade" in self.headers
        lines = ["HTTP/1.1 101 UPGRADED" if asked else "HTTP/1.1 200 OK"]
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        if asked:
            lines += ["Connection: Upgrade", f"Upgrade: {protocol}"]
        lines += [f"{name}: {value}" for name, value in self.answer_headers.items()]
        self.status = 101 if asked else 200
        self.is_hijacked = True
        unread = self._connection.take_over()
        self._connection.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        hijacked = Hijacked(fileno=os.dup(self._connection.socket.fileno()))
        hijacked.unread = unread
        return hijacked

    def say_last(self, message: str) -> None:
        """Tell of an error on a connection that is no more HTTP."""
        if self.is_hijacked and self.last_words:
            self._connection.send(self.last_words(message))

    def while_filtering(self) -> AbstractContextManager[None]:
        """`until_client_leaves` where there are filters: a pattern may take for ever."""
        return self.until_client_leaves(wholly=True) if self.has("filters") else nullcontext()

    def until_client_leaves(self, *, wholly: bool = False) -> UntilClientLeaves:
        """Inside it, ClientLeft unwinds whatever waits once the client has gone, or, unless
        `wholly`, has ended its half.
        """
        return UntilClientLeaves(self._connection.socket, wholly=wholly)
