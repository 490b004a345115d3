"""rename: a container is known by another name."""

from __future__ import annotations

import os

import pytest

from console import ENGINE, Cuddy


def test_a_running_container_goes_on_under_its_new_name(cuddy: Cuddy) -> None:
    container_id = cuddy.ok("run", "-d", "--name", "before", "alpine", "sleep", "1000")
    assert cuddy.ok("rename", "before", "after") == ""
    assert cuddy.field("after", "{{.Name}} {{.Id}}") == f"/after {container_id}"
    assert cuddy.ok("exec", "after", "echo", "hello") == "hello"
    assert cuddy.ok("ps", "--format", "{{.Names}}") == "after"
    result = cuddy("inspect", "before")
    assert result.code == 1
    cuddy.ok("create", "--name", "before", "alpine")  # it is free
    cuddy.ok("rename", container_id[:10], "/third")
    assert cuddy.ok("stop", "-t", "0", "third") == "third"
    assert cuddy.field("third", "{{.State.Status}}") == "exited"
    assert cuddy.ok("rm", "third", "before").split() == ["third", "before"]
    assert cuddy.ok("create", "--name", "third", "alpine")


def test_a_container_is_renamed_where_no_network_has_been_yet(fresh: Cuddy) -> None:
    fresh.ok("run", "-d", "--name", "before", "--network", "none", "alpine", "sleep", "1000")
    assert fresh.ok("rename", "before", "after") == ""
    assert fresh.field("after", "{{.State.Running}}") == "true"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("first", "first", "renaming a container with the same name as its current name"),
        ("first", "other", "already in use by container"),
        ("first", "bad name", "Invalid container name"),
        ("first", "", "neither old nor new names may be empty"),
        ("first", "../../x", "Invalid container name"),
        ("missing", "new", "No such container: missing"),
    ],
)
def test_what_is_not_a_new_name_is_refused(cuddy: Cuddy, old: str, new: str, reason: str) -> None:
    cuddy.ok("create", "--name", "first", "alpine")
    cuddy.ok("create", "--name", "other", "alpine")
    result = cuddy("rename", old, new)
    assert result.code == 1
    if ENGINE == "cuddy":
        assert reason in result.complaint
    assert sorted(cuddy.ok("ps", "-a", "--format", "{{.Names}}").split()) == ["first", "other"]


@pytest.mark.skipif(ENGINE != "cuddy", reason="it is about our records")
def test_a_rename_that_was_killed_can_be_finished(cuddy: Cuddy) -> None:
    """The new name leads to the container, and it does not know yet."""
    container_id = cuddy.ok("create", "--name", "before", "alpine")
    os.symlink(container_id, cuddy.root / "names/after")
    assert "after" in cuddy.ok("system", "check")
    result = cuddy("create", "--name", "after", "alpine")
    assert result.code == 125
    cuddy.ok("rename", "before", "after")
    assert sorted(os.listdir(cuddy.root / "names")) == ["after"]
    os.symlink(container_id, cuddy.root / "names/before")  # killed after the record
    cuddy.ok("system", "check", "--repair")
    assert sorted(os.listdir(cuddy.root / "names")) == ["after"]
