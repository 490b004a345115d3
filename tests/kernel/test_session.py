"""A monitor leaves the group in which it was started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cuddy.engine import session
from cuddy.kernel import cgroup


@pytest.mark.parametrize("version", [1, 2])
def test_a_process_leaves_the_scope_it_was_started_in(version: int) -> None:
    hierarchies = cgroup.find()
    tracked = [
        each for each in hierarchies.all
        if each.version == version and (version == 2 or "name=systemd" in each.controllers)
    ]  # fmt: skip
    if not tracked:
        pytest.skip(f"no version {version} hierarchy by which systemd could track")
    scope = Path(tracked[0].directory("/cuddy-test.scope"))
    scope.mkdir()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            (scope / ("tasks" if version == 1 else "cgroup.procs")).write_text("0")
            assert "/cuddy-test.scope" in Path("/proc/self/cgroup").read_text()
            session.move(cgroup.find())
            assert "/cuddy-test.scope" not in Path("/proc/self/cgroup").read_text()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    scope.rmdir()
    assert status == 0
