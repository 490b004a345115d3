"""The driver `journald`: a container's lines in the host's journal, and from there again.

Written in the journal's own protocol (systemd's "Native Journal Protocol"): a datagram of fields,
`NAME=value` lines or, for a value with newlines, NAME, its length as 64 little-endian bits, value.
What is too large for a datagram goes as a sealed memfd. The fields are Docker's. Read with
journalctl, which is there wherever a journal is.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import struct

from cuddy import files
from cuddy.engine import logwait
from cuddy.engine.logfile import LogEntry
from cuddy.engine.logoptions import BUFFER_BYTES, expand_tag, parse_size
from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.kernel import sockets
from cuddy.kernel.syscall import syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.logwait import Wishes

SOCKET = "/run/systemd/journal/socket"
PRIORITIES = {1: "6", 2: "3"}  # syslog(3): LOG_INFO, LOG_ERR
CLOSING_MS = 5000
CURSOR = b'"__CURSOR":"'
CHUNK_BYTES = 1 << 16
# linux/memfd.h, fcntl.h
MFD_CLOEXEC, MFD_ALLOW_SEALING = 1, 2
F_ADD_SEALS, ALL_SEALS = 1033, 0xF
OUR_FIELDS = {
    "MESSAGE", "PRIORITY", "CONTAINER_ID", "CONTAINER_ID_FULL", "CONTAINER_NAME", "CONTAINER_TAG",
    "SYSLOG_IDENTIFIER", "IMAGE_NAME", "CONTAINER_PARTIAL_MESSAGE", "CONTAINER_PARTIAL_ID",
    "CONTAINER_PARTIAL_ORDINAL", "CONTAINER_PARTIAL_LAST",
}  # fmt: skip


def open_journal(
    record: Container, options: Mapping[str, str], attributes: Mapping[str, str]
) -> Journal:
    """The journal as a container's log. Raises InvalidArgument if there is none."""
    tag = expand_tag(options.get("tag") or "{{.ID}}", record)
    own = {
        "CONTAINER_ID": record["Id"][:12],
        "CONTAINER_ID_FULL": record["Id"],
        "CONTAINER_NAME": record["Name"].removeprefix("/"),
        "CONTAINER_TAG": tag,
        "IMAGE_NAME": record["Config"]["Image"],
        "SYSLOG_IDENTIFIER": tag,
    }
    limit = 0
    if options.get("mode") == "non-blocking":
        text = options.get("max-buffer-size", "")
        limit = parse_size("max-buffer-size", text, 1024) if text else BUFFER_BYTES
    return Journal(connect(), extra_fields(attributes) | own, limit)


def connect() -> _socket.socket:
    """A socket of the journal. Raises InvalidArgument if there is none."""
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        socket.connect(SOCKET)
    except OSError as error:
        socket.close()
        hint = f"{SOCKET}: {os.strerror(error.errno or 0)}"
        raise InvalidArgument("journald is not enabled on this host", hint=hint) from None
    socket.setblocking(False)
    return socket


def field_name(key: str) -> str:
    """A label's or variable's name as the journal takes it: A-Z, 0-9, _, not beginning with _."""
    letters = (c.upper() if "a" <= c <= "z" else c for c in key)
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return "".join(c if c in allowed else "_" for c in letters).lstrip("_")[:64]


def extra_fields(attributes: Mapping[str, str]) -> dict[str, str]:
    """Labels and variables as fields. None takes the place of ours: a hostile image's label that
    is called PRIORITY would have the journal call out to everybody.
    """
    named = {field_name(key): value for key, value in attributes.items()}
    return {name: value for name, value in named.items() if name and name not in OUR_FIELDS}


def encode_field(name: str, value: bytes) -> bytes:
    """One field of a datagram."""
    if b"\n" not in value:
        return b"%b=%b\n" % (name.encode(), value)
    return b"%b\n%b%b\n" % (name.encode(), struct.pack("<Q", len(value)), value)


