"""What creator and init say to each other, and what it means when they say no more."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cuddy.errors import CommandNotExecutable, CommandNotFound, CuddyError, SystemFailure
from cuddy.runtime import handshake
from cuddy.runtime.handshake import Channel, Message


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """Both ends of a conversation."""
    first, second = handshake.pair()
    yield first, second
    first.close()
    second.close()


def test_what_is_said_is_heard(ends: tuple[Channel, Channel]) -> None:
    ends[0].send("warning", "text", 7)
    assert ends[1].receive() == Message("warning", "text", 7, -1)


def test_messages_keep_apart_and_in_order(ends: tuple[Channel, Channel]) -> None:
    for number in range(20):
        ends[0].send("step", number=number)
    assert [ends[1].receive().number for _ in range(20)] == list(range(20))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(text=st.text())
def test_any_text_arrives(ends: tuple[Channel, Channel], text: str) -> None:
    ends[0].send("error", text)
    assert ends[1].receive().text == text


@pytest.mark.parametrize("character", ["a", "\n", "é", "🎉", "\udcff"])
def test_a_very_long_text_arrives_cut_short(ends: tuple[Channel, Channel], character: str) -> None:
    ends[0].send("error", character * 100_000)
    heard = ends[1].receive().text
    assert heard == character * len(heard)
    assert len(heard) >= 1000


def test_bytes_that_are_no_text_arrive_too(ends: tuple[Channel, Channel]) -> None:
    name = os.fsdecode(b"/bin/\xff\xfe")
    ends[0].send("not found", name)
    assert os.fsencode(ends[1].receive().text) == b"/bin/\xff\xfe"


def test_a_descriptor_travels_along_and_does_not_survive_exec(
    ends: tuple[Channel, Channel],
) -> None:
    read_end, write_end = os.pipe()
    ends[0].send("terminal", fd=write_end)
    os.close(write_end)
    received = ends[1].receive().fd
    assert not os.get_inheritable(received)
    os.write(received, b"through")
    os.close(received)
    assert os.read(read_end, 100) == b"through"
    os.close(read_end)


def test_the_end_of_the_other_side_is_an_end(ends: tuple[Channel, Channel]) -> None:
    ends[0].close()
    assert ends[1].receive() == handshake.END


def test_an_end_with_words_unread_is_an_end_as_well(ends: tuple[Channel, Channel]) -> None:
    ends[1].send("go")
    ends[0].close()
    assert ends[1].receive() == handshake.END


def test_speaking_to_nobody_is_an_error_and_no_signal(ends: tuple[Channel, Channel]) -> None:
    ends[1].close()
    with pytest.raises(BrokenPipeError):
        ends[0].send("ready")


@pytest.mark.parametrize("code", sorted(errno.errorcode))
def test_eight_raw_bytes_are_the_springboards_errno(
    ends: tuple[Channel, Channel], code: int
) -> None:
    os.write(ends[0].fileno(), struct.pack("=q", -code))
    assert ends[1].receive() == Message("exec", number=code)


class TestFailures:
    @pytest.mark.parametrize(
        ("message", "kind", "exit_code", "text"),
        [
            (Message("error", "step x: no"), SystemFailure, 1, "step x: no"),
            (Message("not found", 'exec: "x"'), CommandNotFound, 127, 'exec: "x"'),
            (Message("not executable", 'exec: "x"'), CommandNotExecutable, 126, 'exec: "x"'),
            (Message("exec", number=errno.ENOENT), CommandNotFound, 127, "prog: no such file"),
            (Message("exec", number=errno.ENOTDIR), CommandNotFound, 127, "prog: not a dir"),
            (Message("exec", number=errno.EACCES), CommandNotExecutable, 126, "prog: permission"),
            (Message("exec", number=errno.ENOEXEC), CommandNotExecutable, 126, "prog: exec format"),
            (Message("exec", number=errno.ELOOP), CommandNotExecutable, 126, "prog: too many"),
            (handshake.END, SystemFailure, 1, "died"),
            (Message("gibberish"), SystemFailure, 1, "died"),
        ],
    )
    def test_each_has_its_class_exit_code_and_words(
        self, message: Message, kind: type[CuddyError], exit_code: int, text: str
    ) -> None:
        error = handshake.failure(message, "prog")
        assert type(error) is kind
        assert error.exit_code == exit_code
        assert text in str(error)

    def test_what_cannot_be_executed_has_a_hint(self) -> None:
        assert "interpreter" in handshake.exec_failure(errno.ENOENT, "x").hint
        assert "architecture" in handshake.exec_failure(errno.ENOEXEC, "x").hint
