"""Attach: a client on a container that runs, or from the first byte of one that will."""

from __future__ import annotations

import time
from contextlib import closing

from cuddy.api import websocket
from cuddy.api.conversation import Conversation, content_type, frame
from cuddy.api.websocket import WebSocket
from cuddy.engine import attach, containers, detach_keys, frames, guest, seam_log, wait
from cuddy.engine.departure import ClientLeft
from cuddy.errors import InvalidArgument, NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cuddy.api.hijacked import Hijacked
    from cuddy.api.http import Call
    from cuddy.engine.attach import Attachment
    from cuddy.engine.logs import Reading
    from cuddy.engine.seam import Seam

STDOUT, STDERR = 1, 2
SIZED_S = 0.002
"""Until a client has heard that its window's size is set."""
WATCHES_WINDOW = "Docker-Client/"
"""Docker's own command line: as soon as a container with a terminal has started it sets the size,
and only when that is answered does it watch for other sizes. Whoever changes the window at the
first prompt would not be heard, so that it does not see the prompt before."""


def attach_(call: Call) -> None:
    """Streams both ways on the connection itself, after what has been written so far if asked."""
    with closing(Wish(call)) as wish, call.hijack(content_type(call, tty=wish.tty)) as sock:
        replay(sock, wish)
        if wish.attachment:
            Conversation(
                sock, wish.attachment, stdin=wish.stdin, wanted=wish.wanted, keys=wish.keys,
                holds=wish.watches_window,
            ).run()  # fmt: skip


def attach_ws(call: Call) -> None:
    """The same through a WebSocket, without Docker's frames."""
    websocket.accept(call)
    with closing(Wish(call)) as wish, call.hijack("", protocol="websocket") as sock:
        framing = WebSocket(sock)
        for _, data in wish.written():
            send(sock, websocket.frame(websocket.BINARY, data))
        if wish.attachment:
            Conversation(
                framing, wish.attachment, stdin=wish.stdin, wanted=wish.wanted, keys=wish.keys,
                raw=True,
            ).run()  # fmt: skip
        framing.finish()


class Wish:
    """What a client wants of a container, and what there is of it: the log, the streams."""

    def __init__(self, call: Call) -> None:
        """Raises NoSuchContainer, InvalidArgument, Conflict."""
        self.keys = detach_keys.parse_keys(call.text("detachKeys"))
        record = containers.find(call.home, call.ref)
        self.tty = record["Config"]["Tty"]
        self.wanted = wanted_streams(call)
        self.stdin = call.flag("stdin") and record["Config"]["OpenStdin"]
        self.reading: Reading | None = None
        self.seam: Seam | None = None
        self.attachment: Attachment | None = None
        agent = call.headers.get("user-agent", "")
        self.watches_window = self.tty and agent.startswith(WATCHES_WINDOW)
        wants_log = call.flag("logs")
        if call.flag("stream"):
            also = frames.WANT_SEAM if wants_log else 0
            also |= frames.WANT_SIZED if self.watches_window else 0
            self.attachment = join(call, stdin=self.stdin, wanted=self.wanted, also=also)
        if wants_log:
            try:
                self.seam = seam_log.hear(self.attachment) if self.attachment else None
                self.reading = seam_log.read(call.home, record, self.seam)
            except BaseException:
                self.close()
                raise

    def written(self) -> Iterator[tuple[int, bytes]]:
        """What has been written so far, by stream."""
        for entry in self.reading or ():
            if entry.stream in self.wanted:
                yield entry.stream, entry.data
        for stream, data in self.seam.unlogged() if self.seam else ():
            if stream in self.wanted:
                yield stream, data

    def close(self) -> None:
        """Leave the container."""
        if self.attachment:
            self.attachment.close()


def wanted_streams(call: Call) -> set[int]:
    """The outputs that a client wants."""
    asked = ((STDOUT, "stdout"), (STDERR, "stderr"))
    return {stream for stream, name in asked if call.flag(name)}


def join(call: Call, *, stdin: bool, wanted: set[int], also: int) -> Attachment:
    """Attach to this life of the container, or to the next. `also`: other WANT_* of `frames`."""
    while True:
        try:
            return guest.attach_early(
                call.home, call.ref, stdin=stdin, stdout=STDOUT in wanted, stderr=STDERR in wanted,
                also=also,
            )  # fmt: skip
        except NotRunning:  # it has ended just now
            wait.await_monitor(call.home, containers.find_id(call.home, call.ref))


def replay(sock: Hijacked, wish: Wish) -> None:
    """What has been written so far, if the client wants that."""
    if wish.reading:
        sock.await_reader()
    for stream, data in wish.written():
        send(sock, frame(stream, data, tty=wish.tty))


def send(sock: Hijacked, data: bytes) -> None:
    """All of it. Raises ClientLeft."""
    try:
        sock.sendall(data)
    except OSError:
        raise ClientLeft from None


def resize(call: Call) -> None:
    """The client's window has another size."""
    rows, columns = read_size(call)
    record = containers.find(call.home, call.ref)
    if not record["State"]["Running"]:
        raise NotRunning(record["Id"])
    noting, tty = attach.noting(call.home, record), record["Config"]["Tty"]
    with closing(attach.connect(call.home, record["Id"], tty=tty, note=noting)) as connection:
        connection.resize(rows, columns)
        call.answer()
        if tty:
            time.sleep(SIZED_S)
            connection.tell_sized()


def read_size(call: Call) -> tuple[int, int]:
    """Rows and columns in the query. Raises InvalidArgument."""
    size = []
    for name in ("h", "w"):
        number = call.number(name)
        if number is None or not 0 <= number <= 0xFFFF:
            raise InvalidArgument(f'invalid size: {name} is "{call.text(name)}"')
        size.append(number)
    return size[0], size[1]
