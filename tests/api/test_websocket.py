"""Attach through a WebSocket."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
import termios
from contextlib import suppress

import pytest

from console import Cuddy, wait_until
from cuddy.api import websocket
from cuddy.api.hijacked import Hijacked
from engine_api import Api

KEY, ACCEPTED = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example in RFC 6455."""


def open_socket(api: Api, path: str) -> tuple[socket.socket, str]:
    sock = api.connect()
    head = f"GET {path} HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    sock.sendall(f"{head}Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += sock.recv(1)
    return sock, answer.decode()


def say(sock: socket.socket, kind: int, data: bytes) -> None:
    mask = os.urandom(4)
    head = struct.pack(">BB", 0x80 | kind, 0x80 | len(data))
    sock.sendall(head + mask + websocket.unmask(mask, data))


def read_frames(sock: socket.socket) -> list[tuple[int, bytes]]:
    data = b"".join(iter(lambda: sock.recv(1 << 16), b""))
    found = []
    while data:
        assert data[1] < 126
        found.append((data[0] & 0x0F, data[2 : 2 + data[1]]))
        data = data[2 + data[1] :]
    return found


def test_bytes_both_ways_and_a_ping(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("create", "-i", "--name", "box", "alpine", "sh", "-c", "read x; echo got $x")
    query = "stream=1&stdin=1&stdout=1"
    sock, answer = open_socket(api, f"/containers/box/attach/ws?{query}")
    with sock:
        assert answer.startswith("HTTP/1.1 101 ")
        assert f"Sec-WebSocket-Accept: {ACCEPTED}\r\n" in answer
        say(sock, websocket.PING, b"are you there")
        say(sock, websocket.TEXT, b"something\n")
        cuddy.ok("start", "box")
        frames = read_frames(sock)
    assert (websocket.PONG, b"are you there") in frames
    said = b"".join(data for kind, data in frames if kind == websocket.BINARY)
    assert said == b"got something\n"
    assert frames[-1] == (websocket.CLOSE, b"\x03\xe8")


def test_a_client_that_closes_or_talks_nonsense_leaves_it_running(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "-i", "-t", "--name", "box", "alpine", "sleep", "1000")
    for last in (websocket.frame(websocket.CLOSE, b""), b"\x88\x80mask", b"\xff" * 20):
        sock, _ = open_socket(api, "/containers/box/attach/ws?stream=1&stdin=1&stdout=1")
        with sock:
            sock.sendall(last)
            read_frames(sock)
    assert cuddy.field("box", "{{.State.Running}}") == "true"


def test_who_does_not_speak_it_is_told(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("create", "--name", "box", "alpine", "true")
    assert api("GET", "/containers/box/attach/ws", stream=1).status == 400


def test_all_of_the_output_comes_also_when_no_more_follows(api: Api, cuddy: Cuddy) -> None:
    script = "head -c 3000000 /dev/zero; exec sleep 1000"
    cuddy.ok("create", "--name", "box", "alpine", "sh", "-c", script)
    sock, _ = open_socket(api, "/containers/box/attach/ws?stream=1&stdout=1")
    with sock:
        cuddy.ok("start", "box")
        wait_until(lambda: unread(sock) > 100_000)  # it is held back by a client that does not read
        reader, length = Unmasked(), 0
        while length < 3_000_000:
            length += sum(map(len, reader.feed(sock.recv(1 << 16))))
        assert length == 3_000_000


class Unmasked:
    """Frames of a server's."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> list[bytes]:
        self._data += data
        found = []
        while len(self._data) >= 10:
            length, start = self._data[1], 2
            if length > 125:
                form = ">H" if length == 126 else ">Q"
                start += struct.calcsize(form)
                (length,) = struct.unpack(form, self._data[2:start])
            if len(self._data) < start + length:
                break
            found.append(self._data[start : start + length])
            self._data = self._data[start + length :]
        return found


def unread(sock: socket.socket) -> int:
    return int.from_bytes(fcntl.ioctl(sock, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_one_who_wants_no_input_is_heard_all_the_same(api: Api, cuddy: Cuddy) -> None:
    cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    sock, _ = open_socket(api, "/containers/box/attach/ws?stream=1&stdout=1")
    with sock:
        say(sock, websocket.TEXT, b"nobody reads this")
        say(sock, websocket.PING, b"here?")
        assert sock.recv(100) == websocket.frame(websocket.PONG, b"here?")
        say(sock, websocket.CLOSE, b"")
        assert read_frames(sock)[-1][0] == websocket.CLOSE


def test_one_who_pings_on_and_never_reads_is_cut_off() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Hijacked(fileno=os.dup(ours.fileno())) as hijacked:
        framing = websocket.WebSocket(hijacked)
        framing.setblocking(False)
        theirs.setblocking(False)
        flood = struct.pack(">BB", 0x80 | websocket.PING, 0x80 | 125) + bytes(4 + 125)
        with pytest.raises(ConnectionResetError):
            for _ in range(1000):
                with suppress(BlockingIOError):
                    theirs.send(flood * 100)
                with suppress(BlockingIOError):
                    framing.recv(1 << 16)
