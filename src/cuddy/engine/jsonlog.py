r"""The json-file format, Docker's: one JSON object a line.

    {"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}
    {"log":"text\n","stream":"stderr","attrs":{"tag":"web"},"time":"2026-01-02T03:04:05.0000007Z"}

An entry without \n at its end is a piece of a line that goes on in the next entry of the stream.
Text is escaped as Docker escapes it, byte for byte; what is not UTF-8 becomes U+FFFD.

Both directions work on many lines at once, because a line must not cost what Python takes for one:
writing turns each newline of a whole block into the end of one entry and the beginning of the next,
reading undoes that for entries of the same moment.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine.logfile import DEFAULT_LIMITS, Limits, LogEntry, LogFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

HEAD = b'{"log":"'
STREAMS = {1: "stdout", 2: "stderr"}
LINE_END = b'\\n","stream":"'
"""Stands once in each entry that ends a line: a quote inside a text is always escaped."""
TIME_LENGTH = len("2026-01-02T03:04:05.000000006Z")
TAIL_CHUNK_BYTES = 1 << 18

_PLAIN = bytes(set(range(256)) - {*range(10), *range(11, 32), *b"<>&"})
_ESCAPES = {code: b"\\u%04x" % code for code in (*range(32), *b"<>&")} | {13: b"\\r"}


class JsonLog(LogFile):
    """A log in this format. `attributes`: what each entry says besides, as JSON."""

    def __init__(self, path: str, limits: Limits = DEFAULT_LIMITS, attributes: str = "") -> None:
        super().__init__(path, limits)
        self._attributes = f',"attrs":{attributes}' if attributes else ""

    def write_lines(self, stream: int, lines: bytes) -> None:
        r"""Log complete lines, none of them too long for an entry."""
        end = self._end(stream)
        texts = escape(lines[:-1]).replace(b"\n", b"\\n%b%b" % (end, HEAD))
        self.append(b"%b%b\\n%b" % (HEAD, texts, end))

    def write_entries(self, stream: int, entries: list[bytes]) -> None:
        r"""Log lines and pieces of lines; what ends a line has its \n."""
        end = self._end(stream)
        texts = [escape(entry).replace(b"\n", b"\\n") for entry in entries]
        self.append(b"".join([b"%b%b%b" % (HEAD, text, end) for text in texts]))

    def _end(self, stream: int) -> bytes:
        """What follows the text of an entry that is written now."""
        parts = f'","stream":"{STREAMS[stream]}"{self._attributes},"time":"{files.now()}"}}\n'
        return parts.encode()


def escape(text: bytes) -> bytes:
    r"""The inside of a JSON string as Docker writes it, except that \n stays what it is."""
    text = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    if special := text.translate(None, _PLAIN):
        for code in set(special):
            text = text.replace(bytes([code]), _ESCAPES[code])
    return text if text.isascii() else _make_utf8(text)


def _make_utf8(text: bytes) -> bytes:
    r"""Each byte that is no UTF-8 becomes \ufffd, as Go counts them: by the byte."""
    try:
        text.decode()
    except UnicodeDecodeError:
        # The encoder puts ? where it finds a byte that could not be decoded. A real ? is \x01
        # meanwhile, which no longer stands in the text: control characters are escaped by now.
        kept = text.replace(b"?", b"\x01").decode("utf-8", "surrogateescape")
        text = kept.encode("utf-8", "replace").replace(b"?", b"\\ufffd").replace(b"\x01", b"?")
    return text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")


def whole(data: bytes) -> int:
    """Where the last complete entry ends in what was read so far."""
    return data.rfind(b"\n") + 1


def decode(block: bytes) -> Iterator[LogEntry | None]:
    """The entries in lines; None for what is not one."""
    start = 0
    while start < len(block):
        end = block.find(b"\n", start) + 1 or len(block)
        tail = block[block.rfind(b'","stream":"', start, end) : end]
        following = block.find(b"\n", end) + 1
        if following and block.startswith(tail, following - len(tail)):
            end = _end_of_run(block, end, tail)
            if entry := _parse_run(block[start:end], tail):
                yield entry
            else:
                yield from map(parse, block[start:end].split(b"\n")[:-1])
        else:
            yield parse(block[start:end])
        start = end


def _end_of_run(block: bytes, end: int, tail: bytes) -> int:
    """Where the lines stop that end with `tail`, as the one that ends at `end` does."""
    step = 1 << 10
    while (following := block.find(b"\n", end) + 1) and block.startswith(
        tail, following - len(tail)
    ):
        # The last such line within a few; what is between is looked at when it is parsed.
        last = block.rfind(tail, following, end + step)
        end = last + len(tail) if last >= 0 else following
        step *= 2
    return end


def _parse_run(run: bytes, tail: bytes) -> LogEntry | None:
    """Entries that differ only in their texts, as one; None if something is odd about them."""
    if not run.startswith(HEAD):
        return None
    text = run[len(HEAD) : -len(tail)]
    plain = text.replace(b"\\n" + tail + HEAD, b"\n")
    if plain.endswith(b"\\n") and b'"' not in plain and b"\\" not in plain[:-2]:
        entry = parse(HEAD + tail[:-1])
        return entry and entry._replace(data=plain[:-2] + b"\n")
    # Other escapes, or pieces of lines.
    text = text.replace(tail + HEAD, b"")
    return None if b"\n" in text else parse(HEAD + text + tail[:-1])


def parse(line: bytes) -> LogEntry | None:
    """An entry of the log file; None for one that a full disk or a power cut has damaged."""
    try:
        return to_entry(files.parse_json(line))
    except (ValueError, KeyError, TypeError, AttributeError):
        # What was cut short, or zeros, may stand before a good entry on the same line.
        start = line.rfind(HEAD)
        return parse(line[start:]) if start > 0 else None


def to_entry(value: dict[str, Any]) -> LogEntry:
    """An entry of its JSON. Raises ValueError, KeyError, TypeError, AttributeError."""
    time, attributes = value["time"], value.get("attrs")
    if len(time) != TIME_LENGTH or not time.endswith("Z"):
        time = files.format_time(files.parse_time(time))  # Docker writes no zeros at the end
    if attributes is not None:
        attributes = {str(key): str(text) for key, text in attributes.items()}
    stream = 2 if value["stream"] == "stderr" else 1
    return LogEntry(stream, time, value["log"].encode("utf-8", "replace"), attributes)


def tail(fd: int, count: int, is_last: bool) -> tuple[int, int]:
    """Where the last `count` lines begin, and how many of them are missing; read from the end.

    A line that is not finished counts in the last file only: else it goes on in the next.
    """
    position = size = os.fstat(fd).st_size
    missing, has_end = count, False
    following = b""  # the beginning of what comes after the chunk: for a mark across the edge
    while position > 0:
        start = max(0, position - TAIL_CHUNK_BYTES)
        chunk = os.pread(fd, position - start, start) + following
        mark = len(chunk)
        while (mark := chunk.rfind(LINE_END, 0, mark + len(LINE_END) - 1)) >= 0:
            if not has_end and is_last and _next_line(fd, start + mark) < size:
                missing -= 1
            has_end = True
            if missing == 0:
                return _next_line(fd, start + mark), 0
            missing -= 1
        following, position = chunk[: len(LINE_END) - 1], start
    return 0, missing - (is_last and not has_end and size > 0)


def _next_line(fd: int, position: int) -> int:
    """Where the line of the file ends that has this position."""
    while chunk := os.pread(fd, 4096, position):
        if (end := chunk.find(b"\n")) >= 0:
            return position + end + 1
        position += len(chunk)
    return position
