"""Docker's json-file format: written as Docker writes it, read whatever has happened to it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuddy.engine import jsonlog
from cuddy.engine.jsonlog import JsonLog
from cuddy.engine.logfile import Limits, LogEntry
from cuddy.engine.logwriter import LogWriter

fixture_is_fine = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.json"


def entry_of(
    text: str, stream: str = "stdout", time: str = "2026-01-02T03:04:05.000000006Z"
) -> bytes:
    return json.dumps({"log": text, "stream": stream, "time": time}, separators=(",", ":")).encode()


def as_go_reads(data: bytes) -> str:
    """What no decoder can read is U+FFFD, one for each byte."""
    unreadable = dict.fromkeys(range(0xDC80, 0xDD00), "\ufffd")
    return data.decode("utf-8", "surrogateescape").translate(unreadable)


def read(data: bytes) -> list[LogEntry | None]:
    return list(jsonlog.decode(data))


def text_of(data: bytes) -> bytes:
    return b"".join(entry.data for entry in read(data) if entry)


class TestEscaping:
    @pytest.mark.parametrize(
        ("data", "escaped"),
        [
            (b"plain", b"plain"),
            (b'"\\', b'\\"\\\\'),
            (b"\0\x01\x1b\x1f\x7f", b"\\u0000\\u0001\\u001b\\u001f\x7f"),
            (b"\r\t\x08\x0c", b"\\r\\u0009\\u0008\\u000c"),
            (b"<a href='x'>&", b"\\u003ca href='x'\\u003e\\u0026"),
            ("ünï🎉".encode(), "ünï🎉".encode()),
            ("\u2028\u2029".encode(), b"\\u2028\\u2029"),
            ("\ufffd".encode(), "\ufffd".encode()),
            (b"\xff?\xfe", b"\\ufffd?\\ufffd"),
            (b"\xe2\x82x", b"\\ufffd\\ufffdx"),
            (b"\xed\xa0\x80", b"\\ufffd\\ufffd\\ufffd"),
            (b"\xc0\xaf", b"\\ufffd\\ufffd"),
            (b"\xf4\x90\x80\x80", b"\\ufffd\\ufffd\\ufffd\\ufffd"),
        ],
    )
    def test_text_is_escaped_as_docker_escapes_it(self, data: bytes, escaped: bytes) -> None:
        assert jsonlog.escape(data) == escaped

    @given(st.binary(max_size=200))
    def test_whatever_it_is_it_is_one_json_string(self, data: bytes) -> None:
        inside = jsonlog.escape(data).replace(b"\n", b"\\n")
        text = json.loads(b'"' + inside + b'"')
        assert text == as_go_reads(data)


class TestReading:
    def test_what_was_written_is_read(self, path: Path) -> None:
        log = JsonLog(str(path), attributes='{"tag":"web"}')
        log.write_lines(2, "ünï\ntwo\n".encode())
        log.close()
        (entry,) = read(path.read_bytes())
        assert entry
        assert (entry.stream, entry.data) == (2, "ünï\ntwo\n".encode())
        assert entry.attributes == {"tag": "web"}

    @fixture_is_fine
    @given(
        st.lists(
            st.tuples(st.sampled_from([1, 2]), st.text(max_size=30) | st.just("x" * 20_000)),
            max_size=12,
        )
    )
    def test_any_text_comes_back(self, path: Path, pieces: list[tuple[int, str]]) -> None:
        path.unlink(missing_ok=True)
        writer = LogWriter(JsonLog(str(path)))
        wanted = {1: b"", 2: b""}
        for stream, text in pieces:
            data = text.encode("utf-8", "replace")
            writer.write(stream, data)
            wanted[stream] += data
        writer.close()
        found = {1: b"", 2: b""}
        for entry in read(path.read_bytes()):
            assert entry
            found[entry.stream] += entry.data
        assert found == wanted

    @fixture_is_fine
    @given(st.lists(st.binary(max_size=60) | st.just(b"\n"), max_size=12))
    def test_any_bytes_come_back_as_far_as_they_are_text(
        self, path: Path, pieces: list[bytes]
    ) -> None:
        path.unlink(missing_ok=True)
        writer = LogWriter(JsonLog(str(path)))
        for piece in pieces:
            writer.write(1, piece)
        writer.close()
        assert text_of(path.read_bytes()).decode() == as_go_reads(b"".join(pieces))

    def test_entries_of_one_moment_are_read_at_once_and_others_are_not(self) -> None:
        later = "2026-01-02T03:04:06.000000006Z"
        lines = [entry_of(f"{n}\n") for n in range(500)] + [entry_of("late\n", time=later)]
        lines.append(entry_of("err\n", stream="stderr", time=later))
        found = read(b"\n".join(lines) + b"\n")
        assert (
            b"".join(e.data for e in found if e)
            == b"".join(b"%d\n" % n for n in range(500)) + b"late\nerr\n"
        )
        assert [e.time for e in found if e][-2:] == [later, later]
        assert len(found) < 60

    def test_dockers_times_lack_the_zeros_at_their_end(self) -> None:
        for written, meant in (
            ("2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.500000000Z"),
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000000Z"),
            ("2026-01-02T05:04:05.123+02:00", "2026-01-02T03:04:05.123000000Z"),
        ):
            (entry,) = read(entry_of("x\n", time=written) + b"\n")
            assert entry and entry.time == meant


class TestDamage:
    GOOD = entry_of("good\n") + b"\n"

    @pytest.mark.parametrize(
        "line",
        [b"", b"{", b"[]", b"7", b"{}", b'{"log":1,"stream":"stdout","time":""}', b"\xff",
         b"\0" * 99,
         entry_of("torn\n")[:20], b"[" * 100_000, b'{"log":"x","stream":"stdout","time":"x"}',
         b'{"log":"x","stream":"stdout","attrs":7,"time":"2026-01-02T03:04:05.000000006Z"}',
         b'{"log":"x","stream":"stdout","time":"999999999-01-02T03:04:05Z"}',
         b'{"log":"x","stream":"stdout","time":"2026-01-02T1:2"}'],
    )  # fmt: skip
    def test_what_is_no_entry_is_passed_over(self, line: bytes) -> None:
        found = read(self.GOOD + line + b"\n" + self.GOOD + self.GOOD)
        assert b"".join(e.data for e in found if e) == b"good\n" * 3
        assert found.count(None) == 1

    def test_an_entry_behind_zeros_or_a_torn_one_is_read(self) -> None:
        assert text_of(b"\0" * 4096 + self.GOOD) == b"good\n"
        assert text_of(self.GOOD[:15] + self.GOOD) == b"good\n"

    @given(st.lists(st.binary(max_size=40), max_size=5))
    def test_no_garbage_raises(self, pieces: list[bytes]) -> None:
        block = b"".join(piece + self.GOOD[: len(piece) * 3] for piece in pieces) + b"\n"
        read(block)


class TestTail:
    texts = st.lists(st.sampled_from(["a\n", "b", '\\n","stream":"', "\n"]), max_size=12)

    @fixture_is_fine
    @given(texts, st.integers(1, 14), st.integers(1, 200))
    def test_the_last_lines_begin_where_counting_says(
        self, path: Path, texts: list[str], count: int, chunk: int
    ) -> None:
        path.write_bytes(b"".join(entry_of(text) + b"\n" for text in texts))
        before, jsonlog.TAIL_CHUNK_BYTES = jsonlog.TAIL_CHUNK_BYTES, chunk
        fd = os.open(path, os.O_RDONLY)
        try:
            offset, missing = jsonlog.tail(fd, count, True)
        finally:
            jsonlog.TAIL_CHUNK_BYTES = before
            os.close(fd)
        lines = "".join(texts).splitlines(keepends=True) if texts else []
        wanted = lines[-count:]
        assert text_of(path.read_bytes()[offset:]).decode() == "".join(wanted)
        assert missing == max(0, count - len(lines))

    def test_a_line_that_goes_on_in_the_next_file_belongs_to_what_that_shows(
        self, path: Path
    ) -> None:
        whole, piece = entry_of("whole\n") + b"\n", entry_of("piece") + b"\n"
        path.write_bytes(whole + piece + piece)
        fd = os.open(path, os.O_RDONLY)
        assert jsonlog.tail(fd, 0, False) == (len(whole), 0)
        assert jsonlog.tail(fd, 1, False) == (0, 0)
        path.write_bytes(piece)
        assert jsonlog.tail(fd, 3, False) == (0, 3)
        os.close(fd)


class TestAttributes:
    def test_they_stand_between_stream_and_time_as_docker_has_it(self, path: Path) -> None:
        log = JsonLog(str(path), Limits(), '{"a":"b"}')
        log.write_entries(1, [b"x\n"])
        log.close()
        value: dict[str, Any] = json.loads(path.read_bytes())
        assert list(value) == ["log", "stream", "attrs", "time"]
        assert value["attrs"] == {"a": "b"}
