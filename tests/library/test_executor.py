"""Executor: commands and Python functions in containers, as `concurrent.futures` has it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console import TIME_FACTOR, Cuddy, wait_until
from cuddy import CommandFailed, Engine, Executor, Timeout
from cuddy.errors import (
    CommandNotFound,
    CorruptContent,
    InvalidArgument,
    TaskFailed,
    TooMuchOutput,
)
from cuddy.library import remote
from cuddy.library.values import Result

Program = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def executor(engine: Engine) -> Iterator[Executor]:
    with Executor("alpine", max_workers=2, network="none", engine=engine) as made:
        yield made


@pytest.fixture
def snakes(engine: Engine) -> Iterator[Executor]:
    """Of this machine's own files, so that there is a python3."""
    with Executor("host", max_workers=2, network="none", engine=engine) as made:
        yield made


def test_commands_have_results(executor: Executor) -> None:
    future = executor.submit(["cat"], input="read me")
    assert future.result() == Result(0, b"read me")
    assert executor.submit("sh -c 'exit 3'").result().exit_code == 3
    lines = executor.map(["echo", "number"], "123")
    assert [each.stdout for each in lines] == ["number 1\n", "number 2\n", "number 3\n"]
    failure = executor.submit("false", check=True).exception()
    assert isinstance(failure, CommandFailed)
    assert isinstance(executor.submit("no-such-command").exception(), CommandNotFound)


def test_workers_are_warm_and_no_more_than_wanted(executor: Executor, engine: Engine) -> None:
    def busy() -> set[str]:
        return {future.result().stdout for future in futures}

    futures = [executor.submit("sh -c 'sleep 0.2; hostname'") for _ in range(6)]
    assert len(busy()) == 2
    assert len(engine.containers.list()) == 2


def test_each_task_may_have_a_container_of_its_own(engine: Engine, cuddy: Cuddy) -> None:
    files = {"/app/seen": ""}
    words = "sh -c 'cat /app/seen; echo again >/app/seen; hostname'"
    with Executor("alpine", reuse=False, files=files, network="none", engine=engine) as own:
        found = {own.submit(words).result().stdout for _ in range(3)}
        assert len(found) == 3 and "again" not in str(found)
    assert cuddy.ok("ps", "-aq") == ""


def test_functions_of_python_have_values(snakes: Executor) -> None:
    assert snakes.submit(json.dumps, {"a": [1, None]}, indent=None).result() == '{"a": [1, null]}'
    assert snakes.submit(os.getpid).result() != os.getpid()
    assert list(snakes.map(os.path.join, ["/a", "/b"], ["c", "d"])) == ["/a/c", "/b/d"]
    assert snakes.submit(divmod, 7, 2).result() == [3, 1]  # as JSON has it


def test_a_function_of_the_program_is_sent_along(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    (tmp_path / "helper_of_test.py").write_text("def double(x):\n    return x * 2\n")
    path.write_text("""
import dataclasses, os
from helper_of_test import double

@dataclasses.dataclass
class Pair:
    left: int
    right: int

def add(pair, more):
    print("this is no answer")
    return [pair.left + pair.right + more, os.getuid()]

if __name__ == "__main__":
    import cuddy
    with cuddy.Executor("host", network="none", user=1000) as executor:
        print(executor.submit(double, 21).result())
        files = {"/lib-of-test/helper_of_test.py": open("helper_of_test.py").read()}
    with cuddy.Executor("host", network="none", user=1000, files=files,
                        env={"PYTHONPATH": "/lib-of-test"}) as executor:
        print(executor.submit(add, Pair(1, 2), more=3).result())
""")
    text = f"""
os.chdir({str(tmp_path)!r}); sys.path.insert(0, "")
os.execv(sys.executable, [sys.executable, "own.py"])
"""
    with program(f"os.environ['PYTHONPATH'] = sys.path[0]\n{text}") as process:
        out, err = process.communicate(timeout=120 * TIME_FACTOR)
    assert out == "42\n[6, 1000]\n", err


def test_what_a_function_raises_is_told(snakes: Executor) -> None:
    with pytest.raises(TaskFailed) as caught:
        snakes.submit(json.loads, "{\x1b]0;").result()
    assert caught.value.type == "JSONDecodeError" and "line 1 column 2" in caught.value.message
    assert "in raw_decode" in caught.value.trace
    with pytest.raises(TaskFailed, match="not JSON serializable"):
        snakes.submit(complex, 1).result()
    with pytest.raises(TaskFailed, match="Python ended with exit code 3"):
        snakes.submit(os._exit, 3).result()
    with pytest.raises(InvalidArgument, match="cannot be sent"):
        snakes.submit(lambda: 1)
    with pytest.raises(InvalidArgument, match="arguments of len cannot be sent"):
        snakes.submit(len, (each for each in "abc"))


def test_an_image_without_python_runs_no_functions(executor: Executor) -> None:
    with pytest.raises(CommandNotFound) as caught:
        executor.submit(os.getpid).result()
    assert "no python3" in caught.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"\x80\x04cposix\nsystem\n(Vtouch /tmp/owned\ntR.", b"[1]", b"{}", b"[" * 100_000,
        b'{"value": NaN}', b'{"value": 1} more', b'"\xff"',
    ],
)  # fmt: skip
def test_an_answer_that_is_hostile_comes_to_nothing(answer: bytes) -> None:
    with pytest.raises((CorruptContent, TaskFailed)):
        remote.unpack(Result(0, answer))


