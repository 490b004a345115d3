"""What a committed image runs: the container's own, without what every container gets."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.engine import commit
from cuddy.image import history


def record(**config: Any) -> Any:
    usual = {
        "Hostname": "box", "User": "", "Tty": False, "Env": [], "Cmd": ["run"], "Volumes": None,
        "WorkingDir": "/", "Entrypoint": None, "Labels": {}, "StopSignal": "SIGTERM",
    }  # fmt: skip
    return {"Config": usual | config}


def test_a_variable_that_was_taken_away_is_not_there() -> None:
    found = commit.build_run_config(record(Env=["A=1", "B"]), {}, ())
    assert found == {"Cmd": ["run"], "Env": ["A=1"]}


def test_what_the_image_says_itself_stays() -> None:
    image: Any = {"WorkingDir": "/", "StopSignal": "SIGTERM"}
    found = commit.build_run_config(record(), image, ())
    assert (found["WorkingDir"], found["StopSignal"]) == ("/", "SIGTERM")


def test_triggers_are_not_inherited_but_health_checks_are() -> None:
    image: Any = {
        "OnBuild": ["RUN x"],
        "Healthcheck": {"Test": ["NONE"]},
        "ExposedPorts": {"1": {}},
    }
    found = commit.build_run_config(record(), image, ("EXPOSE 80",))
    assert "OnBuild" not in found
    assert found["Healthcheck"] == {"Test": ["NONE"]}
    assert found["ExposedPorts"] == {"1": {}, "80/tcp": {}}


@pytest.mark.parametrize("change", ["CMD []", "ENTRYPOINT []"])
def test_with_nothing_left_to_run_it_is_the_container_s_command(change: str) -> None:
    """As dockerd does."""
    assert commit.build_run_config(record(), {}, (change,))["Cmd"] == ["run"]


def test_an_image_that_tells_no_history_gets_a_step_for_each_layer() -> None:
    image: Any = {"rootfs": {"diff_ids": ["a", "b"]}, "history": [{"created_by": "x"}]}
    assert history.complete(image) == [{}, {"created_by": "x"}]
    image["history"] += [{"empty_layer": True}, {"created_by": "y"}]
    assert history.complete(image) == image["history"]


def test_only_empty_files_under_mounts_are_no_changes() -> None:
    import os

    empty = os.stat_result((0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    full = os.stat_result((0o100644, 0, 0, 1, 0, 0, 9, 0, 0, 0))
    assert commit.is_mount_point(b"etc/hosts", empty)
    assert not commit.is_mount_point(b"etc/hosts", full)
    assert not commit.is_mount_point(b"etc/other", empty)
