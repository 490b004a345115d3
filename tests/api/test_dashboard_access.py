"""The dashboard without a mouse, and what a page needs for people who see little or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import CTRL, SHIFT, Page
from console import ENGINE, Cuddy
from dashboard import look

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has one")
FOCUSED = "(document.activeElement.ariaLabel || document.activeElement.textContent.trim())"
CHECKS = (Path(__file__).parent.parent / "access.js").read_text()
OPERABLE = {
    "button",
    "link",
    "textbox",
    "searchbox",
    "checkbox",
    "radio",
    "tab",
    "img",
    "region",
    "log",
}


@pytest.fixture
def box(cuddy: Cuddy) -> Iterator[str]:
    """A container that has written something."""
    script = "echo a line; echo a worse one >&2; exec sleep 1000"
    yield cuddy.ok("run", "-d", "--name", "box", "alpine", "sh", "-c", script)


VIEWS = {
    "overview": ("#/", "What runs"),
    "charts": ("#/containers/{}/charts", "Memory limit"),
    "logs": ("#/containers/{}/logs", "a worse one"),
    "terminal": ("#/containers/{}/terminal", "/ #"),
    "layers": ("#/containers/{}/layers", "drawn to scale"),
    "explain": ("#/containers/{}/explain", "As the kernel has it"),
}


@pytest.mark.parametrize("view", VIEWS)
def test_names_structure_and_contrast(page: Page, box: str, view: str) -> None:
    address, text = VIEWS[view]
    page.run(f"location.hash = '{address.format(box)}'")
    page.await_text(text)
    page.await_text("box", "#side")
    page.emulate(prefers_reduced_motion="reduce")  # colours at once
    assert page.run(f"{CHECKS}; mistakes()") == []
    nameless = [
        node["role"]["value"]
        for node in page.ask("Accessibility.getFullAXTree")["nodes"]
        if node.get("role", {}).get("value") in OPERABLE
        and not node.get("ignored")
        and not node.get("name", {}).get("value", "").strip()
    ]
    assert nameless == []
    for scheme in ("light", "dark"):
        page.emulate(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
        page.run("new Promise(requestAnimationFrame)")
        look(page, f"{view}-{scheme}")
        assert page.run(f"{CHECKS}; faint()") == []
    page.resize(390, 800)
    assert page.run("document.documentElement.scrollWidth") <= 390
    look(page, f"{view}-narrow")
    assert page.complaints() == []


def tab_to(page: Page, name: str, *, back: bool = False) -> None:
    """Press Tab until something of that name has the focus, as somebody would see."""
    for _ in range(60):
        page.press("Tab", SHIFT if back else 0)
        if page.run(f"{FOCUSED}.startsWith({name!r})"):
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert (
                page.run(outline) != "none"
                or page.run("document.activeElement.tagName") == "TEXTAREA"
            )
            return
    raise AssertionError(f"{name} cannot be reached by Tab")


def test_all_of_it_by_keys_alone(page: Page, cuddy: Cuddy, box: str) -> None:
    page.await_text("box", "#side")
    page.press("Tab")
    assert page.run(FOCUSED) == "Skip to the content"
    page.press("Enter")
    assert page.run("document.activeElement.id") == "content"
    tab_to(page, "CPU")
    page.press("ArrowLeft")
    page.await_text("1 s ago", ".chart")
    tab_to(page, "box, alpine", back=True)
    page.press("Enter")
    page.await_text("box", "h1")
    tab_to(page, "Charts")
    page.press("ArrowRight")
    page.await_text("a worse one", ".log")
    assert page.run(FOCUSED) == "Logs"
    page.press("ArrowRight")
    page.await_text("/ #", ".screen")
    page.wait("document.activeElement.tagName === 'TEXTAREA'")
    page.press("Tab")  # is the shell's
    assert page.run("document.activeElement.tagName") == "TEXTAREA"
    page.press("m", CTRL)
    assert page.run(FOCUSED) == "Terminal"
    page.press("End")
    page.await_text("As the kernel has it now", ".explained")
    page.press("Home")
    page.await_text("Memory limit")
    tab_to(page, "Stop", back=True)
    page.press("Enter")
    page.press("Enter")
    page.await_text("Exited", "h1")
    assert cuddy.field("box", "{{.State.Running}}") == "false"


def test_nothing_moves_for_who_does_not_want_it(page: Page, box: str) -> None:
    page.await_text("box", "#side")
    moving = (
        "[...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).transitionDuration"
        ".split(', ').some((d) => parseFloat(d) > 0)).length"
    )
    page.emulate(prefers_reduced_motion="no-preference")
    assert page.run(moving) > 0
    page.emulate(prefers_reduced_motion="reduce")
    assert page.run(moving) == 0


def test_the_colours_are_chosen_by_arrow_keys_and_kept(page: Page) -> None:
    page.emulate(prefers_color_scheme="light")
    page.run("document.querySelector('.theme input:checked').focus()")
    page.press("ArrowRight")
    assert page.run("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.run("document.documentElement.dataset.theme") == "dark"
