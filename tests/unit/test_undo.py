from __future__ import annotations

import os
import signal

import pytest

from cuddy.errors import CuddyError
from cuddy.undo import Undo


def test_steps_are_kept_when_the_block_ends_well() -> None:
    done: list[str] = []
    with Undo() as undo:
        undo.add(done.append, "release")
    assert done == []


def test_steps_are_taken_back_last_first_when_it_fails() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), Undo() as undo:
        undo.add(done.append, "first")
        undo.add(lambda *, name: done.append(name), name="second")
        raise KeyboardInterrupt
    assert done == ["second", "first"]


@pytest.mark.parametrize("error", [OSError(5, "I/O error"), CuddyError("no")])
def test_a_step_that_fails_does_not_stop_the_next(error: Exception) -> None:
    done: list[str] = []

    def fail() -> None:
        raise error

    with pytest.raises(ZeroDivisionError), Undo() as undo:
        undo.add(done.append, "first")
        undo.add(fail)
        raise ZeroDivisionError
    assert done == ["first"]


def test_a_bug_in_a_step_is_not_hidden() -> None:
    with pytest.raises(TypeError), Undo() as undo:
        undo.add(len)
        raise ZeroDivisionError


def test_undo_can_be_run_early_and_only_once() -> None:
    done: list[str] = []
    with Undo() as undo:
        undo.add(done.append, "once")
        undo.run()
        undo.run()
    assert done == ["once"]


def test_taking_back_is_not_interrupted() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), Undo() as undo:
        undo.add(done.append, "first")
        undo.add(os.kill, os.getpid(), signal.SIGINT)
        raise ZeroDivisionError
    assert done == ["first"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
