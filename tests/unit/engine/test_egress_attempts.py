"""The log of attempts: what is written can be read, and what was damaged does no harm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.engine import egress_attempts
from cuddy.engine.egress_attempts import Attempt, Writer


def read(path: Path) -> list[Attempt]:
    found = [egress_attempts.parse(line) for line in path.read_bytes().splitlines()]
    return [attempt for attempt in found if attempt]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    writer = Writer(str(tmp_path / "log"))
    writer.write("refused", name="a\x1b\n\u20ac", address="192.0.2.1", port=25, protocol="tcp")
    writer.leave_out(7)
    writer.close()
    first, second = read(tmp_path / "log")
    assert first[1:] == ("refused", "a\x1b\n\u20ac", "192.0.2.1", 25, "tcp", 1)
    assert (second.verdict, second.number) == ("left out", 7)
    assert (tmp_path / "log").read_bytes().count(b"\n") == 2


def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(egress_attempts, "LIMITS", egress_attempts.Limits(2000, 2))
    monkeypatch.setattr(egress_attempts, "BURST", 10**6)
    writer = Writer(str(tmp_path / "log"))
    for number in range(200):
        writer.write("refused", name=f"name{number}.example", protocol="dns")
    writer.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 4000
    assert read(tmp_path / "log")[-1].name == "name199.example"


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b"null", b'{"time":1,"verdict":"x"}', b'{"time":"x"}', b"\xff", b"[[[[",
     b'{"time":"t","verdict":"v","port":"80"}', b'{"time":"t","verdict":"v","number":true}'],
)  # fmt: skip
def test_other_lines_are_none(line: bytes) -> None:
    assert egress_attempts.parse(line) is None


@given(st.binary())
def test_any_bytes_are_taken(data: bytes) -> None:
    list(egress_attempts.decode(data))


@pytest.mark.parametrize(
    ("count", "offset", "missing"), [(0, 8, 0), (1, 5, 0), (2, 2, 0), (3, 0, 0), (5, 0, 2)]
)
def test_the_tail_begins_at_a_line(tmp_path: Path, count: int, offset: int, missing: int) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"1\n22\n33\n")
    fd = os.open(path, os.O_RDONLY)
    try:
        assert egress_attempts.tail(fd, count, True) == (offset, missing)
    finally:
        os.close(fd)
