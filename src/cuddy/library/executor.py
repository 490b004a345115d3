"""Executor: commands and Python functions in containers, as `concurrent.futures` has it.

    submit ─▶ thread pool ─▶ a worker: a sandbox that is warm, taken by one task at a time
                              └─ remote.py, run by the image's own python3

What a container sends is hostile: results of functions are JSON, and nothing that comes back is
ever unpickled. Arguments travel the other way, as a pickle.
"""

from __future__ import annotations

from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from concurrent.futures import Executor as Futures
from typing import Any, overload

from cuddy.errors import (
    CommandNotFound,
    NoSuchContainer,
    NotRunning,
    TaskFailed,
    Timeout,
)
from cuddy.library import remote
from cuddy.library.sandbox import Sandbox
from cuddy.library.wishes import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import ParamSpec, TypeVar, Unpack

    from cuddy.library.engine import Engine
    from cuddy.library.sandbox import Files
    from cuddy.library.values import Result
    from cuddy.library.wishes import Wishes

    P = ParamSpec("P")
    T = TypeVar("T")

MAX_OUTPUT_BYTES = 64 << 20
ATTEMPTS = 3
"""To find a worker that is alive when the task begins."""
KILLED, END_S = 128 + 9, 2.0


class Task(Future[Any]):
    """What a task will come to. `cancel` ends one that runs already, with its container."""

    def __init__(self) -> None:
        super().__init__()
        self._worker: Sandbox | None = None
        self._is_stopped = False

    def cancel(self) -> bool:
        """Whether it has been cancelled; False if it has ended."""
        if super().cancel():
            return True
        if self.done():
            return False
        self._is_stopped = True
        if worker := self._worker:
            worker.close()
        return True

    def follow(self, work: Future[None]) -> None:
        """The pool has done with it, and may not even have begun."""
        if work.cancelled() and super().cancel():
            self.set_running_or_notify_cancel()

    def cancelled(self) -> bool:
        """Whether it was, before it began or meanwhile."""
        return super().cancelled() or (self._is_stopped and self.done())


class Executor(Futures):
    """Runs commands and Python functions in containers of an image, up to `max_workers` (4) at a
    time.

    A container is made when a task finds none that is idle, used for one task after the other
    (`reuse=False`: for one only), replaced when it has died, and ends with the executor or the
    program. `timeout`: seconds that a task may take. `max_output`: bytes that one may write.
    `engine`: of which home they are. `files`, `settings`: as of `cuddy.Sandbox`.
    """

    def __init__(
        self, image: str, *, max_workers: int = 4, timeout: float | None = None,
        max_output: int = MAX_OUTPUT_BYTES, reuse: bool = True, python: str = "python3",
        files: Files | None = None, engine: Engine | None = None, **settings: Unpack[Wishes],
    ) -> None:  # fmt: skip
        """Raises TypeError, ValueError."""
        self._pool = ThreadPoolExecutor(max_workers, thread_name_prefix="cuddy")
        self._make: Callable[[], Sandbox] = lambda: Sandbox(
            image, files=files, engine=engine, **settings
        )
        self._usual = {"timeout": timeout, "max_output": max_output}
        self._reuse = reuse
        self._python = python
        self._idle: list[Sandbox] = []
        self._is_closed = False

    if TYPE_CHECKING:

        @overload
        def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]: ...
        @overload
        def submit(
            self, fn: str | Sequence[str], /, *args: str, env: Mapping[str, str] | None = None,
            user: str | int = "", workdir: str = "", input: str | bytes | None = None,
            timeout: float | None = None, check: bool = False, privileged: bool = False,
            max_output: int = 0,
        ) -> Future[Result]: ...  # fmt: skip

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a command run, with `args` behind its words and `kwargs` as of `Container.exec`: its
        Result. Or a Python function of a module that the image has, or that is sent along: what it
        returns, as far as JSON can tell it.

        The future ends with what `exec` raises, Timeout among it; for a function with TaskFailed if
        it raised. Raises InvalidArgument if a function or its arguments cannot be sent.
        """
        if callable(fn):
            command = [self._python, "-c", remote.PROGRAM]
            kwargs = {"input": remote.pack(fn, args, kwargs)}
        else:
            command = [*words(fn), *map(str, args)]
        task = Task()
        work = self._pool.submit(self._work, task, command, {**self._usual, **kwargs}, callable(fn))
        work.add_done_callback(task.follow)
        return task

    if TYPE_CHECKING:

        @overload
        def map(
            self, fn: Callable[..., T], *iterables: Iterable[Any], timeout: float | None = None,
            chunksize: int = 1,
        ) -> Iterator[T]: ...  # fmt: skip
        @overload
        def map(
            self, fn: str | Sequence[str], *iterables: Iterable[Any], timeout: float | None = None,
            chunksize: int = 1,
        ) -> Iterator[Result]: ...  # fmt: skip

    def map(
        self, fn: Any, *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[Any]:
        """The same for each, results in their order. `timeout`: seconds from now for all."""
        return super().map(fn, *iterables, timeout=timeout)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks, and end the containers when those at work have ended."""
        self._is_closed = True
        self._pool.shutdown(wait, cancel_futures=cancel_futures)
        self._clear()

    def _clear(self) -> None:
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return  # another thread has taken the last

    def _work(
        self, task: Task, command: list[str], wanted: dict[str, Any], is_function: bool
    ) -> None:
        if not task.set_running_or_notify_cancel():
            return
        try:
            result = self._run(task, command, wanted)
            if task._is_stopped:
                raise CancelledError
            task.set_result(remote.unpack(result) if is_function else result)
        except CommandNotFound as error:
            if is_function:
                error.hint = f"the image has no {self._python} to run functions"
            task.set_exception(error)
        except BaseException as error:
            task.set_exception(CancelledError() if task._is_stopped else error)
            if not isinstance(error, Exception):
                raise  # the program is to end: that is not for this task alone

    def _run(self, task: Task, command: list[str], wanted: dict[str, Any]) -> Result:
        for attempt in range(ATTEMPTS):
            worker = task._worker = self._take()
            try:
                if task._is_stopped:
                    raise CancelledError
                result = worker.exec(command, **wanted)
                break
            except (NoSuchContainer, NotRunning):
                worker.close()  # it has died since its last task
                if task._is_stopped or attempt == ATTEMPTS - 1:
                    raise
            except BaseException:
                self._give_back(worker)
                raise
        task._worker = None
        if result.exit_code == KILLED and not result.out_of_memory and has_ended(worker):
            raise TaskFailed("its container has ended", "", "", result.stderr_bytes)
        self._give_back(worker)
        return result

    def _take(self) -> Sandbox:
        try:
            return self._idle.pop()
        except IndexError:
            return self._make()

    def _give_back(self, worker: Sandbox) -> None:
        if self._reuse:
            self._idle.append(worker)
        else:
            worker.close()
        if self._is_closed:
            self._clear()


def has_ended(worker: Sandbox) -> bool:
    """Whether a sandbox has, or is just about to: its commands end a moment before it."""
    try:
        worker.wait(timeout=END_S)
    except NoSuchContainer:
        return True
    except Timeout:
        return False
    return True
