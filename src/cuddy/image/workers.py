"""Worker processes: forked, spoken to through a pipe, never left behind.

A worker tells its parent what it does by messages, one JSON document a line, and ends. When the
parent dies, however that happens, the kernel kills its workers.
"""

from __future__ import annotations

import _signal
import gc
import os

from cuddy import errors, files
from cuddy.errors import CuddyError, SystemFailure
from cuddy.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Send = Callable[..., None]

STOPPING = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGIO)
"""What ends a program, and SIGIO: a client of the API has left (`api/http.py`)."""
MAX_TEXT = 1000


class Crew:
    """The workers of one parent. Leaving the `with` block ends those that still run."""

    def __init__(self) -> None:
        self.workers: dict[int, Worker] = {}

    def start(
        self, name: str, work: Callable[[Send], None], *, closing: tuple[int, ...] = ()
    ) -> Worker:
        """A new worker. `closing`: descriptors that it must not hold open."""
        # A signal between fork and the note of the child would lose it.
        previous = _signal.pthread_sigmask(_signal.SIG_BLOCK, STOPPING)
        try:
            worker = Worker(name, work, closing)
            self.workers[worker.fd] = worker
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, previous)
        return worker

    def forget(self, worker: Worker) -> None:
        """End a worker, if it has not ended by itself."""
        self.workers.pop(worker.fd, None)
        worker.kill()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in list(self.workers.values()):
            self.forget(worker)


class Worker:
    """A child process that does `work(send)`; `fd` is readable when it has something to say."""

    def __init__(self, name: str, work: Callable[[Send], None], closing: tuple[int, ...]) -> None:
        self.name = name
        self._rest = b""
        self.fd, writer = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            _be_worker(work, writer, parent, (self.fd, *closing))
        os.close(writer)

    def messages(self) -> list[dict[str, Any]]:
        """What the worker has said since; last of all `{"ended": true}`.

        A worker that died without a word is reported as an error.
        """
        data = os.read(self.fd, 1 << 16)
        if data:
            *lines, self._rest = (self._rest + data).split(b"\n")
            return [files.parse_json(line) for line in lines]
        status = self.wait()
        if status:
            return [{"error": "SystemFailure", "message": f"{self.name} died ({status})"}]
        return [{"ended": True}]

    def finish(self, hear: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
        """Let it come to its end; what it has told, later words over earlier ones.

        `hear` is given each message as it comes. Raises the error that the worker met.
        """
        told: dict[str, Any] = {}
        while self.pid:
            for message in self.messages():
                if "error" in message:
                    raise received_error(message)
                if hear:
                    hear(message)
                told |= message
        return told

    def wait(self) -> int:
        """Its exit code, or minus the signal that ended it."""
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """End it now, unless it has ended."""
        if self.pid:
            os.kill(self.pid, _signal.SIGKILL)
            self.wait()


def _be_worker(
    work: Callable[[Send], None], writer: int, parent: int, closing: tuple[int, ...]
) -> None:
    """The whole life of a worker; does not return."""
    try:
        process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
        # Ctrl-C reaches every process of the terminal; the parent decides what it means.
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        _signal.signal(_signal.SIGTERM, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        gc.freeze()
        for fd in closing:
            os.close(fd)
        if os.getppid() == parent:
            _run(work, writer)
            os._exit(0)
    finally:
        os._exit(1)


def _run(work: Callable[[Send], None], writer: int) -> None:
    """Do the work; an error becomes the last message."""

    def send(**message: Any) -> None:
        files.write_all(writer, files.format_json(message).encode() + b"\n")

    try:
        work(send)
    except CuddyError as error:
        kind = type(error).__name__
        texts = {"message": error.message, "hint": error.hint, "excerpt": error.excerpt}
        own = {key: text for key, text in vars(error).items() if isinstance(text, str)}
        send(error=kind, **{key: text[:MAX_TEXT] for key, text in (own | texts).items()})
    except OSError as error:
        send(error="OSError", errno=error.errno or 0, message=str(error)[:MAX_TEXT])
    except Exception as error:
        send(error="SystemFailure", message=f"{type(error).__name__}: {error}"[:MAX_TEXT])


def received_error(message: dict[str, Any]) -> CuddyError | OSError:
    """The error that a worker told of."""
    text = message["message"]
    if message["error"] == "OSError":
        return OSError(message["errno"], text)
    kind = getattr(errors, message["error"], SystemFailure)
    error: CuddyError = kind.__new__(kind)
    CuddyError.__init__(error, text, hint=message.get("hint", ""))
    # What its class has beside the message: the name of what is not there.
    own = {key: text for key, text in message.items() if key != "error" and isinstance(text, str)}
    vars(error).update(own)
    return error
