"""docs/commands says what the flags say."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parents[3] / "docs/commands"
GENERATE: dict[str, Any] = runpy.run_path(str(HERE / "generate.py"))
PAGES: dict[str, list[str]] = GENERATE["modules"]()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_page_of_a_command_is_current(name: str) -> None:
    written = (HERE / f"{name}.md").read_text()
    assert written == GENERATE["page"](name, PAGES[name]), "`make docs` writes it anew"
    assert len(written.partition(GENERATE["MARK"])[0].split()) > 20, "a page explains something"
