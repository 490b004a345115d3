"""The format of Docker's driver `local`: protocol-buffer records between their lengths.

    length  record  length      4 bytes big-endian; moby's logdriver/entry.proto; the 4 bytes again

A record says: 1 source, 2 nanoseconds since the epoch, 3 line without its newline, 4 whether it is
a piece of a line, 5 which piece of which line (1 last, 2 id, 3 ordinal), 6 attributes (1 key,
2 value). The second length lets the file be read from its end.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.engine.logfile import Limits, LogEntry, LogFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_RECORD_BYTES = 1 << 20
SOURCES = {1: b"\x0a\x06stdout", 2: b"\x0a\x06stderr"}
START = b"\x0a\x06std"
LENGTH_BYTES = 4


class LocalLog(LogFile):
    """A log in this format."""

    mend = b""  # a reader finds the next record by itself

    def __init__(self, path: str, limits: Limits, attributes: Mapping[str, str]) -> None:
        super().__init__(path, limits)
        self._attributes = b"".join(
            field(6, field(1, to_bytes(key)) + field(2, to_bytes(attributes[key])))
            for key in sorted(attributes)
        )
        self._line_id = {1: b"", 2: b""}  # of the line that pieces belong to
        self._ordinal = {1: 0, 2: 0}

    def is_end(self, last: bytes) -> bool:
        return True

    def last_end(self, data: bytes, room: int) -> int:
        end = 0
        while (following := end + record_size(data, end)) <= min(room, len(data)):
            end = following
            if end == len(data):
                break
        return end

    def first_end(self, data: bytes) -> int:
        return record_size(data, 0)

    def write_lines(self, stream: int, lines: bytes) -> None:
        r"""Log complete lines, none of them too long for an entry."""
        first, *rest = lines[:-1].split(b"\n")
        self.write_entries(stream, [first + b"\n"])  # it may end a line of which pieces are there
        head, tail = self._around(stream)
        if rest:
            self.append(
                b"".join([frame(b"%b%b%b" % (head, field(3, line), tail)) for line in rest])
            )

    def write_entries(self, stream: int, entries: list[bytes]) -> None:
        r"""Log lines and pieces of lines; what ends a line has its \n."""
        head, tail = self._around(stream)
        records = []
        for entry in entries:
            line = entry.removesuffix(b"\n")
            piece = self._piece(stream, is_last=len(line) < len(entry))
            records.append(frame(head + field(3, line) + piece + tail))
        self.append(b"".join(records))

    def _around(self, stream: int) -> tuple[bytes, bytes]:
        """What stands before and after the line in a record that is written now."""
        return SOURCES[stream] + b"\x10" + varint(time.time_ns()), self._attributes

    def _piece(self, stream: int, *, is_last: bool) -> bytes:
        """The fields that say which piece of a line this is; none for a whole line."""
        if is_last and not self._line_id[stream]:
            return b""
        line_id = self._line_id[stream] or os.urandom(32).hex().encode()
        self._ordinal[stream] += 1
        last = b"\x08\x01" if is_last else b""
        place = last + field(2, line_id) + b"\x18" + varint(self._ordinal[stream])
        self._line_id[stream] = b"" if is_last else line_id
        if is_last:
            self._ordinal[stream] = 0
        return b"\x20\x01" + field(5, place)


def varint(value: int) -> bytes:
    """A number as protocol buffers write it: seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def field(number: int, data: bytes) -> bytes:
    """A field that holds bytes."""
    size = len(data)
    if size < 0x80:
        return b"%c%c%b" % (number << 3 | 2, size, data)
    return b"%c%b%b" % (number << 3 | 2, varint(size), data)


def frame(record: bytes) -> bytes:
    """A record between its lengths."""
    length = len(record).to_bytes(LENGTH_BYTES, "big")
    return length + record + length


def record_size(data: bytes, position: int) -> int:
    """The size of the record that begins there, with both lengths."""
    return int.from_bytes(data[position : position + LENGTH_BYTES], "big") + 2 * LENGTH_BYTES


def is_record(data: bytes, position: int) -> bool:
    """Whether a whole record begins there: its two lengths agree and it has a source."""
    length = data[position : position + LENGTH_BYTES]
    end = position + record_size(data, position)
    return (
        len(length) == LENGTH_BYTES
        and end - position <= MAX_RECORD_BYTES
        and data[end - LENGTH_BYTES : end] == length
        and data.startswith(b"\x0a", position + LENGTH_BYTES)
    )


def whole(data: bytes) -> int:
    """Where the last complete record ends in what was read so far, or what is none."""
    position = 0
    while len(data) - position >= 2 * LENGTH_BYTES:
        if is_record(data, position):
            position += record_size(data, position)
        elif may_become_record(data, position):
            break  # the rest is still to come
        else:
            position = next_record(data, position + 1)
    return position


