"""What the command line's tests cannot do in containers whose users are not the host's.

`make test-userns` runs them with `userns = "auto"` as what is configured. Each test here fails
then, for the reason beside it, which is the kernel's; one that is listed and passes is a failure
as well.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ASKED_FOR = "CUDDY_TESTS_CONFIG"
"""Set by `make test-userns`: the config.toml of all containers."""

NO_NODES = "root of a user namespace makes no devices: mknod(2) asks for CAP_MKNOD over the host"
NO_GROUPS = "the control groups of version 1 are only the host's root's to divide"

EXPECTED = {
    # test, all its parameters if it has some: why it fails
    "test_cp.py::TestOut::test_everything_is_what_it_was": NO_NODES,
    "test_cp.py::TestMounts::test_set_user_id_and_devices_of_strangers_stay_powerless": NO_NODES,
    "test_cp_hostile.py::test_a_device_in_the_place_of_a_file_is_not_opened": NO_NODES,
    "test_devices.py::TestOneDevice::test_others_may_not": NO_NODES,
    "test_devices.py::test_a_rule_alone_allows_a_node_of_the_containers_own": NO_NODES,
    "test_isolation.py::TestDevices::test_allowed_devices_can_be_made_and_opened": NO_NODES,
}
if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
    EXPECTED |= {
        "test_devices.py::TestSettings::test_control_groups_may_be_the_containers_to_divide": (
            NO_GROUPS
        ),
    }


def is_asked_for() -> bool:
    """Whether all containers have users of their own, unless they say otherwise."""
    return ASKED_FOR in os.environ


def mark(items: Sequence[pytest.Item]) -> None:
    """Tell pytest which tests must fail."""
    for item in items if is_asked_for() else ():
        if reason := EXPECTED.get(name_of(item)):
            # `strict`: there is nothing to expect of a test that passes.
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def name_of(item: pytest.Item) -> str:
    """A test's name in the table."""
    return re.sub(r"\[.*", "", f"{item.path.name}{item.nodeid[item.nodeid.index('::') :]}")


def unknown(folder: Path) -> Iterator[str]:
    """Names of the table that no test of a folder has."""
    for name in EXPECTED:
        file, *_, test = name.split("::")
        if f"def {test}(" not in (folder / file).read_text():
            yield name
