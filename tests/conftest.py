"""What every test gets: namespaces of its own session, the leak detector, a Home, a terminal.

As root the session runs inside the namespaces of `isolation.py`, and the detector of `leaks.py`
watches each test. Without root only the units run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import isolation
from leaks import Detector

TESTS = Path(__file__).parent
NEED_ROOT = ("kernel", "cli", "contract", "api")
DETECTOR = pytest.StashKey[Detector]()


def pytest_configure(config: pytest.Config) -> None:
    """As root, move the whole session into namespaces and come back only with its exit code."""
    if os.geteuid() != 0:
        return
    if isolation.is_inside():
        config.stash[DETECTOR] = Detector()
        config.option.basetemp = Path(isolation.directory(), "pytest")
        return
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture:
        capture.suspend_global_capture(in_=True)
    sys.stdout.flush()
    os._exit(isolation.enter([sys.executable, "-m", "pytest", *config.invocation_params.args]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs root when there is none, and say so."""
    if isolation.is_inside():
        return
    skip = pytest.mark.skip(reason="needs root: namespaces, mounts and cgroups are made for real")
    for item in items:
        room = item.path.relative_to(TESTS).parts[0]
        if room in NEED_ROOT or item.get_closest_marker("root"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a mount, process, cgroup, link, rule, file or descriptor behind."""
    detector = request.config.stash.get(DETECTOR, None)
    if detector is None:
        yield
        return
    before = detector.take()
    yield
    leaks = detector.leaks(before)
    if leaks:
        pytest.fail("\n".join(["this test leaks:", *leaks]), pytrace=False)
