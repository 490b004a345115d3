"""Attach: a client of a container's monitor, for commands that show or feed its streams."""

from __future__ import annotations

import _socket
import os
import select

from cuddy import files
from cuddy.engine import containers, events, frames
from cuddy.errors import Conflict, NotRunning, SystemFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.engine.seam import Seam

    Note = Callable[[str, dict[str, str]], None]

    class Streams(Protocol):
        """What an Attachment and an ExecSession have in common."""

        tty: bool

        def fileno(self) -> int: ...
        def receive(self) -> list[tuple[int, bytes]]: ...
        def send(self, data: bytes) -> int: ...
        def wants_write(self) -> bool: ...
        def write_fileno(self) -> int: ...
        def flush(self) -> None: ...
        def close_stdin(self) -> None: ...
        def resize(self, rows: int, columns: int) -> None: ...
        def detach(self) -> None: ...
        def close(self) -> None: ...


CHUNK_BYTES = 1 << 17
PATIENCE_S = 10  # for the answer of a monitor


class Attachment:
    """A connection to a running container's streams. Poll `fileno`, then `receive`.

    `note`: how an event about the container is noted, for clients that take part in its life.
    """

    has_begun = True
    seam: Seam | None = None  # where the log of a container ends that has not begun

    def __init__(self, socket: _socket.socket, *, tty: bool, note: Note | None = None) -> None:
        socket.setblocking(False)
        self._socket = socket
        self._decoder = frames.Decoder()
        self._queue = bytearray()
        self._note = note or (lambda action, attributes: None)
        self.tty = tty
        self.exit_code: int | None = None
        self.out_of_memory = False
        self.warnings: list[str] = []

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self._socket.fileno()

    def receive(self) -> list[tuple[int, bytes]]:
        """What the container wrote: (1 stdout or 2 stderr, data) pairs; nothing yet is [].

        Raises EOFError when the container has ended; `exit_code` then says how.
        """
        try:
            data = self._socket.recv(CHUNK_BYTES)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError
        found = []
        for frame in self._decoder.feed(data):
            if frame.kind == frames.EXIT:
                end = files.parse_json(frame.data)
                self.exit_code, self.out_of_memory = end["ExitCode"], end.get("OOMKilled", False)
            else:
                found.append((frame.kind, frame.data))
        return found

    def send(self, data: bytes) -> int:
        """Give the container input; returns how much was taken (0: `wants_write`, try later)."""
        if self._queue:
            return 0
        self._post(frames.STDIN, data)
        return len(data)

    def wants_write(self) -> bool:
        """Whether something waits for the socket to take it: poll for writing, then `flush`."""
        return bool(self._queue)

    def write_fileno(self) -> int:
        """The descriptor to poll for writing while `wants_write`."""
        return self._socket.fileno()

    def flush(self) -> None:
        """Send what waits, as far as it goes. What cannot be delivered any more is dropped."""
        try:
            while self._queue:
                sent = self._socket.send(self._queue, _socket.MSG_NOSIGNAL)
                del self._queue[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._queue.clear()

    def close_stdin(self) -> None:
        """Say that no more input comes."""
        self._post(frames.CLOSE_STDIN)

    def resize(self, rows: int, columns: int) -> None:
        """Tell the container's terminal the size of our window."""
        self._post(frames.RESIZE, frames.WINDOW.pack(rows, columns))
        if self.tty:
            self._note("resize", {"height": str(rows), "width": str(columns)})

    def tell_sized(self) -> None:
        """Say that whoever has asked for that size knows by now that it has it."""
        self._post(frames.SIZED)

    def detach(self) -> None:
        """Leave the container to itself, as the user asked."""
        self._note("detach", {})
        self.close()

    def hello(self, wants: int) -> None:
        """Say what this client is for."""
        self._post(frames.HELLO, bytes([wants]))

    def hear_first(self, kind: int) -> bytes:
        """The answer to `hello`, which comes before all else; empty if it does not come in time.

        Not a byte is read beyond it.
        """
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        if not poll.poll(PATIENCE_S * 1000):
            return b""
        head_bytes = frames.HEADER.size
        try:
            head = self._socket.recv(head_bytes, _socket.MSG_PEEK)
            if len(head) < head_bytes or head[0] != kind:
                return b""
            self._socket.setblocking(True)
            size = head_bytes + frames.HEADER.unpack(head)[1]
            return self._socket.recv(size, _socket.MSG_WAITALL)[head_bytes:]
        except ConnectionResetError:
            return b""
        finally:
            self._socket.setblocking(False)

    def request(self, kind: int, data: bytes = b"", descriptors: Sequence[int] = ()) -> bytes:
        """Ask the monitor for something, and wait for its answer.

        `descriptors`: it gets copies. Raises NotRunning, SystemFailure.
        """
        try:
            if descriptors:
                # Imported here: only ports are handed over.
                from cuddy.kernel import sockets

                message, passed = frames.encode(kind, data), [sockets.rights(*descriptors)]
                self._socket.sendmsg([message], passed, _socket.MSG_NOSIGNAL)
            else:
                self._post(kind, data)
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            while poll.poll(PATIENCE_S * 1000):
                for found, answer in self.receive():
                    if found == kind:
                        return answer
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise NotRunning("it has ended") from None
        except OSError as error:
            raise SystemFailure.from_os("cannot ask the container's monitor", error) from error
        raise SystemFailure("the container's monitor does not answer")

    def close(self) -> None:
        """Let go."""
        self._socket.close()

    def _post(self, kind: int, data: bytes = b"") -> None:
        self._queue += frames.encode(kind, data)
        self.flush()


def wishes(*, stdin: bool, stdout: bool, stderr: bool) -> int:
    """The streams a client wants, as one number."""
    return (
        (frames.WANT_STDIN if stdin else 0)
        | (frames.WANT_STDOUT if stdout else 0)
        | (frames.WANT_STDERR if stderr else 0)
    )


def attach(
    home: Home, container_id: str, *, stdin: bool = False, stdout: bool = True, stderr: bool = True,
    also: int = 0,
) -> Attachment:  # fmt: skip
    """Connect to a running container. Raises NotRunning; Conflict if it is paused or restarting.

    `also`: what else the client wants. WANT_SEAM: the log as well, and the monitor's first word is
    where it ends.
    """
    record = containers.find(home, container_id)
    if not record["State"]["Running"]:
        raise NotRunning(container_id)
    if record["State"]["Paused"]:
        raise Conflict("cannot attach to a paused container, unpause it first")
    if record["State"]["Restarting"]:
        raise Conflict("cannot attach to a restarting container, wait until it is running")
    tty = record["Config"]["Tty"]
    attachment = connect(home, record["Id"], tty=tty, note=noting(home, record))
    events.emit_container(home, "attach", record)
    attachment.hello(wishes(stdin=stdin, stdout=stdout, stderr=stderr) | also)
    return attachment


def connect(
    home: Home, container_id: str, *, tty: bool = False, note: Note | None = None
) -> Attachment:
    """A connection that has not said what it wants: it only hears of the end. Raises NotRunning."""
    run_dir = home.run_dir(container_id)
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        # As by sockets.Directory, which most who come here do not import.
        directory_fd = os.open(run_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            socket.connect(f"/proc/self/fd/{directory_fd}/monitor.sock")
        finally:
            os.close(directory_fd)
    except OSError:
        socket.close()
        raise NotRunning(container_id) from None
    return Attachment(socket, tty=tty, note=note)


def pair(home: Home, record: Container) -> tuple[Attachment, _socket.socket]:
    """A connection made before the monitor is: our end, and the one it will serve."""
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    return Attachment(ours, tty=record["Config"]["Tty"], note=noting(home, record)), theirs


def noting(home: Home, record: Container) -> Note:
    """How what a client does is noted as an event of a container."""
    return lambda action, attributes: events.emit_container(home, action, record, attributes)
