"""What a container writes, cut into the lines of its log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuddy.engine import logwriter
from cuddy.engine.jsonlog import JsonLog
from cuddy.engine.logwriter import MAX_ENTRY_BYTES, LogWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.json"


def write(path: Path, *pieces: bytes, stream: int = 1) -> list[str]:
    """The texts of the entries that these pieces of output become."""
    path.unlink(missing_ok=True)
    writer = LogWriter(JsonLog(str(path)))
    for piece in pieces:
        writer.write(stream, piece)
    writer.close()
    return [entry["log"] for entry in entries(path)]


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]


class TestLines:
    @pytest.mark.parametrize(
        ("pieces", "lines"),
        [
            ([b"one\n"], ["one\n"]),
            ([b"one\ntwo\n"], ["one\n", "two\n"]),
            ([b"on", b"e\ntw", b"o\n"], ["one\n", "two\n"]),
            ([b"no end"], ["no end"]),
            ([b"\n\n"], ["\n", "\n"]),
            ([], []),
            ([b""], []),
            ([b"progress 1%\rprogress 2%\r\n"], ["progress 1%\rprogress 2%\r\n"]),
            ([b"a\x0bb\x0cc\x85d\n"], ["a\x0bb\x0cc\ufffdd\n"]),
            (["é".encode()[:1], "é\n".encode()[1:]], ["é\n"]),
            ([b"\xff\xfe\n"], ["\ufffd\ufffd\n"]),
            ([b'"\\\0\x1b\n'], ['"\\\0\x1b\n']),
        ],
    )
    def test_a_line_is_an_entry(self, path: Path, pieces: list[bytes], lines: list[str]) -> None:
        assert write(path, *pieces) == lines

    def test_each_stream_has_its_own_unfinished_line(self, path: Path) -> None:
        writer = LogWriter(JsonLog(str(path)))
        for stream, piece in ((1, b"out"), (2, b"err"), (1, b"put\n"), (2, b"or\n")):
            writer.write(stream, piece)
        writer.close()
        found = [(entry["stream"], entry["log"]) for entry in entries(path)]
        assert found == [("stdout", "output\n"), ("stderr", "error\n")]

    def test_an_unfinished_line_is_not_written_before_its_end(self, path: Path) -> None:
        writer = LogWriter(JsonLog(str(path)))
        writer.write(1, b"waits")
        assert path.read_bytes() == b""
        writer.close()
        assert [entry["log"] for entry in entries(path)] == ["waits"]

    def test_entries_are_docker_s(self, path: Path) -> None:
        write(path, b"one\n")
        (entry,) = entries(path)
        assert list(entry) == ["log", "stream", "time"]
        assert path.read_bytes().startswith(b'{"log":"one\\n","stream":"stdout","time":"2')

    def test_a_second_run_appends(self, path: Path) -> None:
        for text in (b"first\n", b"second\n"):
            writer = LogWriter(JsonLog(str(path)))
            writer.write(1, text)
            writer.close()
        assert [entry["log"] for entry in entries(path)] == ["first\n", "second\n"]


class TestLongLines:
    @pytest.mark.parametrize("step", [1 << 16, 5000, 1 << 20])
    def test_they_are_cut_into_entries_without_an_end(self, path: Path, step: int) -> None:
        text = b"x" * (3 * MAX_ENTRY_BYTES + 5) + b"\n"
        pieces = [text[i : i + step] for i in range(0, len(text), step)]
        lines = write(path, *pieces)
        assert [len(line) for line in lines] == [MAX_ENTRY_BYTES] * 3 + [6]
        assert [line.endswith("\n") for line in lines] == [False, False, False, True]

    def test_a_cut_does_not_split_a_character(self, path: Path) -> None:
        for character in ("é", "€", "🎉"):
            text = ("x" + character * 20_000 + "\n").encode()
            assert "".join(write(path, text)) == text.decode()
            assert "".join(write(path, text[:-1], b"\n")) == text.decode()

    def test_bytes_that_are_no_text_are_cut_all_the_same(self, path: Path) -> None:
        assert sum(map(len, write(path, b"\x80" * 100_000))) == 100_000

    def test_what_waits_for_its_end_is_bounded(self, path: Path) -> None:
        writer = LogWriter(JsonLog(str(path)))
        for _ in range(100):
            writer.write(1, b"x" * 10_000)
            assert len(writer._partial[1]) <= MAX_ENTRY_BYTES
        writer.close()
        assert sum(len(entry["log"]) for entry in entries(path)) == 1_000_000


chunks = (
    st.binary(max_size=40) | st.just(b"\n") | st.just(b"x" * 9000) | st.just(b"\xc3\xa9" * 7000)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(chunks, max_size=8))
def test_however_output_arrives_the_log_is_the_same(path: Path, pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert write(path, *pieces) == write(path, whole)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(max_size=100), st.integers(1, 3000))
def test_text_comes_out_as_it_went_in(path: Path, text: str, times: int) -> None:
    data = (text * times).encode("utf-8", "replace")
    assert "".join(write(path, data)) == data.decode()


def test_split_keeps_every_byte() -> None:
    assert logwriter.split(b"a\nb\n\n") == [b"a\n", b"b\n", b"\n"]
    assert logwriter.split(b"") == []