def test_what_a_container_says_of_an_error_cannot_speak_to_the_terminal() -> None:
    answer = json.dumps({"type": "\x1b[31m", "message": ["\x07"], "trace": "a\n\x1b"}).encode()
    with pytest.raises(TaskFailed) as caught:
        remote.unpack(Result(0, answer))
    assert str(caught.value) == "\\x1b[31m: ['\\x07']" and caught.value.trace == "a\n\\x1b"


def test_endless_output_is_ended(engine: Engine) -> None:
    with Executor("alpine", max_output=1 << 20, network="none", engine=engine) as executor:
        with pytest.raises(TooMuchOutput):
            executor.submit("yes").result()
        assert executor.submit("echo next").result().stdout == "next\n"


def test_a_task_that_takes_too_long_is_killed(engine: Engine) -> None:
    with Executor("alpine", timeout=0.5, network="none", engine=engine) as executor:
        with pytest.raises(Timeout) as caught:
            executor.submit("sh -c 'echo begun; sleep 1000'").result()
        assert caught.value.stdout == b"begun\n"
        assert executor.submit("sleep 0.1", timeout=100).result().exit_code == 0


def test_a_worker_that_has_died_is_replaced(executor: Executor, engine: Engine) -> None:
    first = executor.submit("hostname").result().stdout
    for container in engine.containers.list():
        container.remove(force=True)
    second = executor.submit("hostname").result().stdout
    assert second and first != second
    future = executor.submit("sleep 1000")
    wait_until(lambda: "sleep" in str([each.top().rows for each in engine.containers.list()]))
    for container in engine.containers.list():
        container.remove(force=True)
    assert isinstance(future.exception(), TaskFailed)
    assert executor.submit("echo fine").result().stdout == "fine\n"


def test_tasks_are_cancelled_before_and_while_they_run(engine: Engine) -> None:
    with Executor("alpine", max_workers=1, network="none", engine=engine) as executor:
        running, waiting = executor.submit("sleep 1000"), executor.submit("echo never")
        wait_until(running.running)
        assert waiting.cancel() and waiting.cancelled()
        assert running.cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            running.result()
        assert running.cancelled() and not running.cancel()
        assert executor.submit("echo fine").result().stdout == "fine\n"


def test_it_takes_nothing_after_its_end(engine: Engine, cuddy: Cuddy) -> None:
    executor = Executor("alpine", max_workers=1, network="none", engine=engine)
    running, waiting = executor.submit("sleep 0.3"), executor.submit("echo never")
    executor.shutdown(cancel_futures=True)
    assert running.result().exit_code == 0 and waiting.cancelled()
    assert cuddy.ok("ps", "-aq") == ""
    with pytest.raises(RuntimeError):
        executor.submit("true")


def test_event_loops_await_its_futures(executor: Executor) -> None:
    async def main() -> list[str]:
        futures = [executor.submit(["echo", str(number)]) for number in range(3)]
        results = await asyncio.gather(*map(asyncio.wrap_future, futures))
        return [each.stdout for each in results]

    assert asyncio.run(main()) == ["0\n", "1\n", "2\n"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_its_program(program: Program, cuddy: Cuddy, number: signal.Signals) -> None:
    text = """
executor = cuddy.Executor("alpine", network="none")
futures = [executor.submit("sleep 1000") for _ in range(2)]
while not all(future.running() for future in futures): time.sleep(0.01)
try:
    print("ready", flush=True)
    time.sleep(1000)
finally:
    for future in futures: future.cancel()
"""
    with program(text) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(number)
        process.wait(60 * TIME_FACTOR)
    wait_until(lambda: cuddy.ok("ps", "-aq") == "", what="containers left")
