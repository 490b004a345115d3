"""Attach: a client on a container that runs, or from the first byte of one that will."""

from __future__ import annotations

import time
from contextlib import closing

from cuddy.api import websocket
from cuddy.api.connection import ClientLeft
from cuddy.api.conversation import Conversation, content_type, frame
from cuddy.api.websocket import WebSocket
from cuddy.engine import attach, containers, detach_keys, guest, logs, wait
from cuddy.errors import InvalidArgument, NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call, Hijacked
    from cuddy.engine.attach import Attachment
    from cuddy.engine.logs import Reading

STDOUT, STDERR = 1, 2
PAUSE_S = 0.05
"""Between the head and what has been written so far: docker-py reads the head through a buffer, and
forgets what came along with it."""


def attach_(call: Call) -> None:
    """Streams both ways on the connection itself, after what has been written so far if asked."""
    with closing(Wish(call)) as wish, call.hijack(content_type(call, tty=wish.tty)) as sock:
        if wish.reading:
            replay(sock, wish.reading, wish.wanted, tty=wish.tty)
        if wish.attachment:
            Conversation(
                sock, wish.attachment, stdin=wish.stdin, wanted=wish.wanted, keys=wish.keys
            ).run()


def attach_ws(call: Call) -> None:
    """The same through a WebSocket, without Docker's frames."""
    websocket.accept(call)
    with closing(Wish(call)) as wish, call.hijack("", protocol="websocket") as sock:
        framing = WebSocket(sock)
        if wish.reading:
            for entry in wish.reading:
                if entry.stream in wish.wanted:
                    send(sock, websocket.frame(websocket.BINARY, entry.data))
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
        self.attachment: Attachment | None = None
        if call.flag("logs"):
            self.reading = logs.read(call.home, record["Id"])
        if call.flag("stream"):
            self.attachment = join(call, stdin=self.stdin, wanted=self.wanted)

    def close(self) -> None:
        """Leave the container."""
        if self.attachment:
            self.attachment.close()


def wanted_streams(call: Call) -> set[int]:
    """The outputs that a client wants."""
    asked = ((STDOUT, "stdout"), (STDERR, "stderr"))
    return {stream for stream, name in asked if call.flag(name)}


def join(call: Call, *, stdin: bool, wanted: set[int]) -> Attachment:
    """Attach to this life of the container, or to the next."""
    while True:
        try:
            return guest.attach_early(
                call.home, call.ref, stdin=stdin, stdout=STDOUT in wanted, stderr=STDERR in wanted
            )
        except NotRunning:  # it has ended just now
            wait.await_monitor(call.home, containers.find_id(call.home, call.ref))


def replay(sock: Hijacked, reading: Reading, wanted: set[int], *, tty: bool) -> None:
    """What has been written so far."""
    time.sleep(PAUSE_S)
    for entry in reading:
        if entry.stream in wanted:
            send(sock, frame(entry.stream, entry.data, tty=tty))


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


def read_size(call: Call) -> tuple[int, int]:
    """Rows and columns in the query. Raises InvalidArgument."""
    size = []
    for name in ("h", "w"):
        number = call.number(name)
        if number is None or not 0 <= number <= 0xFFFF:
            raise InvalidArgument(f'invalid size: {name} is "{call.text(name)}"')
        size.append(number)
    return size[0], size[1]
