"""Names of containers on disk: what killed commands claimed is free again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cuddy.engine import names
from cuddy.engine.home import Home
from cuddy.errors import NameTaken

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(str(tmp_path / "root"), str(tmp_path / "run"))
    for directory in (home.names_dir, home.containers_dir):
        os.makedirs(directory)
    return home


def test_a_name_whose_container_never_came_to_be_is_free(home: Home) -> None:
    os.symlink("a" * 64, f"{home.names_dir}/web")
    os.symlink("b" * 64, f"{home.names_dir}/db")
    assert names.claim(home, "c" * 64, "web") == "web"
    assert os.listdir(home.names_dir) == ["web"]
    assert os.readlink(f"{home.names_dir}/web") == "c" * 64


def test_a_name_in_use_is_taken(home: Home) -> None:
    os.mkdir(home.container_dir("a" * 64))
    os.symlink("a" * 64, f"{home.names_dir}/web")
    with pytest.raises(NameTaken):
        names.claim(home, "c" * 64, "web")
    assert os.readlink(f"{home.names_dir}/web") == "a" * 64
