"""A monitor leaves the group in which it was started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cuddy.engine import session
from cuddy.kernel import cgroup


def test_a_process_leaves_the_scope_it_was_started_in() -> None:
    hierarchies = cgroup.find()
    tracked = [each for each in hierarchies.all if "name=systemd" in each.controllers]
    if not tracked:
        pytest.skip("no version 1 hierarchy named systemd")
    scope = Path(tracked[0].directory("/cuddy-test.scope"))
    scope.mkdir()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            (scope / "tasks").write_text("0")
            assert "/cuddy-test.scope" in Path("/proc/self/cgroup").read_text()
            session.move(cgroup.find())
            assert "/cuddy-test.scope" not in Path("/proc/self/cgroup").read_text()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    scope.rmdir()
    assert status == 0
