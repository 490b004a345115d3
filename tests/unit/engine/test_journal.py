"""What is sent to the journal, and what journalctl says of it."""

from __future__ import annotations

import _socket
import fcntl
import os
import struct

import pytest

from cuddy.engine import journal
from cuddy.engine.journal import Journal
from cuddy.engine.logwriter import LogWriter


def parse_datagram(data: bytes) -> dict[str, bytes]:
    """The receiving side of systemd's native protocol."""
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack_from("<Q", data)
            value, data = data[8 : 8 + size], data[9 + size :]
        found[name.decode()] = value
    return found


class Receiver:
    """The journal's end of a pair of sockets, and a log that sends to it."""

    def __init__(self, limit: int = 0) -> None:
        self.socket, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        theirs.setblocking(False)
        self.log = Journal(theirs, {"CONTAINER_NAME": "web", "ODD": "two\nlines"}, limit)

    def take(self) -> dict[str, bytes]:
        return parse_datagram(self.socket.recv(1 << 20))

    def take_all(self) -> int:
        self.socket.setblocking(False)
        count = 0
        try:
            while self.take():
                count += 1
        except BlockingIOError:
            return count
        return count

    def close(self) -> None:
        self.log.close()
        self.socket.close()


def test_a_line_is_a_datagram_of_fields() -> None:
    receiver = Receiver()
    receiver.log.write_lines(2, b"wrong\n\n")
    assert receiver.take() == {
        "MESSAGE": b"wrong", "PRIORITY": b"3", "CONTAINER_NAME": b"web", "ODD": b"two\nlines",
    }  # fmt: skip
    assert receiver.take()["MESSAGE"] == b""
    receiver.close()


def test_pieces_of_a_line_say_so() -> None:
    receiver = Receiver()
    LogWriter(receiver.log).write(1, b"x" * 40_000 + b"\nnext\n")
    pieces = [receiver.take() for _ in range(4)]
    assert [p.get("CONTAINER_PARTIAL_ORDINAL") for p in pieces] == [b"1", b"2", b"3", None]
    assert [p.get("CONTAINER_PARTIAL_MESSAGE") for p in pieces] == [b"true", b"true", None, None]
    assert pieces[2]["CONTAINER_PARTIAL_LAST"] == b"true"
    assert len({p["CONTAINER_PARTIAL_ID"] for p in pieces[:3]}) == 1
    receiver.close()


def test_a_journal_that_is_busy_holds_the_container_back() -> None:
    receiver = Receiver()
    while not receiver.log.is_full():
        receiver.log.write_lines(1, b"line\n" * 100)
    assert receiver.log.waiting_fd() >= 0 and receiver.log.is_busy()
    receiver.take_all()
    receiver.log.flush()
    assert receiver.take_all() > 0
    receiver.close()


def test_without_blocking_what_does_not_fit_is_dropped() -> None:
    receiver = Receiver(limit=1000)
    for _ in range(100):
        receiver.log.write_lines(1, b"line\n" * 100)
    assert not receiver.log.is_full()
    assert receiver.log._waiting_bytes <= 1000
    receiver.take_all()
    receiver.close()


def test_what_is_too_large_for_a_datagram_goes_as_a_sealed_file() -> None:
    receiver = Receiver()
    receiver.log._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, 4096)
    receiver.log.write_lines(1, b"y" * 15_000 + b"\n")
    data, ancillary, *_ = receiver.socket.recvmsg(1, 100)
    (fd,) = struct.unpack("i", ancillary[0][2][:4])
    assert data == b""
    sent = parse_datagram(os.pread(fd, 1 << 20, 0))
    assert sent["MESSAGE"] == b"y" * 15_000 and sent["CONTAINER_NAME"] == b"web"
    assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) == 0xF
    os.close(fd)
    receiver.close()


@pytest.mark.parametrize(
    ("key", "name"), [("a.b-c", "A_B_C"), ("_x", "X"), ("9é", "9_"), ("__", ""), ("Up1", "UP1")]
)
def test_names_are_made_what_the_journal_takes(key: str, name: str) -> None:
    assert journal.field_name(key) == name


def test_no_label_passes_for_a_field_of_ours() -> None:
    labels = {
        "priority": "0",
        "MESSAGE": "x",
        "container.partial-message": "true",
        "_": "",
        "a": "b",
    }
    assert journal.extra_fields(labels) == {"A": "b"}


def test_entries_are_read_from_what_journalctl_prints() -> None:
    line = (
        b'{"__REALTIME_TIMESTAMP":"1000001","MESSAGE":[255,10],"PRIORITY":"3","TAG":"x","_PID":"1"}'
    )
    entry = journal.parse(line)
    assert entry and (entry.stream, entry.data, entry.attributes) == (2, b"\xff\n\n", {"TAG": "x"})
    assert entry.time == "1970-01-01T00:00:01.000001000Z"


@pytest.mark.parametrize("line", [b"", b"{}", b'{"MESSAGE":1,"__REALTIME_TIMESTAMP":"x"}', b"[1]"])
def test_what_is_no_entry_is_none(line: bytes) -> None:
    assert journal.parse(line) is None
