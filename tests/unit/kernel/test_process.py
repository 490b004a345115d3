"""What the end of a process is called."""

from __future__ import annotations

import os
import signal

import pytest

from cuddy.files import start_time
from cuddy.kernel import process


@pytest.mark.parametrize("code", [0, 1, 127, 255])
def test_an_exit_is_its_code(code: int) -> None:
    assert process.exit_code(code << 8) == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, 64])
def test_a_signal_is_128_and_its_number(number: int) -> None:
    assert process.exit_code(number) == 128 + number


def test_a_core_dump_is_still_its_signal() -> None:
    assert process.exit_code(signal.SIGSEGV | 0x80) == 139


class TestAProcessIsBelievedOnlyWithItsStartTime:
    def test_the_right_one_is_opened(self) -> None:
        pidfd = process.open_exact(os.getpid(), start_time(os.getpid()))
        assert pidfd >= 0
        os.close(pidfd)

    def test_another_of_the_same_pid_is_not(self) -> None:
        assert process.open_exact(os.getpid(), start_time(os.getpid()) + 1) == -1

    def test_one_that_is_gone_is_not(self) -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        began = start_time(pid)
        os.waitpid(pid, 0)
        assert process.open_exact(pid, began) == -1
