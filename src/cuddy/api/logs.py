"""Logs: what a container has written, and goes on writing."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.api.attach import wanted_streams
from cuddy.api.conversation import content_type, frame
from cuddy.engine import containers, log_lines, logs, moments
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call

BATCH_BYTES = 1 << 16


def logs_(call: Call) -> None:
    """Lines of the log, each in a frame unless the container has a terminal."""
    wanted = wanted_streams(call)
    if not wanted:
        raise InvalidArgument("Bad parameters: you must choose at least one stream")
    tty = containers.find(call.home, call.ref)["Config"]["Tty"]
    follow = call.flag("follow")
    reading = logs.read(
        call.home, call.ref, follow=follow, tail=_tail(call),
        since=_moment(call, "since"), until=_moment(call, "until"),
    )  # fmt: skip
    lines = log_lines.Lines(timestamps=call.flag("timestamps"), details=call.flag("details"))
    with call.stream(content_type(call, tty=tty)) as stream, call.until_client_leaves():
        batch = bytearray()
        for entry in reading:
            if entry.stream in wanted:
                batch += framed(entry.stream, lines.decorate(entry), tty=tty)
            if batch and (follow or len(batch) >= BATCH_BYTES):
                stream.write(bytes(batch))
                batch.clear()
        stream.write(bytes(batch))


def framed(stream: int, data: bytes, *, tty: bool) -> bytes:
    """Each line in a frame of its own: clients take a frame for a line."""
    if tty or data.find(b"\n") in (-1, len(data) - 1):
        return frame(stream, data, tty=tty)
    *lines, rest = data.split(b"\n")
    whole = b"".join(frame(stream, line + b"\n", tty=False) for line in lines)
    return whole + frame(stream, rest, tty=False) if rest else whole


def _tail(call: Call) -> int | None:
    """How many of the last lines; what is no number is all of them, as with Docker."""
    text = call.text("tail")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None


def _moment(call: Call, name: str) -> str:
    """A moment as the log writes it; 0, as some clients send it, is none."""
    text = call.text(name)
    if text in ("", "0"):
        return ""
    return files.format_time(moments.moment(text, time.time_ns()))
