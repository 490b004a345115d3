"""The monitor's loop: the container's streams on one side, log and clients on the other.

Everything is non-blocking and bounded. A client that does not read holds the container back, as a
pipe would, once `MAX_QUEUE_BYTES` wait for it; a client that is gone holds nobody back.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import time

from cuddy.engine import frames
from cuddy.engine.relay_client import MAX_QUEUE_BYTES, Client
from cuddy.kernel import pty, sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.engine.held_ports import HeldPorts
    from cuddy.engine.logwriter import LogWriter
    from cuddy.engine.owner import Owner

    HoldPorts = Callable[[list[int], int], HeldPorts]

CHUNK_BYTES = 1 << 16
RIGHTS_BYTES = _socket.CMSG_SPACE(4 * 200)
MAX_CLIENTS = 256
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)


class Streams:
    """The monitor's ends of the container's standard streams; with a terminal all are one."""

    def __init__(self, stdin: int, outputs: dict[int, int], *, tty: bool) -> None:
        self.stdin = stdin  # -1: none, or closed
        self.outputs = outputs  # descriptor -> STDOUT or STDERR
        self.tty = tty
        for fd in (stdin, *outputs):
            if fd >= 0:
                os.set_blocking(fd, False)

    def close_stdin(self) -> None:
        """The container reads end of file. A terminal stays: it is the output as well."""
        if self.stdin >= 0 and not self.tty:
            os.close(self.stdin)
            self.stdin = -1

    def close_output(self, fd: int) -> None:
        """One output has ended."""
        del self.outputs[fd]
        if self.tty and fd == self.stdin:
            self.stdin = -1
        os.close(fd)


class Relay:
    """Copies until the container has ended and its output is drained."""

    def __init__(
        self, streams: Streams, log: LogWriter, listener: _socket.socket, hold_ports: HoldPorts,
        *, stdin_once: bool,
    ) -> None:  # fmt: skip
        self.streams = streams
        self.log = log
        self.listener = listener
        self.stdin_once = stdin_once
        self.clients: list[Client] = []
        self.accepts = True  # False: no descriptor is left for one more
        self.input = bytearray()  # waiting to be read by the container
        self.input_ends = False  # close stdin once `input` is written
        self.chore: Callable[[], None] | None = None  # to be done once, not before it is due
        self.chore_due = 0.0
        self.ports: HeldPorts | None = None
        self._hold_ports = hold_ports

    def hold(self, holders: list[int], carrier: int = -1) -> None:
        """Keep these ports from others, and no more those that were kept."""
        if self.ports:
            self.ports.close()
        self.ports = self._hold_ports(holders, carrier) if holders else None

    def add(self, socket: _socket.socket) -> Client:
        """Serve one more client."""
        client = Client(socket)
        self.clients.append(client)
        return client

    def serve_owner(self, owner: Owner) -> None:
        """Serve the one for whom the container runs, who may have said something already."""
        self.clients.append(owner)
        for frame in owner.unread:
            self.obey(owner, frame)

    def run(self, pidfd: int, *, idle_s: float | None = None) -> bool:
        """Copy until the process of `pidfd` has ended and nothing more comes out.

        False: nothing has happened for `idle_s`, and nobody and nothing is waiting.
        """
        ended = False
        while not (ended and not self.streams.outputs):
            poll = self.interests()
            if not ended:
                for fd in (pidfd, *(self.ports.watched() if self.ports else ())):
                    poll.register(fd, select.POLLIN)
            # After the end nobody inside can still write; what an outsider holds open is not ours.
            ready = dict(poll.poll(50 if ended else self.patience_ms(idle_s)))
            self.see_to_chores()
            if not ready and not ended and not self.log.is_busy():
                return False
            if not ended and ready.pop(pidfd, 0):
                ended = True
            elif ended and not ready and not self.is_held_back():
                break
            self.serve(ready)
            if self.ports and not ended:
                self.ports.serve(ready)
        return True

    def see_to_chores(self) -> None:
        """Do what can wait, if something has happened late enough, and descriptors are left."""
        if self.chore and time.monotonic() > self.chore_due:
            try:
                self.chore()
                self.chore = None
            except OSError as error:
                if error.errno not in NO_DESCRIPTOR:
                    raise

    def patience_ms(self, idle_s: float | None) -> float | None:
        """How long to wait for something to happen; None, for ever, while somebody is served."""
        if idle_s is None or self.clients or self.input or self.log.has_partial():
            return None
        return idle_s * 1000

    def end(self) -> None:
        """The container has ended: nothing more comes out of it, and nothing goes in."""
        self.log.close()
        self.hold([])
        for fd in list(self.streams.outputs):
            self.streams.close_output(fd)
        self.streams.close_stdin()
        self.accepts = True

    def begin(self, streams: Streams, log: LogWriter, holders: list[int]) -> None:
        """It lives again."""
        self.hold(holders)
        self.streams, self.log = streams, log
        self.input.clear()
        self.input_ends = False

    def wait_out(self, delay_s: float, is_over: Callable[[], bool]) -> bool:
        """Serve clients for a while without a container; False when it is over.

        Asked whenever somebody comes: whoever wants it to be over knocks (`wait.until_end`).
        """
        deadline = time.monotonic() + delay_s
        while (left_s := deadline - time.monotonic()) > 0:
            ready = dict(self.interests().poll(left_s * 1000))
            self.serve(ready)
            if ready and is_over():
                return False
        return True

    def drain(self) -> None:
        """Deliver what still waits for clients, as long as they are there."""
        for client in list(self.clients):
            while client.queue and client in self.clients:
                poll = select.poll()
                poll.register(client, select.POLLOUT)
                poll.poll()
                if not client.flush():
                    self.drop(client)

    def interests(self) -> select.poll:
        """What to wait for, by what there is to do."""
        poll = select.poll()
        if self.accepts:
            poll.register(self.listener, select.POLLIN)
        if not self.is_held_back():
            for fd in self.streams.outputs:
                poll.register(fd, select.POLLIN)
        if self.streams.stdin >= 0 and self.input:
            tty_output = self.streams.stdin in self.streams.outputs and not self.is_held_back()
            mask = select.POLLOUT | (select.POLLIN if tty_output else 0)
            poll.register(self.streams.stdin, mask)
        if (log_fd := self.log.waiting_fd()) >= 0:
            poll.register(log_fd, select.POLLOUT)
        for client in self.clients:
            has_room = len(self.input) < MAX_QUEUE_BYTES
            poll.register(client, client.interests(has_room=has_room))
        return poll

    def is_held_back(self) -> bool:
        """Whether the log or a client has too much waiting for more to be read."""
        return self.log.is_full() or any(
            len(client.queue) > MAX_QUEUE_BYTES and not client.is_leaving for client in self.clients
        )

    def serve(self, ready: dict[int, int]) -> None:
        """Act on what poll(2) reported."""
        for fd in list(self.streams.outputs):
            if ready.get(fd, 0) & ~select.POLLOUT:
                self.read_output(fd)
        if ready.get(self.log.waiting_fd(), 0):
            self.log.flush()
        if self.input and ready.get(self.streams.stdin, 0) & ~select.POLLIN:
            self.write_input()
        for client in list(self.clients):
            events = ready.get(client.fileno(), 0)
            if events & select.POLLIN and not events & select.POLLRDHUP:
                self.read_client(client)
            elif events & (select.POLLHUP | select.POLLERR | select.POLLRDHUP):
                self.drop(client)
            may_write = events & select.POLLOUT and client in self.clients
            if may_write and (not client.flush() or client.is_done()):
                self.drop(client)
        if ready.get(self.listener.fileno(), 0):
            self.accept()

    def accept(self) -> None:
        """A new client: too many are turned away, and without a descriptor it waits for one."""
        try:
            socket = sockets.accept(self.listener)
        except OSError as error:
            self.accepts = error.errno not in NO_DESCRIPTOR
            return
        if len(self.clients) < MAX_CLIENTS:
            self.add(socket)
        else:
            socket.close()

    def read_output(self, fd: int) -> None:
        """A piece of the container's output goes to the log and to whoever wants it."""
        try:
            data = os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # EIO: the last process closed the terminal
        if not data:
            self.streams.close_output(fd)
            return
        stream = self.streams.outputs[fd]
        self.log.write(stream, data)
        wanted = frames.WANT_STDOUT if stream == 1 else frames.WANT_STDERR
        self.send(frames.encode(stream, data), wanted)

    def send(self, frame: bytes, wanted: int) -> None:
        """Queue a frame for every client that wants it, and try at once."""
        for client in list(self.clients):
            if client.wants & wanted:
                client.queue += frame
                if not client.flush():
                    self.drop(client)

    def dismiss(self, outcome: dict[str, object]) -> None:
        """Tell every client how the container ended that has not been told; each leaves when it has
        heard all.
        """
        for client in list(self.clients):
            if not client.is_leaving:
                client.dismiss(outcome)
            if not client.flush() or client.is_done():
                self.drop(client)

    def read_client(self, client: Client) -> None:
        """What a client sends: its wishes, input, window size."""
        try:
            data, passed, *_ = client.socket.recvmsg(
                CHUNK_BYTES, RIGHTS_BYTES, _socket.MSG_CMSG_CLOEXEC
            )
            if passed:
                self.receive_descriptors(client, passed)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(client)
            return
        try:
            for frame in client.decoder.feed(data):
                self.obey(client, frame)
        except ValueError:
            self.drop(client)

    def obey(self, client: Client, frame: frames.Frame) -> None:
        """One message of a client's."""
        if frame.kind == frames.HELLO and frame.data:
            self.welcome(client, frame.data[0])
        elif frame.kind == frames.STDIN and client.wants & frames.WANT_STDIN:
            if self.streams.stdin >= 0:
                self.input += frame.data
                self.write_input()
        elif frame.kind == frames.CLOSE_STDIN and client.wants & frames.WANT_STDIN:
            self.end_input(is_wish=bool(client.wants & frames.WANT_CLOSING))
        elif frame.kind == frames.RESIZE and len(frame.data) == frames.WINDOW.size:
            self.resize(*frames.WINDOW.unpack(frame.data))
        elif frame.kind == frames.SIZED:
            self.send(frames.encode(frames.SIZED), frames.WANT_SIZED)
        elif frame.kind == frames.CLEAR:
            client.answer(frames.CLEAR, self.log.clear().encode())
        elif frame.kind == frames.PORTS:
            self.change_ports(client, add=bool(frame.data))

    def welcome(self, client: Client, wants: int) -> None:
        """From here on it gets what it wants."""
        client.wants = wants
        if wants & frames.WANT_SEAM:
            # Imported here: only clients of the API ask where in the log they come in.
            from cuddy.engine import seam

            client.answer(frames.SEAM, seam.encode(seam.of_writer(self.log)))

    def receive_descriptors(self, client: Client, passed: list[tuple[int, int, bytes]]) -> None:
        """Descriptors from a client; what they are for, its message says."""
        from cuddy.engine import held_ports

        client.descriptors += held_ports.descriptors_of(passed)

    def change_ports(self, client: Client, *, add: bool) -> None:
        """Other ports are to be kept, or more, as the container's networks are others now."""
        if not add:
            self.hold([])
        holders, client.descriptors = client.descriptors, []
        if self.ports:
            self.ports.adopt(holders)
        else:
            self.hold(holders)
        client.answer(frames.PORTS)

    def resize(self, rows: int, columns: int) -> None:
        """A client's window has this size now."""
        if self.streams.tty and self.streams.stdin >= 0:
            pty.set_size(self.streams.stdin, pty.Size(rows, columns))

    def end_input(self, *, is_wish: bool = False) -> None:
        """A client's input has ended; the container's does too if it was meant for one client, or
        if that is what the client wishes.
        """
        if self.stdin_once or is_wish:
            self.input_ends = True
            self.write_input()

    def write_input(self) -> None:
        """Give the container what waits for it, as far as it takes it."""
        try:
            while self.input and self.streams.stdin >= 0:
                written = os.write(self.streams.stdin, self.input[:CHUNK_BYTES])
                del self.input[:written]
        except BlockingIOError:
            return
        except OSError:  # EPIPE: the container closed its end
            self.input.clear()
            self.streams.close_stdin()
        if self.input_ends and not self.input:
            self.streams.close_stdin()

    def drop(self, client: Client) -> None:
        """A client is gone."""
        self.clients.remove(client)
        client.close()
        self.accepts = True
        if client.wants & frames.WANT_STDIN and not self.streams.tty:
            self.end_input()