class Journal:
    """Sends lines to the journal. What it does not take at once waits here.

    `limit`: so many bytes wait at most, what comes on top is dropped (mode=non-blocking); 0: one
    piece of output waits, and meanwhile the container.
    """

    def __init__(self, socket: _socket.socket, fields: Mapping[str, str], limit: int) -> None:
        self._socket = socket
        self._fields = b"".join(
            encode_field(name, value.encode("utf-8", "surrogateescape"))
            for name, value in fields.items()
        )
        self._limit = limit
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._line_id = {1: "", 2: ""}
        self._ordinal = {1: 0, 2: 0}

    def write_lines(self, stream: int, lines: bytes) -> None:
        r"""Log complete lines, none of them too long for an entry."""
        self.write_entries(stream, [line + b"\n" for line in lines[:-1].split(b"\n")])

    def write_entries(self, stream: int, entries: list[bytes]) -> None:
        r"""Log lines and pieces of lines; what ends a line has its \n."""
        for entry in entries:
            message = entry.removesuffix(b"\n")
            fields = [
                encode_field("MESSAGE", message),
                encode_field("PRIORITY", PRIORITIES[stream].encode()),
                self._fields,
            ]
            is_last = len(message) < len(entry)
            if not is_last or self._line_id[stream]:
                fields += self._piece(stream, is_last=is_last)
            self._post(b"".join(fields))
        self.flush()

    def _piece(self, stream: int, *, is_last: bool) -> list[bytes]:
        """The fields that say which piece of a line this is."""
        line_id = self._line_id[stream] = self._line_id[stream] or os.urandom(32).hex()
        self._ordinal[stream] += 1
        fields = {
            "CONTAINER_PARTIAL_ID": line_id,
            "CONTAINER_PARTIAL_ORDINAL": str(self._ordinal[stream]),
            "CONTAINER_PARTIAL_LAST": "true" if is_last else "false",
        }
        if is_last:
            self._line_id[stream], self._ordinal[stream] = "", 0
        else:
            fields["CONTAINER_PARTIAL_MESSAGE"] = "true"
        return [encode_field(name, value.encode()) for name, value in fields.items()]

    def _post(self, datagram: bytes) -> None:
        if self._limit and self._waiting and self._waiting_bytes + len(datagram) > self._limit:
            return
        self._waiting.append(datagram)
        self._waiting_bytes += len(datagram)

    def flush(self) -> None:
        """Send what waits, as far as it goes."""
        sent = 0
        try:
            for datagram in self._waiting:
                self._send(datagram)
                sent += 1
                self._waiting_bytes -= len(datagram)
        except BlockingIOError:
            pass
        del self._waiting[:sent]

    def _send(self, datagram: bytes) -> None:
        """Send one entry. A journal that is not there loses it. Raises BlockingIOError."""
        try:
            self._socket.send(datagram, _socket.MSG_NOSIGNAL)
        except BlockingIOError:
            raise
        except OSError as error:
            if error.errno in (errno.EMSGSIZE, errno.ENOBUFS):
                self._send_file(datagram)
            elif error.errno in (errno.ECONNREFUSED, errno.ENOTCONN, errno.EPIPE):
                self._reconnect(datagram)

    def _send_file(self, datagram: bytes) -> None:
        """Send one entry as a sealed memfd, which may have any size. Raises BlockingIOError."""
        fd = syscall("memfd_create", "journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING)
        try:
            files.write_all(fd, datagram)
            import fcntl

            fcntl.fcntl(fd, F_ADD_SEALS, ALL_SEALS)
            self._socket.sendmsg([], [sockets.rights(fd)], _socket.MSG_NOSIGNAL)
        except BlockingIOError:
            raise
        except OSError:
            pass
        finally:
            os.close(fd)

    def _reconnect(self, datagram: bytes) -> None:
        """The journal was restarted: once more, with the new one. Raises BlockingIOError."""
        try:
            socket = connect()
        except InvalidArgument:
            return
        self._socket.close()
        self._socket = socket
        try:
            socket.send(datagram, _socket.MSG_NOSIGNAL)
        except BlockingIOError:
            raise
        except OSError:
            pass

    def is_busy(self) -> bool:
        """Whether something waits."""
        return bool(self._waiting)

    def is_full(self) -> bool:
        """Whether the container has to wait."""
        return bool(self._waiting) and not self._limit

    def waiting_fd(self) -> int:
        """What to poll for writing; -1 if nothing waits."""
        return self._socket.fileno() if self._waiting else -1

    def clear(self) -> None:
        """The journal is not ours. Raises OSError."""
        raise OSError(errno.EOPNOTSUPP, "the journal cannot be cleared")

    def position(self) -> tuple[int, int]:
        """Of no file."""
        return 0, 0

    def close(self) -> None:
        """Send what waits, as long as the journal takes it."""
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        while self._waiting and poll.poll(CLOSING_MS):
            self.flush()
        self._waiting.clear()
        self._socket.close()


class JournalReading:
    """A container's entries in the journal, asked of journalctl."""

    def __init__(self, home: Home, record: Container, wishes: Wishes) -> None:
        self.home = home
        self.id = record["Id"]
        self.wishes = wishes
        self.damaged = 0
        self.cursor = ""  # the last entry that was read

    def __iter__(self) -> Iterator[LogEntry]:
        """Raises SystemFailure."""
        since, until = self.wishes.since, self.wishes.until
        for line in self.lines():
            entry = parse(line)
            self.cursor = line.partition(CURSOR)[2].partition(b'"')[0].decode() or self.cursor
            if entry is None:
                self.damaged += 1
            elif until and entry.time > until:
                return
            elif not since or entry.time >= since:
                yield entry

    def lines(self) -> Iterator[bytes]:
        """Entries as journalctl prints them. Raises SystemFailure."""
        tail = self.wishes.tail
        begin = "--no-tail" if tail is None else f"--lines={tail}"
        if self.wishes.follow:
            with logwait.Waiting(self.home, self.id, "", self.wishes) as waiting:
                yield from self.ask("--follow", begin, waiting=waiting)
            begin = f"--after-cursor={self.cursor}" if self.cursor else begin
        # What came last may be under way still.
        run_journalctl("--sync", quiet=True).wait()
        yield from self.ask(begin)

    def ask(self, *words: str, waiting: logwait.Waiting | None = None) -> Iterator[bytes]:
        """Lines of one journalctl, to its end or that of what `waiting` waits for."""
        # --all: also what is large or no text
        fixed = ("--output=json", "--all", "--no-pager", "--quiet")
        process = run_journalctl(*fixed, *words, f"CONTAINER_ID_FULL={self.id}")
        assert process.stdout
        fd, rest = process.stdout.fileno(), b""
        with process:
            try:
                while (not waiting or has_more(fd, waiting)) and (
                    chunk := os.read(fd, CHUNK_BYTES)
                ):
                    *found, rest = (rest + chunk).split(b"\n")
                    yield from found
            finally:
                process.kill()


def run_journalctl(*words: str, quiet: bool = False) -> subprocess.Popen[bytes]:
    """Start it. Raises SystemFailure."""
    import subprocess

    null = subprocess.DEVNULL
    try:
        return subprocess.Popen(
            ["journalctl", *words],
            stdin=null,
            stdout=null if quiet else subprocess.PIPE,
            stderr=null if quiet else None,
        )
    except OSError as error:
        raise SystemFailure.from_os("cannot run journalctl", error) from error


def has_more(fd: int, waiting: logwait.Waiting) -> bool:
    """Wait for output; False when the container has ended."""
    while waiting.goes_on():
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(waiting.monitor_fd, select.POLLIN)
        if fd in dict(poll.poll(waiting.left_ms())):
            return True
    return False


def parse(line: bytes) -> LogEntry | None:
    """One entry of `journalctl -o json`; None if it makes no sense."""
    try:
        value: dict[str, Any] = files.parse_json(line)
        stamp = int(value["__REALTIME_TIMESTAMP"]) * 1000
        message = value["MESSAGE"]
        # What is no text comes as a list of numbers.
        data = bytes(message) if isinstance(message, list) else message.encode("utf-8", "replace")
        if value.get("CONTAINER_PARTIAL_MESSAGE") != "true":
            data += b"\n"
        stream = 2 if value.get("PRIORITY") == PRIORITIES[2] else 1
        others = {
            key: text
            for key, text in value.items()
            if not key.startswith("_") and key not in OUR_FIELDS and isinstance(text, str)
        }
        return LogEntry(stream, files.format_time(stamp), data, others or None)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
