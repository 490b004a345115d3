"""The command's side of an exec: the process's streams, and the keeper's word of how it ended."""

from __future__ import annotations

import _socket
import os
import select

from cuddy import files
from cuddy.engine import relay
from cuddy.errors import SystemFailure
from cuddy.kernel import pty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.nursery import ExecOrder

MAX_MESSAGE_BYTES = 1 << 16


class ExecSession:
    """A process running in a container: its streams, and its end. The shape of an Attachment."""

    has_begun = True

    def __init__(
        self,
        home: Home,
        order: ExecOrder,
        keeper: _socket.socket,
        streams: relay.Streams,
        warnings: list[str],
    ) -> None:
        self._home = home
        self._order = order
        self._keeper = keeper
        self._streams = streams
        self._input = bytearray()
        self._input_ends = False
        self._poll = select.epoll()
        self._left = False  # whether the keeper has gone
        self.tty = streams.tty
        self.warnings = warnings
        self.exit_code: int | None = None
        self.timed_out = False
        for fd in (keeper.fileno(), *streams.outputs):
            self._poll.register(fd, select.EPOLLIN)

    def fileno(self) -> int:
        """Readable when `receive` has something to say."""
        return self._poll.fileno()

    def receive(self) -> list[tuple[int, bytes]]:
        """What the process wrote, as (1 stdout or 2 stderr, data).

        Raises EOFError when it has ended and nothing more can come, or the keeper waits no longer
        for what others may write that it left behind.
        """
        found = []
        for fd, _ in self._poll.poll(0):
            if fd == self._keeper.fileno():
                self._hear()
            elif data := self._read(fd):
                found.append((self._streams.outputs[fd], data))
        ended = self.exit_code is not None and not self._streams.outputs
        if not found and (ended or self._left):
            raise EOFError
        return found

    def _read(self, fd: int) -> bytes:
        try:
            data = os.read(fd, relay.CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""  # EIO: the terminal's last process is gone
        if not data:
            self._poll.unregister(fd)
            self._streams.close_output(fd)
        return data

    def _hear(self) -> None:
        data = self._keeper.recv(MAX_MESSAGE_BYTES)
        if data:
            end = files.parse_json(data)
            self.exit_code, self.timed_out = end["ExitCode"], end["TimedOut"]
        else:
            self._left = True

    def send(self, data: bytes) -> int:
        """Give the process input; how much was taken."""
        if self._input:
            return 0
        self._input += data
        self.flush()
        return len(data)

    def wants_write(self) -> bool:
        """Whether input waits: call `flush` again soon."""
        return bool(self._input)

    def write_fileno(self) -> int:
        """The descriptor to poll for writing while `wants_write`."""
        return self._streams.stdin

    def flush(self) -> None:
        """Write what waits, as far as it goes. What the process reads no more is dropped."""
        if self._streams.stdin < 0:
            self._input.clear()
        try:
            while self._input:
                written = os.write(self._streams.stdin, self._input[: relay.CHUNK_BYTES])
                del self._input[:written]
        except BlockingIOError:
            return
        except OSError:
            self._input.clear()
            self._streams.close_stdin()
        if self._input_ends and not self._input:
            self._streams.close_stdin()

    def close_stdin(self) -> None:
        """No more input comes."""
        self._input_ends = True
        self.flush()

    def resize(self, rows: int, columns: int) -> None:
        """The size of our window, for its terminal."""
        if self.tty and self._streams.stdin >= 0:
            pty.set_size(self._streams.stdin, pty.Size(rows, columns))

    def wait(self) -> int:
        """The process's exit code; blocks until it has ended. Before `close`."""
        while self.exit_code is None:
            if self._left:
                raise SystemFailure("the process that watched over the exec was killed")
            self._hear()
        return self.exit_code

    def detach(self) -> None:
        """Leave the process to itself, as the user asked."""
        from cuddy.engine import container, exec_process

        record = container.read(self._home, self._order.container_id)
        exec_process.note(self._home, record, "exec_detach", self._order.exec_id)
        self.close()

    def close(self) -> None:
        """Let go; the process goes on without us."""
        self._poll.close()
        self._keeper.close()
        for fd in list(self._streams.outputs):
            self._streams.close_output(fd)
        self._streams.close_stdin()
