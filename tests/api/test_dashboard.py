"""`cuddy dashboard` in a real browser: what a person sees of containers, and does with them."""

from __future__ import annotations

import json

import pytest

from browser import CTRL, Browser, Page
from console import ENGINE, Cuddy, wait_until
from dashboard import Dashboard, look, open_shell

pytestmark = pytest.mark.skipif(ENGINE != "cuddy", reason="no other engine has one")


def test_containers_appear_and_disappear(page: Page, cuddy: Cuddy) -> None:
    page.await_text("0 containers, 0 running", "#summary")
    box = cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    page.await_text("box", "#side")
    page.await_text("1 container, 1 running", "#summary")
    assert page.run(
        f"document.querySelector('a[href=\"#/containers/{box}\"]').ariaLabel"
    ).startswith("box, alpine, Up")
    assert page.text("#news") == "box is new"
    look(page, "overview")
    cuddy.ok("rm", "-f", "box")
    page.wait("!document.querySelector('#side').innerText.includes('box')")
    assert page.text("#news") == "box is gone"
    assert page.run("location.hash") == "#/"  # the token is nowhere to be seen
    assert page.complaints() == []


def test_logs_follow_and_what_is_in_them_stays_text(page: Page, cuddy: Cuddy) -> None:
    evil = "<img src=x onerror=alert(1)>"
    script = f"echo '{evil}'; printf '\\033[31mred\\033[0m\\n'; echo bad >&2; sleep 1000"
    box = cuddy.ok("run", "-d", "--name", "box", "alpine", "sh", "-c", script)
    page.run(f"location.hash = '#/containers/{box}/logs'")
    page.await_text(evil, ".log")
    page.await_text("bad", ".log .err")
    page.await_text("red", ".log .fg-1")
    look(page, "logs")
    cuddy.ok("exec", "box", "sh", "-c", "echo later > /proc/1/fd/1")
    page.await_text("later", ".log")
    page.click(".logs .find")
    page.type("later")
    assert page.wait("document.querySelector('.log').innerText === 'later'")
    assert page.text(".logs .count") == "1 line"
    assert page.complaints() == []


def test_a_terminal_shows_what_is_typed_and_what_comes_of_it(page: Page, cuddy: Cuddy) -> None:
    box = cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    open_shell(page, box)
    page.await_text("Connected", ".shell")
    page.type("echo $((6*7)) > /made; cat /made\n")
    page.await_text("\n42\n", ".screen")
    assert cuddy.ok("exec", "box", "cat", "/made") == "42"
    page.type("stty size\n")
    rows = page.run("document.querySelectorAll('.live .line').length")
    page.await_text(f"\n{rows} ", ".screen")
    page.resize(900, 500)
    page.wait(f"document.querySelectorAll('.live .line').length !== {rows}")
    rows = page.run("document.querySelectorAll('.live .line').length")
    page.type("clear\n")
    page.wait("!document.querySelector('.live').innerText.includes('42')")
    page.type("stty size\n")
    page.await_text(f"\n{rows} ", ".screen")
    look(page, "terminal")
    page.type("exec sh -c 'trap \"exit 3\" INT; sleep 1001'\n")
    wait_until(lambda: "sleep 1001" in cuddy.ok("top", "box"))
    page.press("c", CTRL)
    page.await_text("Ended with exit code 3", ".shell")
    assert page.complaints() == []


def test_a_shell_ends_when_the_page_goes(
    browser: Browser, dashboard: Dashboard, cuddy: Cuddy
) -> None:
    box = cuddy.ok("run", "-d", "--name", "box", "alpine", "sleep", "1000")
    page = browser.open(dashboard.url)
    open_shell(page, box)
    page.type("sh -c \"trap '' HUP; exec sleep 1001\"\n")
    wait_until(lambda: "sleep 1001" in cuddy.ok("top", "box"))
    page.close()
    wait_until(lambda: "sleep 1001" not in cuddy.ok("top", "box"))
    assert len(cuddy.ok("top", "box").splitlines()) == 2


