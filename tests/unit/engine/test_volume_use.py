"""Which containers use a volume, and when it is rubbish."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cuddy.engine import volume_use, volumes
from cuddy.engine.home import Home
from cuddy.engine.volume_use import Claim
from cuddy.engine.volumes import Wish
from cuddy.errors import NoSuchVolume

NOBODY: frozenset[str] = frozenset()
ANONYMOUS: Wish = {"name": "anonymous", "is_transient": True}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    for name in ("containers", "tmp"):
        (tmp_path / name).mkdir()
    return Home(str(tmp_path), str(tmp_path / "run"))


def names(home: Home) -> list[str]:
    return [each["Name"] for each in volumes.list_volumes(home)]


def test_a_claim_brings_volumes_in(home: Home) -> None:
    with Claim(home, "box", [{"name": "data"}, ANONYMOUS], NOBODY):
        assert names(home) == ["anonymous", "data"]
        assert list(volume_use.rubbish(home)) == []  # it is held
        os.mkdir(home.container_dir("box"))
    assert volumes.users(home, "anonymous") == ["box"]
    assert list(volume_use.rubbish(home)) == []


def test_a_claim_that_comes_to_nothing_leaves_what_has_a_name(home: Home) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        Claim(home, "box", [{"name": "data"}, ANONYMOUS], NOBODY),
    ):
        raise ZeroDivisionError
    assert names(home) == ["data"]


def test_what_is_borrowed_has_to_be_there(home: Home) -> None:
    with pytest.raises(NoSuchVolume), Claim(home, "box", [ANONYMOUS], frozenset(["anonymous"])):
        raise AssertionError("it is not there")
    assert names(home) == []


def test_what_a_kill_left_is_rubbish_until_swept(home: Home) -> None:
    with Claim(home, "box", [{"name": "data"}, ANONYMOUS], NOBODY):
        pass  # killed here: the container never came to be
    assert list(volume_use.rubbish(home)) == ["anonymous"]
    volume_use.sweep(home)
    assert names(home) == ["data"]


def test_what_was_kept_is_not(home: Home) -> None:
    with Claim(home, "box", [ANONYMOUS], NOBODY):
        pass
    volume_use.keep(home, ["anonymous", "nothing"])
    assert list(volume_use.rubbish(home)) == []


def test_the_last_to_leave_takes_it(home: Home) -> None:
    for container in ("one", "two"):
        with Claim(home, container, [ANONYMOUS], NOBODY):
            os.mkdir(home.container_dir(container))
    for container in ("one", "two"):
        assert names(home) == ["anonymous"]
        os.rmdir(home.container_dir(container))
        volume_use.leave(home, container, ["anonymous"])
    assert names(home) == []


@pytest.mark.parametrize(
    "record",
    [None, [], {}, {"Mounts": None}, {"Mounts": 1}, {"Mounts": [1, {}, {"Type": "volume"}]},
     {"Mounts": [{"Type": "volume", "Name": "../x"}, {"Type": "bind", "Name": "data"}]}],
)  # fmt: skip
def test_a_broken_record_names_no_volumes(record: Any) -> None:
    assert volume_use.names_of(record) == []