def may_become_record(data: bytes, position: int) -> bool:
    """Whether a record may begin there of which the end is not read yet."""
    size = record_size(data, position)
    begins = data[position + LENGTH_BYTES : position + LENGTH_BYTES + len(START)]
    return size <= MAX_RECORD_BYTES and position + size > len(data) and START.startswith(begins)


def next_record(data: bytes, position: int) -> int:
    """Where the next record begins after something that is none; the end if there is none."""
    while (found := data.find(START, position + LENGTH_BYTES)) >= 0:
        if is_record(data, found - LENGTH_BYTES):
            return found - LENGTH_BYTES
        position = found
    return len(data)


def decode(block: bytes) -> Iterator[LogEntry | None]:
    """The entries of complete records; None for what is not one."""
    position = 0
    while position < len(block):
        if not is_record(block, position):
            yield None
            position = next_record(block, position + 1)
            continue
        end = position + record_size(block, position)
        record = block[position + LENGTH_BYTES : end - LENGTH_BYTES]
        entry = parse(record)
        if entry and entry.data.endswith(b"\n"):
            more, end = _read_run(block, end, record, entry.data[:-1])
            entry = entry._replace(data=entry.data + more)
        yield entry
        position = end


def _read_run(block: bytes, position: int, record: bytes, line: bytes) -> tuple[bytes, int]:
    """The lines of the records from `position` on that differ from this one in the line only, and
    where they end. A busy container writes hundreds of them at once.
    """
    lines: list[bytes] = []
    try:
        _, stop = read_varint(record, len(SOURCES[1]) + 1)
        head, tail = record[:stop] + b"\x1a", record[stop + len(field(3, line)) :]
        if not record.startswith(field(3, line), stop):
            return b"", position
        while block.startswith(head, position + LENGTH_BYTES) and is_record(block, position):
            end = position + record_size(block, position)
            size, start = read_varint(block, position + LENGTH_BYTES + len(head))
            stop = start + size
            if stop + len(tail) + LENGTH_BYTES != end or not block.startswith(tail, stop):
                break
            lines.append(block[start:stop])
            position = end
    except (IndexError, ValueError):
        pass  # it is no such record
    return b"".join([line + b"\n" for line in lines]), position


def parse(record: bytes) -> LogEntry | None:
    """One record; None if it makes no sense."""
    try:
        source, stamp, line, newline = b"", 0, b"", b"\n"
        attributes: dict[str, str] = {}
        for number, value in fields(record):
            if number == 1 and isinstance(value, bytes):
                source = value
            elif number == 2 and isinstance(value, int):
                stamp = value
            elif number == 3 and isinstance(value, bytes):
                line = value
            elif number == 5 and isinstance(value, bytes):
                newline = b"\n" if dict(fields(value)).get(1) else b""
            elif number == 6 and isinstance(value, bytes):
                pair = dict(fields(value))
                attributes[to_text(pair.get(1))] = to_text(pair.get(2))
        when = files.format_time(stamp)
        return LogEntry(2 if source == b"stderr" else 1, when, line + newline, attributes or None)
    except (IndexError, ValueError, OverflowError, OSError):
        return None


def to_bytes(text: str) -> bytes:
    """A string field as UTF-8."""
    return text.encode("utf-8", "replace")


def to_text(value: bytes | int | None) -> str:
    """A string field."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The fields of a message: numbers and bytes. Raises IndexError, ValueError."""
    position = 0
    while position < len(message):
        tag, position = read_varint(message, position)
        value, position = read_varint(message, position)
        if tag & 7 == 2:
            end = position + value
            if end > len(message):
                raise ValueError("a field longer than its message")
            yield tag >> 3, message[position:end]
            position = end
        elif tag & 7 == 0:
            yield tag >> 3, value
        else:
            raise ValueError("a kind of field that does not occur")


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """A number, and where it ends. Raises IndexError, ValueError."""
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a number too long")


def tail(fd: int, count: int, is_last: bool) -> tuple[int, int]:
    """Where the last `count` lines begin, and how many of them are missing; read from the end.

    A line that is not finished counts in the last file only: else it goes on in the next.
    """
    position = size = os.fstat(fd).st_size
    missing = count
    while position >= 2 * LENGTH_BYTES:
        length = int.from_bytes(os.pread(fd, LENGTH_BYTES, position - LENGTH_BYTES), "big")
        start = position - length - 2 * LENGTH_BYTES
        record = os.pread(fd, position - start, start) if 0 <= start < position else b""
        if not is_record(record, 0) or len(record) != position - start:
            return 0, missing  # damaged: from the beginning, which finds the way
        entry = parse(record[LENGTH_BYTES:-LENGTH_BYTES])
        if (entry and entry.data.endswith(b"\n")) or (is_last and position == size):
            if not missing:
                return position, 0
            missing -= 1
        position = start
    return 0, missing
