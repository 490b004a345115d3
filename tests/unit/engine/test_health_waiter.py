"""Waiting for the next probe: what the waiter hands on to whoever makes it."""

from __future__ import annotations

import os
import subprocess
import sys

from cuddy.engine.health_waiter import WAIT

PYTHON = [sys.executable, "-I", "-S", "-c"]


def test_the_next_probe_inherits_no_descriptor() -> None:
    """One more with each probe would be too many after a thousand of them."""
    fd = os.pidfd_open(os.getpid())
    listing = "import os; print(sorted(os.listdir('/proc/self/fd')))"
    done = subprocess.run(
        [*PYTHON, WAIT, str(fd), "1", *PYTHON, listing],
        pass_fds=[fd], capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    os.close(fd)
    assert done.stdout == "['0', '1', '2', '3']\n"  # and 3 is the listing itself
