"""Run by test_process.py under each version of Python: prints "healthy" if a clone is.

python clone_health.py SOURCE
"""

from __future__ import annotations

import os
import sys

sys.path.insert(0, sys.argv[1])

from cuddy.kernel import namespaces, process

TESTS = []


def health(test):  # type: ignore[no-untyped-def]
    TESTS.append(test)
    return test


@health
def imports_work() -> None:
    import json

    assert json.loads("[1]") == [1]


@health
def signals_reach_python() -> None:
    import signal

    seen = []
    signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert seen == [signal.SIGUSR1]
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
    signal.pause()
    assert seen[1:] == [signal.SIGALRM]


@health
def it_can_fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3


@health
def it_can_clone_again() -> None:
    child = process.clone(namespaces.CLONE_NEWUTS)
    if child.pid == 0:
        namespaces.sethostname("inner")
        os._exit(4 if os.uname().nodename == "inner" else 5)
    assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == 4
    os.close(child.pidfd)
    assert os.uname().nodename != "inner"


@health
def it_can_run_programs() -> None:
    import subprocess

    assert subprocess.check_output(["echo", "hello"]) == b"hello\n"


@health
def fork_hooks_ran() -> None:
    assert HOOKS == ["before", "child"]


@health
def random_numbers_are_its_own() -> None:
    import random

    random.seed()
    assert os.urandom(8) != os.urandom(8)


@health
def threads_can_be_started() -> None:
    import threading

    seen = []
    thread = threading.Thread(target=lambda: seen.append(threading.get_ident()))
    thread.start()
    thread.join()
    assert len(seen) == 1
    assert threading.current_thread() is threading.main_thread()


@health
def exceptions_have_tracebacks() -> None:
    try:
        raise ValueError
    except ValueError as error:
        assert error.__traceback__ is not None


@health
def memory_can_be_collected() -> None:
    import gc

    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() > 0


HOOKS: list[str] = []
os.register_at_fork(
    before=lambda: HOOKS.append("before"),
    after_in_child=lambda: HOOKS.append("child"),
    after_in_parent=lambda: HOOKS.append("parent"),
)


def main() -> None:
    for test in TESTS:
        HOOKS.clear()
        child = process.clone(namespaces.CLONE_NEWPID | namespaces.CLONE_NEWNS)
        if child.pid == 0:
            code = 1
            try:
                test()
                code = 0
            except BaseException:
                import traceback

                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        assert HOOKS == ["before", "parent"], HOOKS
        code = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
        os.close(child.pidfd)
        assert code == 0, test.__name__
    print("healthy")


main()
