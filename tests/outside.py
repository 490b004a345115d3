"""A world outside the session's network namespace, for tests of NAT and name resolution.

Another namespace at the far end of a veth pair, holding a web server that answers with its client's
address, and a name server that knows one name. Run as a program, this file is that world.
"""

from __future__ import annotations

import ctypes
import os
import selectors
import socket
import struct
import subprocess
import sys

HERE = "198.51.100.1"
THERE = "198.51.100.2"
LINK = "outside0"
NAME = "outside.example"
HTTP_PORT = 80
DNS_PORT = 53
CLONE_NEWNET = 0x40000000


class Outside:
    """The running world; `close` ends it and its links."""

    address = THERE
    name = NAME
    our_address = HERE

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", __file__]
        pipe = subprocess.PIPE
        self._server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._expect("unshared")
        peer = ["peer", "name", "eth0", "netns", str(self._server.pid)]
        ip("link", "add", LINK, "type", "veth", *peer)
        ip("address", "add", f"{HERE}/24", "dev", LINK)
        ip("link", "set", LINK, "up")
        ip("route", "add", "default", "via", THERE)
        assert self._server.stdin
        print("go", file=self._server.stdin, flush=True)
        self._expect("serving")

    def _expect(self, word: str) -> None:
        assert self._server.stdout
        answer = self._server.stdout.readline().strip()
        assert answer == word, f"the world outside said {answer!r} instead of {word!r}"

    @property
    def pid(self) -> int:
        """A process in the world outside, for those who want to be there."""
        return self._server.pid

    def close(self) -> None:
        ip("link", "delete", LINK)
        self._server.kill()
        self._server.communicate()


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def serve() -> None:
    """Answer until killed."""
    if ctypes.CDLL(None).unshare(CLONE_NEWNET):
        sys.exit("unshare failed")
    print("unshared", flush=True)
    sys.stdin.readline()
    for words in (
        ("link", "set", "lo", "up"),
        ("address", "add", f"{THERE}/24", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
    ):
        ip(*words)
    selector = selectors.DefaultSelector()
    web = socket.create_server(("", HTTP_PORT), backlog=100)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind(("", DNS_PORT))
    selector.register(web, selectors.EVENT_READ, answer_web)
    selector.register(names, selectors.EVENT_READ, answer_name)
    print("serving", flush=True)
    while True:
        for key, _ in selector.select():
            key.data(key.fileobj)


def answer_web(listener: socket.socket) -> None:
    """Say from which address the client comes, in enough HTTP for wget."""
    connection, (address, _) = listener.accept()
    with connection:
        connection.settimeout(2)
        try:
            connection.recv(4096)
            connection.sendall(f"HTTP/1.0 200 OK\r\n\r\nyou are {address}\n".encode())
        except OSError:
            pass


def answer_name(listener: socket.socket) -> None:
    """Answer an A question for NAME; there is no other name (RFC 1035, section 4)."""
    query, client = listener.recvfrom(512)
    identity, question = query[:2], query[12:]
    end = question.index(0) + 5
    labels = b"".join(bytes([len(word)]) + word.encode() for word in NAME.split("."))
    known = question[: end - 5].lower() == labels
    kind = struct.unpack("!H", question[end - 4 : end - 2])[0]
    has_answer = known and kind == 1
    flags = 0x8180 if known else 0x8183
    header = identity + struct.pack("!HHHHH", flags, 1, has_answer, 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(THERE)
    listener.sendto(header + question[:end] + (record if has_answer else b""), client)


if __name__ == "__main__":
    # -I -S: only what is needed, and never a module of the tests by accident
    os.environ.setdefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    serve()
