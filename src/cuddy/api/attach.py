"""Attach: a client on a container that runs, or from the first byte of one that will."""

from __future__ import annotations

import time
from contextlib import closing

from cuddy import files
from cuddy.api.conversation import Conversation, content_type, frame
from cuddy.engine import attach, containers, detach_keys, guest, logs, wait
from cuddy.errors import InvalidArgument, NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call, Hijacked
    from cuddy.engine.attach import Attachment
    from cuddy.engine.container import Container
    from cuddy.engine.logs import Reading

STDOUT, STDERR = 1, 2
YOUNG_NS = 500_000_000


def attach_(call: Call) -> None:
    """Streams both ways on the connection itself, after what has been written so far if asked."""
    keys = detach_keys.parse_keys(call.text("detachKeys"))
    record = containers.find(call.home, call.ref)
    wanted = wanted_streams(call)
    stdin = call.flag("stdin") and record["Config"]["OpenStdin"]
    if call.flag("logs") and not call.flag("stream"):
        give_a_moment(call, record)
    reading = logs.read(call.home, record["Id"]) if call.flag("logs") else None
    attachment = join(call, stdin=stdin, wanted=wanted) if call.flag("stream") else None
    tty = record["Config"]["Tty"]
    with call.hijack(content_type(call, tty=tty)) as sock:
        try:
            if reading:
                replay(sock, reading, wanted, tty=tty)
            if attachment:
                Conversation(sock, attachment, stdin=stdin, wanted=wanted, keys=keys).run()
        finally:
            if attachment:
                attachment.close()


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


def give_a_moment(call: Call, record: Container) -> None:
    """One that has just begun may not have written yet what its client knows it does."""
    age_ns = time.time_ns() - files.parse_time(record["State"]["StartedAt"])
    if record["State"]["Running"] and age_ns < YOUNG_NS:
        wait.until_end(call.home, record["Id"], YOUNG_NS / 10**9)


def replay(sock: Hijacked, reading: Reading, wanted: set[int], *, tty: bool) -> None:
    """What has been written so far."""
    for entry in reading:
        if entry.stream in wanted:
            sock.sendall(frame(entry.stream, entry.data, tty=tty))


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
