"""What is said to criu and understood of its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuddy.errors import InvalidArgument, SystemFailure
from cuddy.runtime import checkpoint, create, criu, restore
from cuddy.runtime.bundle import Bundle
from cuddy.runtime.checkpoint import Outer


def test_a_message_is_as_protocol_buffers_have_it() -> None:
    """The guide's own examples: a varint of 150, the text "testing", and a field that repeats."""
    assert criu.encode({1: 150}) == bytes.fromhex("089601")
    assert criu.encode({2: "testing"}) == bytes.fromhex("120774657374696e67")
    assert criu.encode({3: True, 4: ["a", "b"]}) == bytes.fromhex("1801220161220162")


@given(st.dictionaries(st.integers(1, 5000), st.integers(0, (1 << 64) - 1) | st.binary()))
def test_what_is_encoded_is_decoded(fields: dict[int, int | bytes]) -> None:
    assert criu.decode(criu.encode(dict(fields))) == fields


@given(st.binary(max_size=200))
def test_no_answer_is_more_than_misunderstood(message: bytes) -> None:
    try:
        criu.decode(message)
    except ValueError:
        pass


@pytest.mark.parametrize("message", ["08", "0896", "1205ff", "0b", "09ff", "08" + "ff" * 11])
def test_a_message_that_is_cut_short_or_wrong_is_an_error(message: str) -> None:
    with pytest.raises(ValueError, match="cut short|unknown wire type|too long"):
        criu.decode(bytes.fromhex(message))


def test_a_failure_says_the_last_error_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "dump.log"
    log.write_text(
        "(00.01) Error (criu/tun.c:85): tun: unable\n"
        "(00.02) Error (criu/mount.c:75): mnt: 9:./x doesn't have a proper root mount\n"
        "(00.03) Error (criu/cr-dump.c:21): Dumping FAILED.\n"
        "(00.04) Error (criu/cgroup.c:19): cg: recv req error\n"
    )
    with pytest.raises(SystemFailure, match="criu failed: dump: mnt: 9:./x doesn't have a proper"):
        criu.check({2: 0, 9: b"tun: unable"}, "dump", str(log))
    criu.check({2: 1}, "dump", str(log))


def test_a_failure_that_is_known_has_a_hint(tmp_path: Path) -> None:
    with pytest.raises(SystemFailure) as caught:
        checkpoint.check({9: b"kerndat_vdso_fill_symtable failed"}, "dump", str(tmp_path / "no"))
    assert "criu 4 knows" in caught.value.hint


@pytest.mark.parametrize("address", ["", ":", "host", "host:", "host:0", "host:65536", "host:x"])
def test_a_page_server_has_an_address_and_a_port(address: str) -> None:
    with pytest.raises(InvalidArgument, match="--page-server ADDRESS:PORT"):
        checkpoint.page_server(address)


def test_a_criu_that_is_not_there_is_told_how_to_get() -> None:
    with pytest.raises(SystemFailure) as caught:
        criu.find("/no/such/criu")
    assert "apt install criu" in caught.value.hint


def test_images_do_not_choose_what_of_the_host_is_shown(tmp_path: Path) -> None:
    config: Any = {"linux": {"devices": [{"path": "/dev/fuse", "type": "c"}]}}
    birth = create.Birth(Bundle("/bundle", config), "box", str(tmp_path))
    for fine in ("/dev/null", "/dev/fuse"):
        assert restore.source_of(Outer("/proc/kcore", "host", fine), birth) == fine
    for foul in ("/", "/etc", "/dev", "/dev/sda", "/dev/null/../sda", "/dev//null"):
        with pytest.raises(InvalidArgument, match="nowhere to be found"):
            restore.source_of(Outer("/x", "host", foul), birth)
