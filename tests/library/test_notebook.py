"""Jupyter: what cells show, by a real kernel; and that it is harmless, whatever it is."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cuddy as package
from console import TIME_FACTOR, Cuddy, wait_until
from cuddy import Engine, Listing
from cuddy.library import notebook
from cuddy.library.values import Change, Event, Result, Top

SOURCE = Path(package.__file__).parent.parent
TAGS = {"b", "div", "i", "pre", "table", "tbody", "td", "th", "thead", "tr"}
ATTRIBUTES = {"style", "scope", "role", "aria-label"}
HOSTILE = "<script>alert(1)</script>\" onload='x' \x1b[31m &amp;"


class Reader(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert tag in TAGS, tag
        for name, value in attrs:
            assert name in ATTRIBUTES, name
            assert "url(" not in str(value)

    def handle_data(self, data: str) -> None:
        self.text += data


class Client(nbclient.NotebookClient):
    """Keeps what has been drawn again."""

    def process_message(self, msg: dict[str, Any], cell: Any, index: int) -> Any:
        if msg["msg_type"] == "update_display_data":
            drawn = self.__dict__.setdefault("drawn", [])
            drawn.append(msg["content"]["data"]["text/html"])
        return super().process_message(msg, cell, index)


def run(*cells: str) -> tuple[list[Any], list[str]]:
    """The outputs of cells, and what was drawn again."""
    first = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import cuddy"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (first, *cells)])
    client = Client(book, timeout=120 * TIME_FACTOR, kernel_name="python3")
    asyncio.run(client.async_execute())
    return [cell["outputs"] for cell in book["cells"][1:]], client.__dict__.get("drawn", [])


@pytest.fixture
def usual(cuddy: Cuddy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session's Home is the usual one of a kernel."""
    for name in ("CUDDY_ROOT", "CUDDY_RUNROOT"):
        monkeypatch.setenv(name, cuddy.environment[name])


@pytest.mark.filterwarnings("ignore")  # of Jupyter's own, about its own
def test_cells_show_results_containers_images_and_logs_that_grow(usual: None) -> None:
    script = "sh -c 'for n in 1 2 3; do echo \"<b>line $n\"; sleep 0.4; done'"
    shown, drawn = run(
        "fails = 'echo \"<b>out\"; echo err >&2; exit 3'\n"
        "cuddy.run('alpine', ['sh', '-c', fails], network='none')",
        f"engine, script = cuddy.Engine(), {script!r}\n"
        "box = engine.containers.run('alpine', script, network='none', name='box')\n"
        "box.live_logs()",
        "engine.containers.list(all=True)",
        "engine.images.list()",
        "box.remove(); engine.close()",
    )
    result, logs, containers, images, _ = (
        Reader("".join(each["data"].get("text/html", "") for each in outputs if "data" in each))
        for outputs in shown
    )
    assert "exit code 3" in result.text and "<b>out" in result.text and "err" in result.text
    assert logs.text == "<b>line 1\n<b>line 2\n<b>line 3"
    assert "box" in containers.text and "exited (0)" in containers.text
    assert "alpine:latest" in images.text and "linux/" in images.text
    grown = [Reader(each).text for each in drawn]
    assert len(set(grown)) >= 3 and grown == sorted(grown, key=len)


def test_a_log_that_bursts_is_drawn_now_and_then(engine: Engine) -> None:
    words = ["sh", "-c", "seq 5000; sleep 0.3; echo last"]
    with engine.containers.run("alpine", words, network="none") as box:
        log = box.live_logs(lines=100)
        drawings = list(log.drawings())
        assert str(log).split()[-2:] == ["5000", "last"] and len(str(log).split()) == 100
        assert len(drawings) < 1000 and "last" in drawings[-1]
        assert "100 lines" in repr(log)


def test_whoever_stops_looking_leaves_the_container_alone(engine: Engine, cuddy: Cuddy) -> None:
    words = ["sh", "-c", "while echo line; do sleep 0.05; done"]
    with engine.containers.run("alpine", words, network="none", init=True) as box:
        drawings = box.live_logs().drawings()
        assert "line" in next(drawings)
        drawings.close()
        wait_until(lambda: cuddy.ok("ps", "-q") != "")


def test_whatever_is_hostile_is_only_text() -> None:
    event = Event("container", HOSTILE, HOSTILE, {HOSTILE: HOSTILE}, 0)
    things = [
        Result(1, HOSTILE.encode(), HOSTILE.encode(), warnings=(HOSTILE,)), event,
        Listing([event]), Listing([Change("A", HOSTILE.encode())]), Top([HOSTILE], [[HOSTILE]]),
    ]  # fmt: skip
    for thing in things:
        shown = Reader(thing._repr_html_())
        assert "<script>alert(1)</script>" in shown.text and "\x1b" not in shown.text


@given(st.text())
def test_any_text_is_shown_as_it_is_or_escaped(text: str) -> None:
    shown = Reader(notebook.text(text, text) + notebook.table([{text: text}]))
    assert set(shown.tags) <= TAGS and re.fullmatch(r"[^\x00-\x08\x0b-\x1f\x7f]*", shown.text)


def test_colours_are_the_pages_own_and_nothing_is_fetched() -> None:
    shown = Result(0, b"x")._repr_html_() + notebook.table([{"a": "b"}])
    assert not re.search(r"#[0-9a-f]{3,6}|https?:|<img|<link|<style", shown)
    assert "color:inherit;background:transparent" in shown


def test_what_is_long_is_cut() -> None:
    shown = Result(0, b"x" * 300_000)._repr_html_()
    assert len(shown) < 110_000 and "200000 characters before" in shown
    listed = Listing([Change("A", b"/file")] * 600)._repr_html_()
    assert listed.count("<tr>") == 501 and "and 100 more" in listed
    assert Listing([])._repr_html_() == "<i>nothing</i>"