def test_layers_are_drawn_to_scale(page: Page, cuddy: Cuddy) -> None:
    cuddy.ok("run", "--name", "one", "alpine", "sh", "-c", "head -c 3000000 /dev/zero > /large")
    cuddy.ok("commit", "one", "layered:1")
    cuddy.ok(
        "run",
        "--name",
        "two",
        "layered:1",
        "sh",
        "-c",
        "head -c 1000000 /dev/zero > /small; rm /large",
    )
    cuddy.ok("commit", "two", "layered:2")
    image = cuddy.ok("inspect", "--format", "{{.Id}}", "layered:2")
    page.run(f"location.hash = '#/images/{image}'")
    page.wait("document.querySelectorAll('.stack .layer').length === 3")
    drawn = page.run(
        "[...document.querySelectorAll('.stack .layer')].map("
        "(e) => [Number(e.dataset.bytes), e.getBoundingClientRect().height])"
    )
    assert [size for size, _ in drawn][:2] == [1_000_000, 3_000_000]
    total, height = sum(size for size, _ in drawn), sum(pixels for _, pixels in drawn)
    for size, pixels in drawn:
        assert abs(pixels / height - size / total) < 0.005
    page.click(".layers li:nth-child(2) summary")
    page.await_text("/large", ".layers")
    page.await_text("3.0 MB that nobody sees", ".waste")
    look(page, "layers")
    cuddy.ok("rm", "one", "two")
    cuddy.ok("rmi", "layered:1", "layered:2")
    assert page.complaints() == []


def test_a_container_is_explained(page: Page, cuddy: Cuddy) -> None:
    box = cuddy.ok("run", "-d", "--name", "box", "--hostname", "inside", "alpine", "sleep", "1000")
    page.run(f"location.hash = '#/containers/{box}/explain'")
    page.await_text("As the kernel has it now", ".explained")
    told = json.loads(cuddy.ok("explain", "--json", "box"))["Topics"]
    shown = page.run(
        "[...document.querySelectorAll('.explained section')].map((s) => [...s.querySelectorAll("
        "'tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent)))"
    )
    rows = [
        [row["Thing"], row["Host"], row["Container"], row["Note"]] for row in told["namespaces"]
    ]
    assert shown[0] == rows
    assert sum(map(len, shown)) == sum(map(len, told.values()))
    look(page, "explain")
    assert page.complaints() == []


def test_charts_show_what_it_uses(page: Page, cuddy: Cuddy) -> None:
    box = cuddy.ok(
        "run", "-d", "--name", "busy", "-m", "64m", "alpine", "sh", "-c", "while :; do :; done"
    )
    page.run(f"location.hash = '#/containers/{box}'")
    label = "document.querySelectorAll('.plot')[0].ariaLabel"
    page.wait(f"{label} && Number({label}.match(/([0-9.]+) %/)?.[1] ?? 0) > 10", timeout=60)
    page.await_text("67 MB", ".facts")
    page.wait("document.querySelector('.chart .stroke.one').getAttribute('d').includes('L')")
    look(page, "charts")
    page.run("document.querySelectorAll('.plot')[0].focus()")
    for _ in range(3):
        page.press("ArrowLeft")
    page.await_text("3 s ago", ".chart")
    assert page.complaints() == []


def test_it_is_started_and_stopped_and_the_second_press_counts(page: Page, cuddy: Cuddy) -> None:
    box = cuddy.ok("run", "-d", "--init", "--name", "box", "alpine", "sleep", "1000")
    page.run(f"location.hash = '#/containers/{box}'")
    stop = "[...document.querySelectorAll('.actions button')].at(-1)"
    page.wait(f"!{stop}.disabled")
    page.run(f"{stop}.click()")
    assert page.run(f"{stop}.textContent") == "Really stop?"
    assert cuddy.field("box", "{{.State.Running}}") == "true"
    page.run(f"{stop}.click()")
    page.await_text("Exited", "h1")
    assert cuddy.field("box", "{{.State.Running}}") == "false"
    page.click(".actions button")
    page.await_text("Up", "h1")


def test_dark_light_and_narrow(page: Page, cuddy: Cuddy) -> None:
    box = cuddy.ok(
        "run", "-d", "--name", "box", "alpine", "sh", "-c", "while :; do sleep 0.1; done"
    )
    ground = "getComputedStyle(document.body).backgroundColor"
    page.await_text("box", "#side")
    page.emulate(prefers_color_scheme="light")
    light = page.run(ground)
    page.emulate(prefers_color_scheme="dark")
    dark = page.run(ground)
    assert light != dark
    look(page, "overview-dark")
    page.click(".theme input[value=light] + span")
    assert page.run(ground) == light
    page.reload()
    page.await_text("box", "#side")
    assert page.run(ground) == light
    page.resize(390, 800)
    assert page.run("document.documentElement.scrollWidth") <= 390
    look(page, "narrow-list")
    page.click(f"a[href='#/containers/{box}']")
    page.await_text("box", "h1")
    assert page.run("document.documentElement.scrollWidth") <= 390
    assert not page.run("document.querySelector('.side').offsetParent")
    look(page, "narrow")
    page.click(".back")
    page.wait("!!document.querySelector('.side').offsetParent")
