"""On what the life of a sandbox may depend."""

from __future__ import annotations

import math
import os

import pytest

from cuddy.engine import sandboxes
from cuddy.errors import InvalidArgument


@pytest.mark.parametrize("pid", [0, -1, 1 << 22, 10**300])
def test_what_is_no_pid_owns_none(pid: int) -> None:
    with pytest.raises(InvalidArgument):
        sandboxes.find_owner(pid)


def test_an_owner_is_told_from_a_later_one_of_its_pid() -> None:
    pid, began = sandboxes.find_owner(os.getpid())
    assert pid == os.getpid()
    assert began > 0


@pytest.mark.parametrize("ttl_s", [0, -1, math.nan, math.inf, 1e300])
def test_what_is_no_time_is_none_to_live(ttl_s: float) -> None:
    with pytest.raises(InvalidArgument):
        sandboxes.end_after(ttl_s)
