"""An answer that is sent while it is made, to a client that does not read it."""

from __future__ import annotations

import socket

import pytest

from cuddy.api.connection import Connection, Peer
from cuddy.api.stream import Stream
from cuddy.engine.departure import ClientLeft


def test_who_takes_nothing_of_an_archive_is_given_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = Stream(
            Connection(ours, Peer()), "application/x-tar", bodiless=False, chunked=True,
            patience_s=0.01,
        )  # fmt: skip
        with pytest.raises(ClientLeft):
            for _ in range(100):
                stream.write(bytes(1 << 18))
