"""The monitor's loop, with nobody around it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cuddy.engine.held_ports import HeldPorts
from cuddy.engine.jsonlog import JsonLog
from cuddy.engine.logwriter import LogWriter
from cuddy.engine.relay import Relay, Streams


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    """Of a container that says nothing, which nobody listens to."""
    log = LogWriter(JsonLog(str(tmp_path / "log.json")))
    with socket.socket(socket.AF_UNIX) as listener:

        def hold(holders: list[int], carrier: int) -> HeldPorts:
            raise AssertionError("there are no ports")

        yield Relay(Streams(-1, {}, tty=False), log, listener, hold, stdin_once=False)
    log.close()


def test_what_can_wait_waits_for_a_descriptor(relay: Relay) -> None:
    tries: list[int] = []

    def chore() -> None:
        tries.append(len(tries))
        if len(tries) == 1:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    relay.chore, relay.chore_due = chore, 0.0
    for _ in range(3):
        relay.see_to_chores()
    assert tries == [0, 1]


def test_any_other_mistake_of_a_chore_is_one(relay: Relay) -> None:
    def chore() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    relay.chore, relay.chore_due = chore, 0.0
    with pytest.raises(OSError, match="Input/output"):
        relay.see_to_chores()
