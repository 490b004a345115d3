"""One call, in a process of its own: it is read, done and answered."""

from __future__ import annotations

import _signal
import _socket

from cuddy import files, unforeseen
from cuddy.engine import frames, nursery
from cuddy.engine.departure import ClientLeft, UntilClientLeaves, unwind
from cuddy.engine.home import Home, open_home
from cuddy.errors import CuddyError, SystemFailure
from cuddy.library import calls, speech
from cuddy.undo import Shield

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

UNWINDING = (_signal.SIGTERM, _signal.SIGHUP)


class Call:
    """What a program wants, and how it is answered. `fds`: descriptors that came with it."""

    def __init__(self, home: Home, sock: _socket.socket, fds: list[int]) -> None:
        self.home = home
        self.socket = sock
        self.fds = fds
        self.unread: list[frames.Frame] = []  # what came behind the call
        self.decoder = speech.decoder()
        self.departure = UntilClientLeaves(sock)
        self.is_answered = False

    def read(self) -> tuple[str, dict[str, Any]]:
        """Its name and arguments. Raises ClientLeft, ValueError."""
        while not self.unread:
            data = self.socket.recv(speech.CHUNK_BYTES)
            if not data:
                raise ClientLeft
            self.unread = self.decoder.feed(data)
        document = files.parse_json(self.unread.pop(0).data)
        return document["name"], document["arguments"]

    def settle(self) -> None:
        """From here on nothing unwinds when the program leaves: who goes on looks at the socket."""
        with Shield():
            self.departure.stop()
            for number in UNWINDING:
                _signal.signal(number, self._hang_up)

    def _hang_up(self, *_: object) -> None:
        """The program has ended, and a child of its own may hold its end of the socket."""
        self.socket.shutdown(_socket.SHUT_RDWR)

    def item(self, value: object) -> None:
        """One of several answers. Raises ClientLeft."""
        self.say(speech.ITEM, value)

    def say(self, kind: int, value: object) -> None:
        """A frame of JSON. Raises ClientLeft."""
        self.send(speech.encode(kind, value))

    def send(self, data: bytes) -> None:
        """Bytes, however long the program takes to read them. Raises ClientLeft."""
        try:
            self.socket.sendall(data, _socket.MSG_NOSIGNAL)
        except OSError:
            raise ClientLeft from None


def await_call(channel: _socket.socket) -> tuple[_socket.socket, list[int]] | None:
    """The next call's socket and descriptors; None when there will be none."""
    try:
        packet, fds = nursery.receive(channel)
    except OSError:
        return None
    return (_socket.socket(fileno=fds[0]), fds[1:]) if packet and fds else None


def serve(home: Home | CuddyError, sock: _socket.socket, fds: list[int]) -> None:
    """Do what is asked on a socket, and say what came of it; or why there is no home."""
    for number in UNWINDING:
        _signal.signal(number, unwind)
    try:
        if isinstance(home, CuddyError):
            call = Call(Home(), sock, fds)
            last: tuple[int, object] = (speech.ERROR, speech.failure(home))
        else:
            call = Call(home, sock, fds)
            with call.departure:
                last = attempt(call)
        if not call.is_answered:
            sock.setblocking(True)  # it may have been a monitor's
            call.say(*last)
    except (ClientLeft, SystemExit):
        pass  # nobody is there to be told
    sock.close()


def attempt(call: Call) -> tuple[int, object]:
    """The last word on a call: that it is done, or why not."""
    try:
        name, arguments = call.read()
        function = calls.find(name)
        call.home = open_home(*call.home)
        return speech.DONE, function(call, **arguments)
    except CuddyError as error:
        return speech.ERROR, speech.failure(error)
    except Exception as error:
        import traceback

        trace = "".join(traceback.format_exception(error))
        failure = SystemFailure(unforeseen.explain(error))
        return speech.ERROR, speech.failure(failure, trace)
