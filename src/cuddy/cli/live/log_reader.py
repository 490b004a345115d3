"""The process that follows one container's log for the live view, a child of the feed.

It sends what came in packets of JSON, at most a few a second: `[serial, lines, left out]`, a line
being `[stream, time, spans]`. Of a container that writes faster than anybody can read, only the
last lines of each moment are read at all.
"""

from __future__ import annotations

import _signal
import os
import socket
import time

from cuddy import files, unforeseen
from cuddy.cli.live import sgr
from cuddy.engine import logs
from cuddy.errors import CuddyError
from cuddy.escape import printable
from cuddy.kernel import process
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.engine.logfile import LogEntry

TAIL = 500
"""Lines of the past that are shown, and of a moment in which there are too many."""
MOMENT_S = 0.2
REST_S = 0.8
"""After a moment with too many lines."""
PACKET_BYTES = 1 << 15
GONE = (BrokenPipeError, ConnectionResetError)
"""What writing to the view raises once it has gone."""
LONGEST = 1 << 16
"""Bytes of a line whose end is not waited for any more."""


class LogReader(Closing):
    """The process. A new one is started for each container that is looked at."""

    def __init__(self, home: Home, outbox: socket.socket, container_id: str, serial: int) -> None:
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid:
            return
        try:
            process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
            if os.getppid() == parent:
                process.set_title("cuddy top: log")
                _tell(home, outbox, container_id, serial)
        except GONE:
            pass
        finally:
            os._exit(0)

    def close(self) -> None:
        """End it."""
        os.kill(self.pid, _signal.SIGKILL)  # not waited for yet: the pid is still its own
        os.waitpid(self.pid, 0)


def _tell(home: Home, outbox: socket.socket, container_id: str, serial: int) -> None:
    """Follow the log, or say why it cannot be. Raises what is GONE."""
    try:
        _follow(home, outbox, container_id, serial)
    except GONE:
        raise
    except Exception as error:
        text = error.message if isinstance(error, CuddyError) else unforeseen.explain(error)
        line = [0, "", [[printable(text), "italic"]]]
        outbox.send(files.format_json([serial, [line], 0]).encode())


def _follow(home: Home, outbox: socket.socket, container_id: str, serial: int) -> None:
    """Until the container has stopped. Raises what is GONE once nobody listens."""
    since = ""
    batch = Batch(outbox, serial)
    _signal.signal(_signal.SIGALRM, batch.on_alarm)
    while True:
        reading = logs.read(home, container_id, follow=True, tail=TAIL, since=since)
        for entry in reading:
            if since and entry.time <= since:
                continue
            batch.add(entry)
            if batch.is_too_much:
                break
        else:
            batch.send()
            return
        since = batch.send()
        time.sleep(REST_S)


class Batch:
    """Lines that have not been sent yet. The alarm clock sends them soon after the first came."""

    def __init__(self, outbox: socket.socket, serial: int) -> None:
        self._outbox = outbox
        self._serial = serial
        self._lines: list[tuple[int, str, bytes]] = []
        self._rest = {1: b"", 2: b""}
        self._last = ""
        self._is_first = True  # the past, of which all is wanted
        self._is_busy = False

    @property
    def is_too_much(self) -> bool:
        """Whether more lines came than are shown of a moment."""
        return len(self._lines) > TAIL and not self._is_first

    def add(self, entry: LogEntry) -> None:
        """Take some lines, or a piece of one."""
        self._is_busy = True
        *whole, rest = (self._rest[entry.stream] + entry.data).split(b"\n")
        if len(rest) > LONGEST:
            whole.append(rest)
            rest = b""
        self._rest[entry.stream] = rest
        self._last = entry.time
        if whole and not self._lines:
            _signal.setitimer(_signal.ITIMER_REAL, MOMENT_S)
        self._lines += [(entry.stream, entry.time, line) for line in whole]
        self._is_busy = False

    def on_alarm(self, *_: object) -> None:
        """The moment is over; if we are just at work, another little while."""
        if self._is_busy:
            _signal.setitimer(_signal.ITIMER_REAL, MOMENT_S / 10)
        else:
            self.send()

    def send(self) -> str:
        """Send what there is; the time of the last entry."""
        self._is_busy = True
        _signal.setitimer(_signal.ITIMER_REAL, 0)
        lines, self._lines, self._is_first = self._lines, [], False
        left_out = max(0, len(lines) - TAIL)
        packet: list[Any] = []
        size = 0
        for stream, when, data in lines[left_out:]:
            line = [stream, when, sgr.spans(data)]
            length = len(files.format_json(line))
            if packet and size + length > PACKET_BYTES:
                self._post(packet, left_out)
                packet, size, left_out = [], 0, 0
            packet.append(line)
            size += length
        if packet:
            self._post(packet, left_out)
        self._is_busy = False
        return self._last

    def _post(self, packet: list[Any], left_out: int) -> None:
        self._outbox.send(files.format_json([self._serial, packet, left_out]).encode())
