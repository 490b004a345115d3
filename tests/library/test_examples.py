"""What is shown to people works: every script of examples/, every piece of docs/library.md."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from console import Cuddy
from cuddy import Engine
from cuddy.library import engine as engines
from cuddy.library import link

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PIECES = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/library.md").read_text(), re.M | re.S)
MAX_LINES = 25


@pytest.fixture(autouse=True)
def usual(engine: Engine, cuddy: Cuddy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session's Home is the usual one."""
    for name in ("CUDDY_ROOT", "CUDDY_RUNROOT"):
        monkeypatch.setenv(name, cuddy.environment[name])
    monkeypatch.setattr(engines, "ENGINES", [engine])
    monkeypatch.setattr(link, "USUAL", [engine.link])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_is_short(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES
    runpy.run_path(str(path))
    assert capsys.readouterr().out


def test_what_the_page_shows_is_so() -> None:
    assert len(PIECES) >= 6
    names: dict[str, object] = {}
    for piece in PIECES:
        exec(compile(piece, "docs/library.md", "exec"), names)
