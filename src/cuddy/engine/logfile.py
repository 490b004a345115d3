"""The container's log on disk: Docker's json-file format, one object per line.

    {"log":"text\\n","stream":"stdout","time":"2026-01-02T03:04:05.000000006Z"}

A line longer than 16 KiB is cut into entries without a newline at their end, as Docker does it.
"""

from __future__ import annotations

import os

from cuddy import files

MAX_ENTRY_BYTES = 16 << 10
STREAMS = {1: "stdout", 2: "stderr"}


class LogWriter:
    """Appends what a container writes."""

    def __init__(self, path: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(path, flags, 0o600)
        self._partial = {1: b"", 2: b""}

    def write(self, stream: int, data: bytes) -> None:
        """Log a piece of output; an unfinished line waits for its end."""
        data = self._partial[stream] + data
        end = data.rfind(b"\n") + 1
        lines = split(data[:end])
        *pieces, self._partial[stream] = cut(data[end:])
        lines += pieces
        if lines:
            self._append(stream, lines)

    def is_idle(self) -> bool:
        """Whether no unfinished line waits for its end."""
        return not any(self._partial.values())

    def _append(self, stream: int, lines: list[bytes]) -> None:
        tail = f',"stream":"{STREAMS[stream]}","time":"{files.now()}"}}\n'
        quote = files.quote
        text = "".join(
            [f'{{"log":{quote(line.decode("utf-8", "replace"))}{tail}' for line in lines]
        )
        try:
            files.write_all(self._fd, text.encode())
        except OSError:
            pass  # a full disk loses log lines; the container goes on

    def close(self) -> None:
        """Log what had no newline yet, and close."""
        for stream, rest in self._partial.items():
            if rest:
                self._append(stream, [rest])
        os.close(self._fd)


def split(data: bytes) -> list[bytes]:
    r"""The lines, each with its \n; a terminal's \r (and \v, \f) is part of a line."""
    lines = [line + b"\n" for line in data[:-1].split(b"\n")] if data else []
    if len(data) > MAX_ENTRY_BYTES and max(map(len, lines)) > MAX_ENTRY_BYTES:
        return [piece for line in lines for piece in cut(line)]
    return lines


def cut(line: bytes) -> list[bytes]:
    """A line in pieces of at most `MAX_ENTRY_BYTES`, none ending inside a character."""
    pieces = []
    while len(line) > MAX_ENTRY_BYTES:
        end = MAX_ENTRY_BYTES
        while line[end] & 0xC0 == 0x80 and end > MAX_ENTRY_BYTES - 3:  # UTF-8 goes on
            end -= 1
        pieces.append(line[:end])
        line = line[end:]
    return [*pieces, line]
