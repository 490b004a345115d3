"""What is shown to people works: examples/, and every piece of Python in README and library.md."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import cuddy as cuddy_library
from console import Cuddy
from cuddy import Engine
from cuddy.library import engine as engines
from cuddy.library import link
from registry import Registry

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PAGES = (("README.md", 1), ("docs/library.md", 6))
"""And how many pieces of Python each has at least."""
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


def pieces(page: str) -> list[str]:
    """The Python on a page."""
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)


@pytest.mark.parametrize(("page", "least"), PAGES)
def test_what_a_page_shows_is_so(page: str, least: int) -> None:
    assert len(pieces(page)) >= least
    names: dict[str, object] = {}
    for piece in pieces(page):
        exec(compile(piece, page, "exec"), names)


def test_an_image_is_published_as_the_page_shows(
    engine: Engine, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    (piece,) = (each for each in pieces("docs/library.md") if "def publish(" in each)
    names: dict[str, Any] = {"cuddy": cuddy_library}
    exec(compile(piece, "docs/library.md", "exec"), names)
    name = registry.name("published")
    (digest,) = names["publish"]("alpine", name)
    assert digest.startswith("sha256:")
    assert re.search("Pushed|Mounted from|already exists", capsys.readouterr().out)
    engine.images.remove(name)
