"""Which containers a boot starts, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import boot, container


def record(name: str, policy: str = "always", **more: str) -> Any:
    state = container.initial_state() | {"Status": "exited", "StartedAt": "2026-03-01T12:00:00Z"}
    host_config = {"RestartPolicy": {"Name": policy, "MaximumRetryCount": 0}, **more}
    return {"Id": name * 8, "Name": f"/{name}", "State": state, "HostConfig": host_config}


@pytest.mark.parametrize(
    ("policy", "asked_by", "comes_back"),
    [
        ("always", "", True), ("always", "user", True), ("always", "system", True),
        ("unless-stopped", "", True), ("unless-stopped", "system", True),
        ("unless-stopped", "user", False), ("on-failure", "", False), ("no", "", False),
    ],
)  # fmt: skip
def test_which_come_back(policy: str, asked_by: str, comes_back: bool) -> None:
    assert boot.comes_back(record("web", policy), {"StopAskedBy": asked_by}) is comes_back


@pytest.mark.parametrize(
    "state", [{"Running": True}, {"Dead": True}, {"StartedAt": container.NEVER}]
)
def test_what_runs_is_dead_or_never_ran_does_not(state: dict[str, Any]) -> None:
    web = record("web")
    web["State"] |= state
    assert not boot.comes_back(web, {})


def test_who_lives_with_another_comes_after_it() -> None:
    base, by_name = record("base"), record("app", NetworkMode="container:base")
    by_id = record("job", PidMode="container:" + "app" * 8)
    alone = record("web", NetworkMode="container:elsewhere")
    assert boot.waves([by_id, by_name, base, alone]) == [[base, alone], [by_name], [by_id]]
    first, second = (
        record("one", IpcMode="container:two"),
        record("two", IpcMode="container:one"),
    )
    assert boot.waves([first, second]) == [[first, second]]
